"""Ids of tool calls that a provider takes, for calls that another one made: the same id for a call and its result.

Providers refuse ids that are not of their own form, which ends every conversation that is moved to them. What of the
rest of a message goes to another provider is told by each wire's encoding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters, digits

from core_llm._messages import Message, Part, ToolCallPart, ToolResultPart

_ALPHABET = digits + ascii_letters
_FORM = re.compile(r"alphanumeric-(\d{1,2})")
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class CallIdForm:
    """What a provider takes as the id of a tool call.

    Attributes:
        pattern: Of an id that is taken as it is: a regular expression for the whole of it.
        length: Of the ids made in place of others, in letters and digits.
    """

    pattern: str
    length: int

    def __post_init__(self) -> None:
        """Check that what is made here is taken.

        Raises:
            ValueError: It is not.
        """
        if self.length < _SHORTEST or re.fullmatch(self.pattern, "a" * self.length) is None:
            msg = (
                f"{self.length} letters and digits are no id of the form {self.pattern!r}, or too few to be told apart"
            )
            raise ValueError(msg)

    @classmethod
    def named(cls, name: str) -> CallIdForm:
        """Return the form that a configuration names: ``alphanumeric-9`` is nine letters and digits, no more, no less.

        Raises:
            ValueError: There is no such form.
        """
        found = _FORM.fullmatch(name)
        if found is None:
            msg = f"{name!r} is no form of ids; write alphanumeric-9 for ids of nine letters and digits"
            raise ValueError(msg)
        return cls(rf"[a-zA-Z0-9]{{{int(found[1])}}}", int(found[1]))


def fit_call_ids(messages: Sequence[Message], form: CallIdForm | None) -> Sequence[Message]:
    """Return a conversation in which all ids of calls are of the form; what fits already is left as it is.

    The same conversation gives the same ids, and a longer one those of its beginning, so that what a provider has
    cached stays so. Two ids never become one.

    Args:
        messages: The conversation.
        form: What the provider takes; None for anything.
    """
    if form is None:
        return messages
    takes = re.compile(form.pattern).fullmatch
    found = (_id_of(part) for message in messages for part in message.parts)
    ids = dict.fromkeys(call_id for call_id in found if call_id is not None)
    if all(map(takes, ids)):
        return messages
    fitting: dict[str, str] = {}
    given: set[str] = set()
    for call_id in ids:
        new, attempt = call_id, 0
        while takes(new) is None or new in given:
            new, attempt = _made_of(call_id, form.length, attempt), attempt + 1
        fitting[call_id] = new
        given.add(new)
    return [_renamed(message, fitting) for message in messages]


def _id_of(part: Part) -> str | None:
    match part:
        case ToolCallPart(id=call_id) | ToolResultPart(tool_call_id=call_id):
            return call_id
        case _:
            return None


def _made_of(call_id: str, length: int, attempt: int) -> str:
    """Return letters and digits that depend on the id, and on how many of those made of it were taken."""
    from hashlib import blake2b  # noqa: PLC0415  # most conversations stay with one provider

    number = int.from_bytes(blake2b(f"{attempt}:{call_id}".encode()).digest())
    made = ""
    for _ in range(length):
        number, place = divmod(number, len(_ALPHABET))
        made += _ALPHABET[place]
    return made


def _renamed(message: Message, fitting: dict[str, str]) -> Message:
    parts: list[Part] = []
    for part in message.parts:
        match part:
            case ToolCallPart(id=call_id):
                parts.append(part.model_copy(update={"id": fitting[call_id]}))
            case ToolResultPart(tool_call_id=call_id):
                parts.append(part.model_copy(update={"tool_call_id": fitting[call_id]}))
            case _:
                parts.append(part)
    return message.model_copy(update={"parts": tuple(parts)})
