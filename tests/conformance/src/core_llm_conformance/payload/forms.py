"""What every request has: a model, a form of answer, a wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import unquote

from core_llm import CoreLLMError, LocalProvider
from core_llm_conformance.contract.sending import Probe, Sent, leaves, modes
from core_llm_conformance.contract.sources import kind_of
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

OTHER_MODEL = "conformance-other-model"
ODD_MODEL = "conformance Odd?Model#1&a=b%20é"
"""A name with all that means something in an address."""


def check_model_is_named(target: Target) -> None:
    """Raise unless the request names the model that was asked for, whichever that is.

    Raises:
        ConformanceFailure: It does not.
    """
    rule = "the request names the model that the caller asks for, in its address or its body"
    for model in dict.fromkeys((target.model, *target.models.values(), OTHER_MODEL)):
        with Probe(replace(target, model=model, models={})) as probe:
            sent = probe.sent()
        if not _is_named(model, sent):
            found = f"{model!r} is asked for, and is nowhere"
            raise fail(rule, found, sent=sent.shown, look_at="the wire's encode_request")
    with Probe(replace(target, model=ODD_MODEL, models={})) as probe:
        odd = probe.stream().sent
    if odd is not None and not _is_named(ODD_MODEL, odd):
        advice = "urllib.parse.quote(model, safe='') where the name is part of the path"
        raise fail(rule, f"{ODD_MODEL!r} is asked for, and is not what is sent", sent=odd.shown, look_at=advice)


def _is_named(model: str, sent: Sent) -> bool:
    return model in [value for _, value in leaves(sent.json)] or model in unquote(sent.path)


def check_stream_is_asked_for(target: Target) -> None:
    """Raise unless a stream is asked for by another request than a plain answer, and each framed as the wire says.

    Raises:
        ConformanceFailure: They are the same.
    """
    rule = "a stream and a plain answer are asked for by different requests"
    if len(modes(target)) == 1:
        return
    with Probe(target) as probe:
        streamed, plain = probe.stream().sent, probe.plain().sent
    if streamed is None or plain is None:
        raise fail(rule, "nothing is sent", look_at="the wire's encode_request")
    if _form(streamed) == _form(plain):
        advice = "request.is_stream says which form is wanted; or set can_stream, can_generate to what the wire has"
        raise fail(rule, "they are the same", sent=streamed.shown, look_at=advice)


def _form(sent: Sent) -> object:
    return (sent.meaning, sent.headers.get("accept"))


def choosable(target: Target) -> Iterator[Case]:
    """Yield every wire that the configuration can choose."""
    if not isinstance(target.loaded, LocalProvider):
        yield from (Case(choice, choice) for choice in kind_of(target).wire_choices)


def check_wire_can_be_chosen(target: Target, choice: str) -> None:
    """Raise unless a provider that is configured to speak a wire does, for every model.

    Raises:
        ConformanceFailure: It speaks another, or none.
    """
    rule = "the option `wire` chooses the wire for every model"
    given = target.config.get("options")
    options = {**(given if isinstance(given, Mapping) else {}), "wire": choice}
    chosen = replace(target, config={**target.config, "options": options})
    wanted = kind_of(target).wire_choices[choice]
    for model in (target.model, OTHER_MODEL):
        try:
            found = chosen.loaded.wire_type(model)
        except CoreLLMError as error:
            raise fail(rule, f"wire = {choice!r}: {error}", look_at=f"{kind_of(target).__name__}.__init__") from None
        if found is not wanted:
            raise fail(rule, f"wire = {choice!r}, and {model} speaks {found.__name__}", look_at="Provider.wire_type")
    with Probe(chosen) as probe:
        probe.sent()
