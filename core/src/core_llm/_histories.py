"""Whether a conversation can be sent (each call answered once, right after it was made), its order, and mending it.

Providers refuse a conversation whose calls and results do not fit, each in words of its own, and some hours after the
mistake was stored. What is looked at here is what all of them want, and the order is one that none of them refuses; the
form is each wire's business.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from core_llm._errors import InvalidRequestError
from core_llm._messages import Message, ToolCallPart, ToolResultPart

INTERRUPTED = "Interrupted: whether it was carried out is not known."
_NAMED = 5


def check_history(messages: Sequence[Message]) -> None:
    """Check that calls and results fit: each result answers a call just before it, and each call is answered, once.

    Results that stand before anything the model said are let pass: their calls may be stored at the provider.

    Raises:
        InvalidRequestError: They do not fit; names the message, the call, and what to do.
    """
    open_calls: dict[str, ToolCallPart] = {}
    answered: set[str] = set()
    has_spoken = False
    for number, message in enumerate(messages):
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        for result in results if has_spoken else ():
            _take(result, open_calls, answered, number)
        if open_calls and (message.role == "assistant" or not results):
            raise _open(open_calls, number)
        if message.role == "assistant":
            has_spoken = True
            answered = set()
            open_calls = {
                part.id: part for part in message.parts if isinstance(part, ToolCallPart) and part.is_complete
            }
    if open_calls:
        raise _open(open_calls, len(messages))


def order_results(messages: Sequence[Message]) -> Sequence[Message]:
    """Return a conversation that fits, with the results of a turn first after its calls, and in the order of these.

    What was said beside the results follows them. Each provider wants some of that: no other message between results,
    results before texts, or results that can be told apart by nothing but their place.

    Args:
        messages: A conversation that `check_history` lets pass. It is returned itself if it is in order.
    """
    ordered: list[Message] = []
    calls: tuple[ToolCallPart, ...] = ()
    turn: list[Message] = []
    for message in messages:
        if message.role != "assistant":
            turn.append(message)
            continue
        ordered += [*_in_order(turn, calls), message]
        calls, turn = message.tool_calls, []
    ordered += _in_order(turn, calls)
    is_same = len(ordered) == len(messages) and all(map(operator.is_, ordered, messages))
    return messages if is_same else ordered


def close_open_calls(messages: Sequence[Message], *, why: str = INTERRUPTED) -> tuple[Message, ...]:
    """Return a conversation that can be sent: calls that nothing answered are answered with why not.

    Results of calls that are not there, and second results of one call, are left out. What fits is left as it is.

    Args:
        messages: Perhaps broken off in the midst of calls, or edited.
        why: Told to the model in place of a result.
    """
    mended: list[Message] = []
    open_calls: dict[str, ToolCallPart] = {}
    has_spoken = False
    for message in messages:
        kept = message if not has_spoken else _fitting(message, open_calls)
        if kept is None:
            continue
        given = {part.tool_call_id for part in kept.parts if isinstance(part, ToolResultPart)}
        if open_calls and not given:
            mended.append(_closing(open_calls, why))
            open_calls = {}
        mended.append(kept)
        for call_id in given:
            open_calls.pop(call_id, None)
        if message.role == "assistant":
            has_spoken = True
            open_calls = {
                part.id: part for part in message.parts if isinstance(part, ToolCallPart) and part.is_complete
            }
    if open_calls:
        mended.append(_closing(open_calls, why))
    return tuple(mended)


def _in_order(turn: list[Message], calls: tuple[ToolCallPart, ...]) -> list[Message]:
    """Return what came between calls and the model's next words: the results in the order of the calls, then the rest.

    Messages that are so already stay as they are, also where they are one for each result.
    """
    if not calls:
        return turn
    found = [part for message in turn for part in message.parts if isinstance(part, ToolResultPart)]
    others = [message for message in turn if any(not isinstance(part, ToolResultPart) for part in message.parts)]
    places = {call.id: place for place, call in enumerate(calls)}
    results = sorted(found, key=lambda result: places[result.tool_call_id])
    first = turn[: len(turn) - len(others)]
    if results == found and sum(len(message.parts) for message in first) == len(found):
        return turn
    return [Message.tool(*results), *map(_without_results, others)]


def _without_results(message: Message) -> Message:
    parts = tuple(part for part in message.parts if not isinstance(part, ToolResultPart))
    return message if len(parts) == len(message.parts) else message.model_copy(update={"parts": parts})


def _take(result: ToolResultPart, open_calls: dict[str, ToolCallPart], answered: set[str], number: int) -> None:
    """Let a result answer its call.

    Raises:
        InvalidRequestError: There is no such call just before it, or it was answered already.
    """
    if open_calls.pop(result.tool_call_id, None) is not None:
        answered.add(result.tool_call_id)
        return
    if result.tool_call_id in answered:
        msg = f"message {number} answers the call {result.tool_call_id!r} a second time; keep one result for each call"
        raise InvalidRequestError(msg)
    msg = (
        f"message {number} has a result for the call {result.tool_call_id!r}, which the model did not make just before "
        f"it; keep the model's message with the call, or leave the result out (core_llm.close_open_calls does)"
    )
    raise InvalidRequestError(msg)


def _open(open_calls: dict[str, ToolCallPart], number: int) -> InvalidRequestError:
    calls = list(open_calls.values())
    named = ", ".join(f"{call.id!r} of {call.name!r}" for call in calls[:_NAMED])
    more = f" and {len(calls) - _NAMED} more" if len(calls) > _NAMED else ""
    return InvalidRequestError(
        f"before message {number}, nothing answers the calls {named}{more}; add their results after the model's "
        f"message, or close them with core_llm.close_open_calls(messages)"
    )


def _fitting(message: Message, open_calls: dict[str, ToolCallPart]) -> Message | None:
    """Return a message without the results that answer nothing; None if nothing is left of it."""
    seen: set[str] = set()
    parts = []
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            if part.tool_call_id not in open_calls or part.tool_call_id in seen:
                continue
            seen.add(part.tool_call_id)
        parts.append(part)
    if len(parts) == len(message.parts):
        return message
    return message.model_copy(update={"parts": tuple(parts)}) if parts else None


def _closing(open_calls: dict[str, ToolCallPart], why: str) -> Message:
    results = (
        ToolResultPart(tool_call_id=call.id, name=call.name, content=why, is_error=True) for call in open_calls.values()
    )
    return Message.tool(*results)
