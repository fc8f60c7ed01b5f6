"""Chat Completions: usage, wherever it arrives and whatever its figures are called."""

from __future__ import annotations

import pytest

from core_llm._events import (
    RawEvent,
    UsageUpdate,
)
from core_llm._json import JSONObject, JSONValue
from core_llm._response import Usage
from core_llm.wire.chat_completions import ChatCompletions
from core_llm.wire.frames import Frame

from .chat import DONE, chunk, fed, frame, new_decoder, text

USAGE: JSONObject = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


@pytest.mark.parametrize(
    "last",
    [
        frame(choices=[], usage=USAGE),
        frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE),
        frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]),
        frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], x_groq={"id": "r", "usage": USAGE}),
        frame(usage=USAGE),
    ],
)
def test_usage_wherever_it_is(last: Frame) -> None:
    """Usage comes in a frame of its own, with the finish reason, in the choice, or in Groq's own object."""
    decoder = new_decoder()
    events = fed(decoder, text("Hi"), chunk({}, "stop"), last, DONE)
    usage = Usage(input_tokens=9, output_tokens=5, raw=USAGE)
    assert decoder.usage == usage
    assert [event for event in events if isinstance(event, UsageUpdate)] == [UsageUpdate(usage)]
    assert not [event for event in events if isinstance(event, RawEvent)]


def test_usage_that_grows_replaces_the_one_before() -> None:
    """Some servers count in every frame; the latest count is the answer's, and one that did not change is no news."""
    decoder = new_decoder()
    frames = [
        frame(
            choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": None}],
            usage={"prompt_tokens": 9, "completion_tokens": count},
        )
        for count in (1, 2, 2)
    ]
    events = fed(decoder, *frames, chunk({}, "stop"))
    updates = [event.usage.output_tokens for event in events if isinstance(event, UsageUpdate)]
    assert updates == [1, 2]
    assert decoder.usage is not None
    assert decoder.usage.output_tokens == 2


@pytest.mark.parametrize("nothing", [None, {}])
def test_usage_that_is_not_sent_is_unknown(nothing: JSONValue) -> None:
    """No usage is None, and never zeros."""
    decoder = new_decoder()
    choice: JSONObject = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    fed(decoder, frame(choices=[choice], usage=nothing), DONE)
    assert decoder.usage is None


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (
            {**USAGE, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}},
            Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4, cache_write_tokens=2),
        ),
        ({**USAGE, "prompt_cache_hit_tokens": 4}, Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4)),
        ({**USAGE, "cached_tokens": 0}, Usage(input_tokens=9, output_tokens=5, cache_read_tokens=0)),
        (
            {**USAGE, "prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": 3}},
            Usage(input_tokens=9, output_tokens=5, reasoning_tokens=3),
        ),
        ({"prompt_tokens": 9.0, "completion_tokens": "5"}, Usage(input_tokens=9)),
    ],
)
def test_usage_has_the_same_figures_for_every_server(raw: JSONObject, usage: Usage) -> None:
    """Servers have their own names for cached and reasoning tokens; what is not a number is unknown."""
    assert ChatCompletions("acme").read_usage(raw) == usage.model_copy(update={"raw": raw})


@pytest.mark.parametrize(
    ("raw", "counted"),
    [
        # xAI: reasoning is in the total, not in the completion.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 19,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            (10, 9),
        ),
        # Gemini's compatible endpoint: the same, without saying how much.
        ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 19}, (10, 9)),
        # Mistral: audio is in the total, not in the prompt.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 19,
                "prompt_tokens_details": {"audio_tokens": 7},
            },
            (17, 2),
        ),
        # A total below the sum says nothing.
        ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 0}, (10, 2)),
    ],
)
def test_input_and_output_make_the_provider_s_total(raw: JSONObject, counted: tuple[int, int]) -> None:
    """What the total counts and neither part does belongs to one of them."""
    usage = ChatCompletions("acme").read_usage(raw)
    assert (usage.input_tokens, usage.output_tokens) == counted
