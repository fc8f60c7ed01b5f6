"""Holding a spoilt answer to the undisturbed one: the same events and the same response, or what differs."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import JsonValue

from core_llm import RawEvent, Response, StreamEvent, StreamStart, ToolCallPart, event_to_dict
from core_llm_conformance.faults.rules import Played, shortened
from core_llm_conformance.faults.subject import Subject

MARK = "x_conformance_unknown"
"""What begins every name that the suite makes up: no wire has it."""


def same_events(subject: Subject) -> Callable[[Played], str | None]:
    """Return the judge of what must change nothing at all: every event is the same, whatever was read at once."""

    def judge(played: Played) -> str | None:
        if not played.is_success:
            return f"not the same: {played}"
        pairs = zip(subject.events, played.events, strict=False)
        for number, (wanted, got) in enumerate(pairs):
            if wanted != got and _told(wanted) != _told(got):
                return f"event {number} is {_shown(got)}, in the undisturbed answer {_shown(wanted)}"
        if len(subject.events) != len(played.events):
            return f"{len(played.events)} events, in the undisturbed answer {len(subject.events)}"
        return None

    return judge


def same_response(subject: Subject) -> Callable[[Played], str | None]:
    """Return the judge of what may add events and notes, but must leave the response as it is."""
    wanted = stripped(subject.whole)

    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"not the same: {played}"
        return differing(wanted, stripped(played.response))

    return judge


def same_answer(subject: Subject) -> Callable[[Played], str | None]:
    """Return the judge of what may be kept beside the answer, but must leave what an application acts on as it is."""
    wanted = answer_of(subject.whole)

    def judge(played: Played) -> str | None:
        if not played.is_success or played.response is None:
            return f"not the same: {played}"
        got = answer_of(played.response)
        return next((differing(wanted[name], got[name], name) for name in wanted if wanted[name] != got[name]), None)

    return judge


def answer_of(response: Response) -> dict[str, object]:
    """Return what an application acts on, by name."""
    usage = None if response.usage is None else response.usage.model_dump(exclude={"raw"})
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "refusal": response.refusal,
        "tool calls": calls_of(response),
        "finish_reason": response.finish_reason,
        "raw_finish_reason": response.raw_finish_reason,
        "usage": usage,
        "id": response.id,
        "model": response.model,
    }


def differing(wanted: object, got: object, name: str = "response") -> str | None:
    """Return where two values differ first, in words."""
    if wanted == got:
        return None
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in dict.fromkeys([*wanted, *got]):
            if found := differing(wanted.get(key), got.get(key), f"{name}.{key}"):
                return found
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        pairs = enumerate(zip(wanted, got, strict=True))
        return next((found for at, pair in pairs if (found := differing(*pair, f"{name}[{at}]"))), None)
    return f"{name} is {shortened(str(got))}, in the undisturbed answer {shortened(str(wanted))}"


def stripped(response: Response) -> JsonValue:
    """Return a response as JSON without anything that the suite made up."""
    return _without_mark(response.model_dump(mode="json"))


def content_of(response: Response) -> tuple[object, ...]:
    """Return the content: texts, and calls as they would run."""
    return response.text, response.reasoning, response.refusal, calls_of(response)


def calls_of(response: Response) -> list[object]:
    """Return every call with its name, its arguments, parsed if it is complete, and whether it is."""
    return [
        (part.name, part.raw_arguments if part.arguments is None else part.arguments, part.is_complete)
        for part in response.parts
        if isinstance(part, ToolCallPart)
    ]


def _without_mark(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _without_mark(item) for name, item in value.items() if not name.startswith(MARK)}
    if isinstance(value, list):
        return [_without_mark(item) for item in value]
    return value


def _told(event: StreamEvent) -> object:
    """Return an event as it is compared: a StreamStart may know less, if it comes before the frame that says it."""
    return StreamStart if isinstance(event, StreamStart) else event


def _shown(event: StreamEvent) -> str:
    return shortened(str(event_to_dict(event))) if not isinstance(event, RawEvent) else f"raw_event {event.name}"
