"""What a walk finds: one answer in the project's normalised terms, whatever its wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call of one of the caller's tools.

    Attributes:
        id: The wire's id; None where it gave none (absent or empty), so that any id made up for it is right.
        name: Of the tool.
        arguments: As parsed; None if the call is not complete.
        arguments_text: As sent, all fragments joined.
        is_complete: Whether the call may be executed: its arguments are a JSON object, or empty in an answer that was
            not cut off.
    """

    id: str | None
    name: str
    arguments: dict[str, JsonValue] | None
    arguments_text: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class ExpectedUsage:
    """Tokens: the input includes cache reads and writes, the output includes reasoning; what was not sent is None."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """Why there is no answer.

    Attributes:
        kind: ``provider`` if the provider sent an error object, ``malformed`` if what came is not of the wire.
        message: The provider's own words; empty if there are none.
        type: The error object's type, or None.
        code: The error object's code as text, or None.
        status: An HTTP status: the response's own if it is one of an error, else the number in the error object.
    """

    kind: Literal["provider", "malformed"]
    message: str = ""
    type: str | None = None
    code: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Everything that a decoder must make of one body.

    Attributes:
        text: All text of the answer, joined.
        reasoning: All reasoning text, joined.
        refusal: The model's words in declining, or None.
        tool_calls: Every call in its order, the incomplete ones too.
        finish_reason: Normalised; None if the answer is neither complete nor an error's.
        raw_finish_reason: The wire's own word, None if it sent none.
        usage: None if the provider reported none.
        is_complete: Whether the wire's terminal marker came and no error did.
        error: Set if the provider sent an error object, before, in, or after the answer.
        id: The answer's id, from the first object that has one.
        model: The model that answered, likewise.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str | None = None
    tool_calls: tuple[ExpectedCall, ...] = ()
    finish_reason: str | None = None
    raw_finish_reason: str | None = None
    usage: ExpectedUsage | None = None
    is_complete: bool = False
    error: ExpectedError | None = None
    id: str | None = None
    model: str | None = None

    @property
    def complete_calls(self) -> tuple[ExpectedCall, ...]:
        """The calls that may be executed."""
        return tuple(call for call in self.tool_calls if call.is_complete)
