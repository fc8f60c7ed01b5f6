"""Catching what a client would send to a plugin's server: no answer is needed for that, so any plugin can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, Unpack
from urllib.parse import parse_qsl, urlsplit

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from core_llm import CallOptions, Client, ClientOptions, CoreLLMError, Prompt
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Mode
from core_llm_conformance.target import Target

PROMPT = "Say hello in one short sentence."
FOLLOWING = frozenset({"authorization", "content-length", "date", "x-amz-date"})
"""Headers that are others when the body or the time is."""
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it reached the transport; names of headers in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        """The address's path, as sent."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def json(self) -> JsonValue:
        """The body, parsed; the text of it, if it is no JSON."""
        try:
            return _JSON.validate_json(self.body)
        except ValidationError:
            return self.body.decode("utf-8", "replace")

    @property
    def shown(self) -> str:
        """The request as a failure shows it: without headers."""
        return f"{self.method} {self.url} {self.body.decode('utf-8', 'replace')}"

    @property
    def meaning(self) -> tuple[str, str, tuple[tuple[str, str], ...], object]:
        """What two requests are compared by: all but the headers."""
        return (self.method, self.path, tuple(sorted(self.query.items())), self.json)

    @property
    def whole(self) -> tuple[object, ...]:
        """What two requests with one key are compared by: headers too, but for those that follow from the rest."""
        headers = {name: value for name, value in self.headers.items() if name not in FOLLOWING}
        return (*self.meaning, tuple(sorted(headers.items())))


class Catcher(httpx.BaseTransport):
    """Keeps the requests that come, and refuses each: with the statuses given, in order, the last of them for ever."""

    def __init__(self, statuses: Sequence[int] = (400,), headers: Mapping[str, str] | None = None) -> None:
        self.caught: list[Sent] = []
        self._statuses = list(statuses)
        self._headers = dict(headers or {})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Keep the request and refuse it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.caught.append(Sent(request.method, str(request.url), headers, request.read()))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return httpx.Response(status, headers=self._headers, json={"error": {"message": "refused by the suite"}})


@dataclass(frozen=True, slots=True)
class Caught:
    """What came of one call: the requests it sent, and the error it ended with."""

    requests: tuple[Sent, ...]
    error: CoreLLMError | None

    @property
    def sent(self) -> Sent | None:
        """The first request; None if there was none."""
        return self.requests[0] if self.requests else None


class Probe:
    """A client of the plugin whose requests are caught; a context manager."""

    def __init__(
        self,
        target: Target,
        *,
        statuses: Sequence[int] = (400,),
        answer_headers: Mapping[str, str] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._target = target
        self._catcher = Catcher(statuses, answer_headers)
        self._http = httpx.Client(transport=self._catcher, trust_env=False)
        self._client = target.client(self._http, **options)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self._client.close()
        self._http.close()

    def call(self, make: Callable[[Client], object]) -> Caught:
        """Make a call and return what came of it.

        Raises:
            ConformanceFailure: Something else than an error of the core's tree came out of it.
        """
        already = len(self._catcher.caught)
        error = None
        try:
            make(self._client)
        except CoreLLMError as raised:
            error = raised
        except Exception as raised:  # a plugin may raise anything
            raise fail(
                "what a plugin raises while a request is made is an error of the core's tree",
                f"{type(raised).__name__}: {raised}",
                look_at=_innermost(raised),
            ) from raised
        return Caught(tuple(self._catcher.caught[already:]), error)

    def plain(self, prompt: Prompt = PROMPT, **options: Unpack[CallOptions]) -> Caught:
        """Ask for an answer at once."""
        return self.call(lambda client: client.generate(self._model(), prompt, **options))

    def stream(self, prompt: Prompt = PROMPT, **options: Unpack[CallOptions]) -> Caught:
        """Ask for a stream."""

        def begin(client: Client) -> None:
            with client.stream(self._model(), prompt, **options) as stream:
                for _ in stream:
                    pass

        return self.call(begin)

    def _model(self) -> str:
        return self._target.model_id("")

    def ask(self, mode: Mode, prompt: Prompt = PROMPT, **options: Unpack[CallOptions]) -> Caught:
        """Ask in either form."""
        return self.stream(prompt, **options) if mode == "stream" else self.plain(prompt, **options)

    def sent(self, mode: Mode = "stream", **options: Unpack[CallOptions]) -> Sent:
        """Return the request for a prompt that every plugin must be able to send.

        Raises:
            ConformanceFailure: Nothing was sent.
        """
        caught = self.ask(mode, **options)
        if caught.sent is None:
            raise fail(
                "a plain question is sent", f"nothing is sent: {caught.error}", look_at="the wire's encode_request"
            )
        return caught.sent


def modes(target: Target) -> tuple[Mode, ...]:
    """Return the forms in which a provider can be asked."""
    wire = target.loaded.wire(target.model)
    if target.capabilities().streaming == "unsupported" or not wire.can_stream:
        return ("plain",)
    return ("stream", "plain") if wire.can_generate else ("stream",)


def _innermost(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every value in JSON that holds no other, with its path; of lists, the positions."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, str(name)))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, str(number)))
    else:
        yield path, value


def differing(one: object, other: object) -> dict[tuple[str, ...], Any]:
    """Return path → value of what is in `other` and not, or otherwise, in `one`."""
    known = dict(leaves(one))
    return {path: value for path, value in leaves(other) if path not in known or not same(known[path], value)}


def same(one: object, other: object) -> bool:
    """Whether two plain values are equal, a number and a truth never being so."""
    return type(one) is type(other) and one == other
