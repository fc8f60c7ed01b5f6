"""A conversation that goes on: what of earlier turns goes back to the provider, and what must not."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from core_llm import LocalProvider, Message, ProviderPart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from core_llm_conformance.contract.samples import TOOL
from core_llm_conformance.contract.sending import Probe, leaves, modes
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.payload.extras import NOBODY
from core_llm_conformance.payload.parts import CALL, OTHER_CALL, OTHER_RESULT, RESULT, TURNS, text_of
from core_llm_conformance.target import Target

FOREIGN = "mark-foreign"
_STATE: dict[str, JsonValue] = {NOBODY: {"signature": FOREIGN, "id": FOREIGN, "type": FOREIGN}}


def check_foreign_state_is_not_sent(target: Target) -> None:
    """Raise if what another provider made opaque is sent to this one: it could not read it, and it is not its to have.

    Raises:
        ConformanceFailure: It is.
    """
    rule = "signatures, ids and items of another provider are never sent to this one"
    answer = Message.assistant(
        ReasoningPart(text="Hm.", provider_state=_STATE),
        TextPart(text="mark-said", provider_state=_STATE),
        ProviderPart(provider=NOBODY, type=FOREIGN, data={"text": FOREIGN, "type": FOREIGN}),
    )
    with Probe(target) as probe:
        for mode in modes(target):
            sent = probe.ask(mode, [Message.user("Q"), answer, Message.user("Go on.")]).sent
            if sent is None or "mark-said" not in text_of(sent):
                raise fail("an answer of another provider goes on at this one", "its text is not sent")
            if FOREIGN in text_of(sent):
                advice = "part.provider_state.get(self.provider), and ProviderPart only where part.provider is this one"
                raise fail(rule, f"{FOREIGN!r} is in the request", sent=sent.shown, look_at=advice)


def check_cut_calls_are_not_sent(target: Target) -> None:
    """Raise if a call of a tool that was cut off goes back: nobody has answered it, and its arguments are no JSON.

    Raises:
        ConformanceFailure: It does.
    """
    rule = "a call that is not complete does not go back into the conversation"
    cut = ToolCallPart(id="call_cut", name="mark_cut", raw_arguments='{"city": "mark-cu', is_complete=False)
    turns = [Message.user("Q"), Message.assistant("mark-said", cut), Message.user("mark-next")]
    with Probe(target) as probe:
        caught = probe.stream(turns)
    if caught.sent is None:
        raise fail(rule, f"nothing is sent: {caught.error}", look_at="the wire's encoding of an assistant's message")
    if "mark_cut" in text_of(caught.sent) or "mark-cu" in text_of(caught.sent):
        advice = "message.tool_calls has the complete ones; ToolCallPart.is_complete tells"
        raise fail(rule, "it is in the request", sent=caught.sent.shown, look_at=advice)


def talking_tools(target: Target) -> Iterator[Case]:
    """Yield one case for a provider that sends the results of tools."""
    if not isinstance(target.loaded, LocalProvider) and target.capabilities().tools != "unsupported":
        yield Case("tools", target.name)


def check_failed_tool_is_told(target: Target) -> None:
    """Raise unless the model is told that a tool failed: the request is another than for a result with the same text.

    Raises:
        ConformanceFailure: It is not.
    """
    failed = RESULT.model_copy(update={"is_error": True})
    with Probe(target) as probe:
        good = probe.stream([*TURNS], tools=[TOOL]).sent
        bad = probe.stream([*TURNS[:2], Message.tool(failed)], tools=[TOOL]).sent
    if good is not None and bad is not None and good.meaning == bad.meaning:
        raise fail(
            "the model is told that a tool failed",
            "a result with is_error is sent like one without",
            sent=bad.shown,
            look_at="the wire's encoding of ToolResultPart; without a field for it, the text can begin with 'Error: '",
        )


def check_results_belong_to_their_calls(target: Target) -> None:
    """Raise if the results of two calls of one tool cannot be told apart, where the wire has ids.

    Raises:
        ConformanceFailure: They cannot.
    """
    rule = "the id in a tool's result is that of its call, also where the wire wants ids of another form"
    turns = [Message.user("Q"), Message.assistant(CALL, OTHER_CALL), Message.tool(RESULT, OTHER_RESULT)]
    swapped = [*turns[:2], Message.tool(_named(RESULT, "call_b2"), _named(OTHER_RESULT, "call_a1"))]
    renamed = [
        turns[0],
        Message.assistant(CALL.model_copy(update={"id": "call_c3"}), OTHER_CALL),
        Message.tool(_named(RESULT, "call_c3"), OTHER_RESULT),
    ]
    with Probe(target) as probe:
        base, other, third = (probe.stream([*one], tools=[TOOL]).sent for one in (turns, swapped, renamed))
    if base is None or other is None or third is None or base.meaning == third.meaning:
        return  # a wire that has no ids tells results by their order
    if base.meaning == other.meaning:
        raise fail(rule, "results that belong to each other's calls are sent alike", sent=base.shown)
    for sent, beside in ((base, third), (third, base)):
        values = [value for _, value in leaves(sent.json)]
        elsewhere = {_text(value) for _, value in leaves(beside.json)}
        ids = {value for value in values if isinstance(value, str)} - elsewhere
        for one in sorted(ids):
            if values.count(one) < 2:  # noqa: PLR2004  # in the call and in its result
                raise fail(rule, f"the id {one!r} is sent once, in the call or in its result alone", sent=sent.shown)


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _named(result: ToolResultPart, call_id: str) -> ToolResultPart:
    return result.model_copy(update={"tool_call_id": call_id})
