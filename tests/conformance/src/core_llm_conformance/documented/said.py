"""Said, Called, Failed: one answer, in the words of no wire. Their bodies put it into theirs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage

JsonObject = dict[str, JsonValue]
Reason = Literal["stop", "length", "tool_calls", "content_filter"]
FIRST_ERROR = 400
"""The least HTTP status of an error."""
_WORD = re.compile(r"\s*\S+(?:\s+$)?")


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a tool, its arguments as the model writes them."""

    id: str
    name: str
    arguments: str = ""

    @property
    def parsed(self) -> JsonObject:
        """The arguments, parsed; nothing is an empty object."""
        parsed: JsonObject = json.loads(self.arguments or "{}")
        return parsed

    @property
    def pieces(self) -> list[str]:
        """The text of the arguments as it streams: cut in the middle."""
        middle = len(self.arguments) // 2
        return [piece for piece in (self.arguments[:middle], self.arguments[middle:]) if piece]


@dataclass(frozen=True, slots=True)
class Said:
    """One answer.

    Attributes:
        text: What is said.
        reasoning: What was thought before, and `seal` its opaque signature.
        calls: Of the caller's tools.
        refusal: The words in declining.
        source: The address that the text relies on.
        finish: The finish reason, normalised.
        counts: Tokens of input and output.
        cached: Tokens of the input that came from the cache; None if nothing is said of it.
        thought: Tokens of the output that were reasoning, likewise.
        stopped_by: The text that ended it.
    """

    text: str = ""
    reasoning: str = ""
    seal: str = ""
    calls: tuple[Called, ...] = ()
    refusal: str = ""
    source: str = ""
    finish: Reason = "stop"
    counts: tuple[int, int] = (14, 9)
    cached: int | None = None
    thought: int | None = None
    stopped_by: str | None = None

    @property
    def pieces(self) -> list[str]:
        """The text as it streams: word by word."""
        return _WORD.findall(self.text)

    @property
    def thoughts(self) -> list[str]:
        """The reasoning as it streams."""
        return _WORD.findall(self.reasoning)

    @property
    def refusals(self) -> list[str]:
        """The refusal as it streams."""
        return _WORD.findall(self.refusal)

    def expected(self, *, raw: str | None = None, answer_id: str | None = None, model: str | None = None) -> Expected:
        """Return what a plugin has to make of it.

        Args:
            raw: The provider's own word for the finish reason.
            answer_id: The answer's id.
            model: The model that answered.
        """
        return Expected(
            text=self.text,
            reasoning=self.reasoning,
            refusal=self.refusal or None,
            tool_calls=tuple(
                ExpectedCall(call.id, call.name, call.parsed, call.arguments, is_complete=True) for call in self.calls
            ),
            finish_reason=self.finish,
            raw_finish_reason=raw,
            usage=ExpectedUsage(*self.counts, cache_read_tokens=self.cached, reasoning_tokens=self.thought),
            is_complete=True,
            id=answer_id,
            model=model,
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """One error, as it is said at the front door, in a stream or inside of a good answer.

    Attributes:
        status: Of HTTP; below 400 for one inside of a good answer.
        message: In the provider's manner, in our words.
        type: What it calls the error.
        code: What it calls it more precisely.
        param: What in the request it is about.
        after: The text that had come before it.
    """

    status: int
    message: str
    type: str
    code: str | None = None
    param: str | None = None
    after: str = ""

    @property
    def pieces(self) -> list[str]:
        """The text that had come, as it streams."""
        return _WORD.findall(self.after)

    def expected(
        self,
        *,
        type_: str | None = None,
        code: str | None = None,
        answer_id: str | None = None,
        model: str | None = None,
    ) -> Expected:
        """Return what a plugin has to make of it; `type_` and `code` are what the wire has of the two."""
        status = None if self.status < FIRST_ERROR else self.status
        error = ExpectedError("provider", self.message, type_, code, status)
        return Expected(text=self.after, error=error, id=answer_id, model=model)


def joined(pieces: list[str], least: int) -> list[str]:
    """Return pieces of `least` characters or more, but for the last: how a provider streams that waits for more."""
    found = [""]
    for piece in pieces:
        if len(found[-1]) >= least:
            found.append("")
        found[-1] += piece
    return [piece for piece in found if piece]
