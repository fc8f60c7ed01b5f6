"""What is declared unsupported is refused before anything is sent; dropped or sent where the caller wants that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from core_llm import CallOptions, FilePart, LocalChannel, LocalProvider, Message, Prompt, Request, UnsupportedError
from core_llm_conformance.contract.other_calls import ASKED, CALLS
from core_llm_conformance.contract.samples import PIXEL, SCHEMA, TOOL
from core_llm_conformance.contract.sending import PROMPT, Caught, Probe
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.payload.knobs import KNOBS, beside
from core_llm_conformance.target import Target

RULE = "what is declared unsupported raises UnsupportedError, which names it, before anything is sent"
FILES = {
    "image_input": FilePart(media_type="image/png", data=PIXEL),
    "audio_input": FilePart(media_type="audio/wav", data=b"RIFF0000WAVE"),
    "document_input": FilePart(media_type="application/pdf", data=b"%PDF-1.4", name="report.pdf"),
    "video_input": FilePart(media_type="video/mp4", data=b"0000ftypisom"),
}
ASKING: dict[str, tuple[Prompt, CallOptions]] = {
    "system_prompt": (PROMPT, {"system": "Be brief."}),
    "tools": (PROMPT, {"tools": [TOOL]}),
    "tool_choice": (PROMPT, {"tools": [TOOL], "tool_choice": "required"}),
    "structured_output": (PROMPT, {"output": SCHEMA}),
    "json_output": ("Say hello as JSON.", {"output": "json"}),
    **{feature: ([Message.user("What is this?", part)], {}) for feature, part in FILES.items()},
}
"""Feature → prompt and options of a request that needs it."""
DROPPED = ("tool_choice", "settings.")
"""What can be left out without changing what was asked."""


def denied(target: Target) -> Iterator[Case]:
    """Yield every feature and knob that is declared unsupported for the model, and that a request can need."""
    declared = target.capabilities()
    features = [*ASKING, *(f"settings.{name}" for name in KNOBS), "streaming"]
    for feature in features:
        if declared.support(feature) == "unsupported":
            yield Case(feature, feature)
    for feature, scenario in ASKED.items():
        if target.capabilities(scenario).support(feature) == "unsupported":
            yield Case(feature, feature)


class StandIn:
    """Stands in for the local model of a provider: notes what reaches it, and answers nothing."""

    def __init__(self, target: Target) -> None:
        kind = type(target.loaded)
        self.reached: list[Request] = []
        reached = self.reached

        class Noting(kind):  # type: ignore[misc, valid-type]  # whatever the plugin's class is
            def prepare_local(self, request: Request, channel: LocalChannel) -> None:
                """Load nothing."""

            def run_local(self, request: Request, channel: LocalChannel) -> None:
                """Note the request."""
                reached.append(request)
                channel.finish("stop")

        self.provider = Noting(target.loaded.config, name=target.loaded.endpoint)


def check_unsupported_raises_before_sending(target: Target, feature: str) -> None:
    """Raise unless what is declared unsupported is refused, and dropped or sent where the caller says so.

    Raises:
        ConformanceFailure: It is not; says what was sent.
    """
    if feature == "streaming":
        _check_streaming(target)
        return
    refused, sent = _ask(target, feature, "raise")
    name = feature.removeprefix("settings.")
    if sent:
        raise fail(
            RULE, f"{feature} is declared unsupported, and the request is sent", sent=sent, look_at=_where(target)
        )
    if not isinstance(refused.error, UnsupportedError):
        found = f"{feature} is declared unsupported, and a request that needs it comes to {_told(refused)}"
        raise fail(RULE, found, look_at=_where(target))
    if refused.error.feature != name:
        found = f"the error names {refused.error.feature!r} in place of {name!r}"
        raise fail(RULE, found, look_at=_where(target))
    if feature in CALLS:
        return
    _check_drop(target, feature)
    _check_send(target, feature)


def _check_drop(target: Target, feature: str) -> None:
    dropped, sent = _ask(target, feature, "drop")
    if feature.startswith(DROPPED):
        bare = _bare(target, feature)
        if sent != bare:
            rule = "with on_unsupported='drop', what is declared unsupported is left out, and nothing else changes"
            raise fail(rule, f"{feature} is dropped, and another request is sent: {_told(dropped)}", sent=sent)
    elif sent or not isinstance(dropped.error, UnsupportedError):
        rule = "with on_unsupported='drop', what cannot be left out without changing what was asked still raises"
        raise fail(rule, f"a request that needs {feature} comes to {_told(dropped)}", sent=sent or None)


def _check_send(target: Target, feature: str) -> None:
    """With ``send`` the provider is asked, unless the wire has no words for it; then it says so."""
    asked, sent = _ask(target, feature, "send")
    rule = "with on_unsupported='send', the request is sent with what was asked, or the wire says that it cannot"
    if not sent and asked.error is None and not isinstance(target.loaded, LocalProvider):
        raise fail(rule, f"a request that needs {feature} is not sent, and raises nothing")
    if sent and sent == _bare(target, feature) and not isinstance(target.loaded, LocalProvider):
        found = f"the request is sent without {feature}, and nobody is told"
        raise fail(
            rule, found, sent=sent, look_at="the wire's encode_request: raise UnsupportedError for what it cannot say"
        )


def _check_streaming(target: Target) -> None:
    """A model without streaming is asked at once, and its answer handed on as a stream."""
    with Probe(target) as probe:
        streamed, plain = probe.stream().sent, probe.plain().sent
    if streamed is None or plain is None or streamed.meaning != plain.meaning:
        rule = "a model that is declared to have no streaming is sent a plain request, whatever the caller asks for"
        raise fail(rule, "stream() sends another request than generate()", sent=streamed.shown if streamed else None)


def _bare(target: Target, feature: str) -> str:
    """Return what is sent where nothing needs the feature."""
    prompt, options = _wanted(target, feature)
    name = feature.removeprefix("settings.")
    left: dict[str, Any] = {key: value for key, value in options.items() if key not in (name, "system", "output")}
    if feature == "tools":
        left.pop("tools", None)
    return _send(target, prompt if feature not in FILES else "What is this?", left)[1]


def _ask(target: Target, feature: str, on_unsupported: str) -> tuple[Caught, str]:
    if feature in CALLS:
        with Probe(target, on_unsupported=on_unsupported) as probe:  # type: ignore[arg-type]  # one of the three
            caught = probe.call(lambda client: CALLS[feature](client, target))
        return caught, caught.sent.shown if caught.sent else ""
    prompt, options = _wanted(target, feature)
    return _send(target, prompt, {**options, "on_unsupported": on_unsupported})


def _wanted(target: Target, feature: str) -> tuple[Prompt, CallOptions]:
    if feature.startswith("settings."):
        knob = KNOBS[feature.removeprefix("settings.")]
        given = {**beside(target, knob), knob.name: knob.values[0]}
        return PROMPT, cast("CallOptions", given)
    prompt, options = ASKING[feature]
    if feature == "tool_choice" and target.capabilities().tools == "unsupported":
        return prompt, {"tool_choice": "required"}
    return prompt, options


def _send(target: Target, prompt: Prompt, options: Any) -> tuple[Caught, str]:  # noqa: ANN401  # a call's options
    """Make a call; return what came of it, and what reached the provider or the local model, as text."""
    if not isinstance(target.loaded, LocalProvider):
        with Probe(target) as probe:
            caught = probe.stream(prompt, **options)
        return caught, caught.sent.shown if caught.sent else ""
    stand_in = StandIn(target)
    with Probe(target, providers=[stand_in.provider]) as probe:
        caught = probe.stream(prompt, **options)
    return caught, stand_in.reached[0].model_dump_json() if stand_in.reached else ""


def _told(caught: Caught) -> str:
    return "an answer" if caught.error is None else f"{type(caught.error).__name__}: {caught.error}"


def _where(target: Target) -> str:
    return f"capabilities_for({target.model!r}) of {type(target.loaded).__name__}"
