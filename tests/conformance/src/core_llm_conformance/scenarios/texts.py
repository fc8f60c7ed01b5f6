"""Scenarios whose answer is text."""

from __future__ import annotations

from core_llm import Message, Response
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios.expectations import (
    calls_nothing,
    ends_with,
    has_astral_text,
    has_text,
    lacks_text,
    says_something,
)

ROOM = 1_000
"""Tokens for an answer that must not be cut, reasoning included."""
LONG = 400
"""Characters that a long answer has at least."""


def _asks_for_the_name(response: Response) -> tuple[Message, ...]:  # noqa: ARG001  # a follow-up takes it
    return (Message.user("What is my name? Answer with the name alone."),)


SCENARIOS = (
    Scenario(
        name="text",
        summary="A short question is answered with text.",
        prompt="Say hello in one short sentence.",
        expects=(has_text(), ends_with("stop"), calls_nothing()),
        is_base=True,
    ),
    Scenario(
        name="system_prompt",
        summary="An instruction of the application reaches the model.",
        needs=("system_prompt",),
        prompt="What is the capital of Norway?",
        options={"system": "Whatever you are asked, answer with the one word BANANA."},
        expects=(has_text(among=("banana",)), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="multi_turn",
        summary="The second question can only be answered from the first turn.",
        prompt="My name is Ada. Please remember it.",
        follow_ups=(_asks_for_the_name,),
        expects=(has_text(among=("Ada",)), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="unicode",
        summary="Scripts beyond Latin and emoji of several code points go out and come back whole.",
        prompt="Repeat exactly, and nothing else: naïve café — 東京 — العربية — 🎉 👩‍👩‍👧 🇳🇴",
        expects=(has_text(), has_astral_text(), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="long_output",
        summary="A long answer comes whole.",
        prompt="Count from one to sixty in English words, separated by commas. Write every number, nothing else.",
        options={"max_tokens": ROOM},
        expects=(has_text(at_least=LONG), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="max_tokens",
        summary="The bound on tokens ends the answer, which says so.",
        needs=("settings.max_tokens",),
        prompt="Tell the story of a lighthouse keeper, in five paragraphs.",
        options={"max_tokens": 16},
        expects=(says_something(), ends_with("length")),
        is_base=True,
    ),
    Scenario(
        name="stop_sequence",
        summary="A text that must end the answer ends it.",
        needs=("settings.stop",),
        prompt="Write the numbers from 1 to 9 in this very form: 1, 2, 3, …",
        options={"stop": ["5"]},
        expects=(has_text(), lacks_text("6", "7"), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="continuation",
        summary="An answer that was begun is gone on with.",
        needs=("continuation",),
        prompt=[
            Message.user("Complete the sentence: The capital of Norway is …"),
            Message.assistant("The capital of Norway"),
        ],
        expects=(has_text(), ends_with("stop")),
    ),
)
