"""What a made-up service answers to each scenario, in the words of no wire. `answers`' other modules shape it.

It is what a new plugin's documented cassettes begin with, until its author has read the service's own pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from pydantic import JsonValue

Reason = Literal["stop", "length", "tool_calls"]
JsonObject = dict[str, JsonValue]

FIRST_ERROR: Final = 400
"""The least HTTP status of an error."""
ANSWER_ID: Final = "answer-1"
CREATED: Final = 1_760_000_000
"""Seconds since 1970, where a wire wants them."""
_WORDS = re.compile(r"(?:\s*\S+){1,4}\s*")


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a tool."""

    id: str
    name: str
    city: str = ""

    @property
    def arguments(self) -> JsonObject:
        """The arguments, parsed."""
        return {"city": self.city} if self.city else {}

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text of the arguments, as it streams: cut within."""
        return ('{"city": ', f'"{self.city}"}}') if self.city else ("{}",)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: its text, its calls, how it ended, and the tokens that went in and came out."""

    text: str = ""
    calls: tuple[Called, ...] = ()
    finish: Reason = "stop"
    tokens: tuple[int, int] = (14, 9)
    stopped_by: str | None = None
    """The text that ended it."""

    @property
    def pieces(self) -> list[str]:
        """The text as it streams: some words at a time."""
        return _WORDS.findall(self.text)

    @property
    def expected(self) -> JsonObject:
        """What a plugin has to make of it."""
        calls: list[JsonValue] = [
            {"id": call.id, "name": call.name, "arguments": call.arguments} for call in self.calls
        ]
        told: JsonObject = {"text": self.text} if self.text else {"tool_calls": calls}
        usage: JsonObject = {"input_tokens": self.tokens[0], "output_tokens": self.tokens[1]}
        return {**told, "finish_reason": self.finish, "usage": usage}


@dataclass(frozen=True, slots=True)
class Failed:
    """One error: its HTTP status, its words, what it calls itself, and the text that had come before it."""

    status: int
    message: str
    kind: str
    after: str = ""

    @property
    def http_status(self) -> int:
        """The status of the answer that it is in."""
        return 200 if self.after else self.status

    @property
    def expected(self) -> JsonObject:
        """What a plugin has to make of it."""
        begun: JsonObject = {"text": self.after} if self.after else {}
        return {**begun, "error": {"kind": "provider", "message": self.message}}


_UNITS: Final = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS: Final = ("twenty", "thirty", "forty", "fifty")
TO_SIXTY: Final = ", ".join(
    [*_UNITS, *(f"{ten}-{unit}" if unit else ten for ten in _TENS for unit in ("", *_UNITS[:9])), "sixty"]
)
_OSLO, _ROME = Called("call_1", "get_weather", "Oslo"), Called("call_2", "get_weather", "Rome")
_CLOCK = Called("call_1", "get_time")
_ASKS = Said(calls=(_OSLO,), finish="tool_calls", tokens=(61, 15))

ANSWERS: Final = MappingProxyType(
    {
        "text": (Said("Hello! It is good to hear from you."),),
        "system_prompt": (Said("BANANA", tokens=(29, 2)),),
        "multi_turn": (Said("Nice to meet you, Ada. I will."), Said("Ada", tokens=(40, 1))),
        "unicode": (Said("naïve café — 東京 — العربية — 🎉 👩‍👩‍👧 🇳🇴", tokens=(38, 31)),),
        "long_output": (Said(TO_SIXTY, tokens=(28, 181)),),
        "max_tokens": (Said("Every evening, for more than thirty years, the", finish="length", tokens=(18, 16)),),
        "stop_sequence": (Said("1, 2, 3, 4, ", tokens=(24, 12), stopped_by="5"),),
        "tool_call": (_ASKS,),
        "parallel_tool_calls": (Said(calls=(_OSLO, _ROME), finish="tool_calls", tokens=(68, 31)),),
        "tool_without_arguments": (Said(calls=(_CLOCK,), finish="tool_calls", tokens=(48, 9)),),
        "tool_result": (_ASKS, Said("In Oslo it is 14 °C, and it rains.", tokens=(90, 12))),
        "tool_forced": (Said(calls=(_CLOCK,), finish="tool_calls", tokens=(77, 9)),),
        "tools_forbidden": (Said("Mild and changeable, around 18 °C.", tokens=(66, 10)),),
        "structured_output": (Said('{"city": "Oslo", "population": 709037}', tokens=(35, 14)),),
        "usage": (Said("Red, green and blue.", tokens=(11, 6)),),
        "settings": (Said("Blue.", tokens=(12, 2)),),
    }
)
"""Scenario → the answer to each of its turns."""
ERRORS: Final = MappingProxyType(
    {
        "error_400": Failed(400, "temperature must be at most 2.", "invalid_request_error"),
        "error_401": Failed(401, "The key is not valid.", "authentication_error"),
        "error_404": Failed(404, "There is no model no-such-model.", "not_found_error"),
        "error_429": Failed(429, "Too many requests; slow down.", "rate_limit_error"),
        "error_500": Failed(500, "Something broke here.", "server_error"),
        "error_mid_stream": Failed(500, "Something broke here.", "server_error", after="Hello! It is"),
    }
)
"""Scenario → the error that it is about."""
LISTED: Final = ("1", "1-mini")
"""The models that are listed, without what stands before the hyphen."""
