"""What both good twins answer to each scenario, in the words of no wire. Their bodies put it into theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage

JSON_CITY = '{"city": "Oslo", "population": 709037}'
NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = ("twenty", "thirty", "forty", "fifty")
SIXTY = ", ".join([*NUMBERS, *(f"{ten}-{one}" if one else ten for ten in TENS for one in ("", *NUMBERS[:9])), "sixty"])


@dataclass(frozen=True, slots=True)
class Called:
    """One call of a tool, its arguments as the model writes them."""

    id: str
    name: str
    arguments: str


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
    """

    text: str = ""
    reasoning: str = ""
    seal: str = ""
    calls: tuple[Called, ...] = ()
    refusal: str = ""
    source: str = ""
    finish: str = "stop"
    counts: tuple[int, int] = (14, 9)
    cached: int | None = None
    thought: int | None = None

    @property
    def pieces(self) -> list[str]:
        """The text as it streams: word by word."""
        return re.findall(r"\s*\S+(?:\s+$)?", self.text)

    @property
    def thoughts(self) -> list[str]:
        """The reasoning as it streams."""
        return re.findall(r"\s*\S+(?:\s+$)?", self.reasoning)

    def expected(self, *, raw: str, answer_id: str, model: str) -> Expected:
        """Return what a plugin has to make of it."""
        return Expected(
            text=self.text,
            reasoning=self.reasoning,
            refusal=self.refusal or None,
            tool_calls=tuple(_expected_call(call) for call in self.calls),
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
        status: Of HTTP.
        message: In the provider's words.
        type: What it calls the error.
        after: What had come before it.
    """

    status: int
    message: str
    type: str
    after: str = ""

    def expected(self, *, answer_id: str | None = None, model: str | None = None) -> Expected:
        """Return what a plugin has to make of it."""
        error = ExpectedError(
            "provider", self.message, self.type, self.type, None if self.status < 400 else self.status
        )
        return Expected(text=self.after, error=error, id=answer_id, model=model)


def _expected_call(call: Called) -> ExpectedCall:
    arguments = {"city": re.findall(r'"([A-Z]\w+)"', call.arguments)[0]} if "city" in call.arguments else {}
    return ExpectedCall(call.id, call.name, dict(arguments), call.arguments, is_complete=True)


OSLO = Called("call_1", "get_weather", '{"city": "Oslo"}')
ROME = Called("call_2", "get_weather", '{"city": "Rome"}')
CLOCK = Called("call_1", "get_time", "")
HELLO = Said("Hello, it is good to meet you!")
CALLING = Said(calls=(OSLO,), finish="tool_calls", counts=(61, 15))
RAIN = Said("It is 14 °C and raining in Oslo.", counts=(90, 12))
THINKING = Said(calls=(OSLO,), finish="tool_calls", reasoning="The weather decides; I have to ask for it.", thought=11)

ANSWERS: dict[str, tuple[Said, ...]] = {
    "text": (HELLO,),
    "system_prompt": (Said("BANANA", counts=(29, 2)),),
    "multi_turn": (Said("Of course, Ada."), Said("Ada", counts=(40, 1))),
    "unicode": (Said("naïve café — 東京 — العربية — 🎉 👩‍👩‍👧 🇳🇴", counts=(38, 31)),),
    "long_output": (Said(SIXTY, counts=(28, 181)),),
    "max_tokens": (Said("The lamp had burned for forty years when the", finish="length", counts=(18, 16)),),
    "stop_sequence": (Said("1, 2, 3, 4, ", counts=(24, 12)),),
    "tool_call": (CALLING,),
    "parallel_tool_calls": (Said(calls=(OSLO, ROME), finish="tool_calls", counts=(68, 31)),),
    "tool_without_arguments": (Said(calls=(CLOCK,), finish="tool_calls", counts=(48, 9)),),
    "tool_result": (CALLING, RAIN),
    "tool_forced": (Said(calls=(CLOCK,), finish="tool_calls", counts=(77, 9)),),
    "tools_forbidden": (Said("Mild, about 15 to 20 °C, with some rain.", counts=(66, 15)),),
    "reasoning": (
        Said("3", reasoning="s t r a w b e r r y: three of them.", seal="c2VhbC0x+/==", counts=(31, 24), thought=20),
    ),
    "reasoning_replay": (replace(THINKING, seal="c2VhbC0y+/8=", counts=(70, 31)), Said("Yes, take one.")),
    "structured_output": (Said(JSON_CITY, counts=(45, 14)),),
    "json_output": (Said('{"city": "Oslo"}', counts=(25, 7)),),
    "image_input": (Said("Red.", counts=(95, 2)),),
    "audio_input": (Said("A tone.", counts=(33, 3)),),
    "video_input": (Said("Red.", counts=(140, 2)),),
    "continuation": (Said(" is Oslo.", counts=(30, 3)),),
    "document_input": (Said("It is MARIGOLD.", counts=(120, 6)),),
    "citations": (Said("It was announced in October.", source="https://example.com/prize", counts=(1_020, 9)),),
    "usage": (Said("Red, green, blue."),),
    "cached_usage": (
        Said("22", counts=(4_630, 2), cached=0),
        Said("29", counts=(4_650, 2), cached=4_608),
    ),
    "refusal": (Said(refusal="I can't help with that.", finish="content_filter", counts=(20, 8)),),
    "settings": (Said("Blue."),),
}
ERRORS: dict[str, Failed] = {
    "error_400": Failed(400, "temperature must be at most 2.", "invalid_request_error"),
    "error_401": Failed(401, "The key is not valid.", "authentication_error"),
    "error_404": Failed(404, "There is no model no-such-model.", "not_found_error"),
    "error_429": Failed(429, "Too many requests, slow down.", "rate_limit_error"),
    "error_500": Failed(500, "Something broke on our side.", "server_error"),
    "error_mid_stream": Failed(200, "Something broke on our side.", "server_error", after="Hello, it"),
    "error_first_event": Failed(200, "All machines are busy.", "overloaded_error"),
    "error_in_200": Failed(200, "Something broke on our side.", "server_error"),
}
MODELS = ("one", "two")
VECTORS = ((0.5, -0.25, 0.125), (0.0, 1.0, -0.75), (0.5, -0.375, 0.25))
