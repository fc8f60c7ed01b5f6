"""Something to say in every scenario, and every error: made up, short, for all who have nothing of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from core_llm_conformance.documented.said import Called, Failed, Said

JSON_CITY = '{"city": "Oslo", "population": 709037}'
_NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = ("twenty", "thirty", "forty", "fifty")
SIXTY = ", ".join(
    [*_NUMBERS, *(f"{ten}-{one}" if one else ten for ten in _TENS for one in ("", *_NUMBERS[:9])), "sixty"]
)
OSLO = Called("call_1", "get_weather", '{"city": "Oslo"}')
ROME = Called("call_2", "get_weather", '{"city": "Rome"}')
CLOCK = Called("call_1", "get_time")
HELLO = Said("Hello, it is good to meet you!")
CALLING = Said(calls=(OSLO,), finish="tool_calls", counts=(61, 15))
RAIN = Said("It is 14 °C and raining in Oslo.", counts=(90, 12))
THINKING = Said(calls=(OSLO,), finish="tool_calls", reasoning="The weather decides; I have to ask for it.", thought=11)

ANSWERS: Mapping[str, tuple[Said, ...]] = MappingProxyType(
    {
        "text": (HELLO,),
        "system_prompt": (Said("BANANA", counts=(29, 2)),),
        "multi_turn": (Said("Of course, Ada."), Said("Ada", counts=(40, 1))),
        "unicode": (Said("naïve café — 東京 — العربية — 🎉 👩‍👩‍👧 🇳🇴", counts=(38, 31)),),
        "long_output": (Said(SIXTY, counts=(28, 181)),),
        "max_tokens": (Said("The lamp had burned for forty years when the", finish="length", counts=(18, 16)),),
        "stop_sequence": (Said("1, 2, 3, 4, ", counts=(24, 12), stopped_by="5"),),
        "tool_call": (CALLING,),
        "parallel_tool_calls": (Said(calls=(OSLO, ROME), finish="tool_calls", counts=(68, 31)),),
        "tool_without_arguments": (Said(calls=(CLOCK,), finish="tool_calls", counts=(48, 9)),),
        "tool_result": (CALLING, RAIN),
        "tool_forced": (Said(calls=(CLOCK,), finish="tool_calls", counts=(77, 9)),),
        "tools_forbidden": (Said("Mild, about 15 to 20 °C, with some rain.", counts=(66, 15)),),
        "reasoning": (
            Said(
                "3", reasoning="s t r a w b e r r y: three of them.", seal="c2VhbC0x+/==", counts=(31, 24), thought=20
            ),
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
)
"""Scenario → the answer to each of its turns."""
ERRORS: Mapping[str, Failed] = MappingProxyType(
    {
        "error_400": Failed(400, "temperature must be at most 2.", "invalid_request_error"),
        "error_401": Failed(401, "The key is not valid.", "authentication_error"),
        "error_404": Failed(404, "There is no model no-such-model.", "not_found_error"),
        "error_429": Failed(429, "Too many requests, slow down.", "rate_limit_error"),
        "error_500": Failed(500, "Something broke on our side.", "server_error"),
        "error_mid_stream": Failed(200, "Something broke on our side.", "server_error", after="Hello, it"),
        "error_first_event": Failed(200, "All machines are busy.", "overloaded_error"),
        "error_in_200": Failed(200, "Something broke on our side.", "server_error"),
    }
)
"""Scenario → the error that it is about."""
MODELS = ("one", "two")
"""What a listing names, where nothing better is known."""
VECTORS = ((0.5, -0.25, 0.125), (0.0, 1.0, -0.75), (0.5, -0.375, 0.25))
"""The places of the three texts; every number is exact in 32 bits."""
VECTOR_TOKENS = 21
COUNTED = 9
