"""Whether what a wire makes is a request at all: method, path, names of headers, texts in header and query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast, get_args

from pydantic_core import PydanticSerializationError, from_json, to_json

from core_llm import CoreLLMError
from core_llm.wire import Framing, WireRequest
from core_llm_conformance.contract.declaration import HEADER, HOLDS_KEY
from core_llm_conformance.contract.purity import exchanges, made_wires
from core_llm_conformance.contract.samples import requests
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def check_requests_are_well_formed(target: Target) -> None:
    """Raise unless every request of every wire can be sent as it is.

    Raises:
        ConformanceFailure: One cannot; says what is wrong with it.
    """
    for what, wired, is_stream in _made(target):
        problem = next(problems(wired, is_stream=is_stream), None)
        if problem is not None:
            raise fail(
                "what a wire makes is a WireRequest as its fields are described",
                f"when it {what}, {problem}",
                sent=f"{wired}",
                look_at="core_llm.wire.WireRequest",
            )


def _made(target: Target) -> Iterator[tuple[str, WireRequest, bool]]:
    for wire in made_wires(target):
        for request in requests(target.model):
            try:
                yield f"encodes a request by {type(wire).__name__}", wire.encode_request(request), request.is_stream
            except CoreLLMError:  # it says that it cannot
                continue
    for what, exchange in exchanges(target):
        try:
            yield what, next(exchange()), False
        except (CoreLLMError, StopIteration):
            continue


def problems(wired: object, *, is_stream: bool) -> Iterator[str]:
    """Yield what is wrong with a wire's request, a sentence each."""
    if not isinstance(wired, WireRequest):
        yield f"it makes a {type(wired).__name__}"
        return
    yield from _lines(wired)
    if not is_stream and wired.framing != "none":
        yield f"a plain answer is asked for, and the framing is {wired.framing!r}; it is 'none'"
    yield from _texts("header", cast("Mapping[object, object]", wired.headers))
    yield from _texts("field of the query", cast("Mapping[object, object]", wired.query))
    yield from _names(wired)
    if (wrong := _wrong_body(wired)) is not None:
        yield wrong


def _lines(wired: WireRequest) -> Iterator[str]:
    if wired.method not in METHODS:
        yield f"the method is {wired.method!r}"
    if not wired.path.startswith(("/", "https://", "http://")):
        yield f"the path is {wired.path!r}; it begins with a slash"
    if any(sign in wired.path for sign in (" ", "\n", "#")):
        yield f"the path is {wired.path!r}; a model's name in it is to be quoted"
    if wired.framing not in get_args(Framing):
        yield f"the framing is {wired.framing!r}"


def _names(wired: WireRequest) -> Iterator[str]:
    for name in wired.headers:
        if name != name.lower() or not HEADER.fullmatch(name):
            yield f"the header {name!r} is not in lower case, so a caller's own of that name would be a second one"
        if HOLDS_KEY.search(name):
            yield f"there is a header {name!r}: the key is put into the request by Provider.auth"


def _texts(what: str, pairs: Mapping[object, object]) -> Iterator[str]:
    for name, value in pairs.items():
        if not isinstance(name, str) or not isinstance(value, str):
            yield f"the {what} {name!r} is {value!r}, which is no text"
        elif "\n" in value or "\r" in value:
            yield f"the {what} {name!r} has a line end in it"


def _wrong_body(wired: WireRequest) -> str | None:
    if wired.body is None or isinstance(wired.body, bytes):
        return None
    try:
        text = to_json(wired.body)
    except (PydanticSerializationError, ValueError) as error:
        return f"the body is no JSON: {error}"
    return None if from_json(text) == wired.body else "the body is another after it was written as JSON"
