"""What every server here says, in the words of no wire: the wires ask `said`, and put it into theirs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pydantic import JsonValue

from core_llm_conformance.server import RecordedRequest

JsonObject = dict[str, JsonValue]
TEXT = "The sky is blue because air scatters blue light."
REASONING = "Short waves are scattered more."
ANSWER: JsonObject = {"city": "Oslo", "population": 709000}
CITIES = ("Oslo", "Rome")
SOURCE = "https://example.com/sky"
SOURCE_TITLE = "Why the sky is blue"
INPUT_TOKENS = 12
OUTPUT_TOKENS = 10
SMALL_BOUND = 50
"""A bound on output tokens below this one cuts the answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer.

    Attributes:
        text: What is said.
        reasoning: What was thought before.
        cities: A tool is called for each.
        is_cut: Whether the bound on tokens ended it.
    """

    text: str = ""
    reasoning: str = ""
    cities: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def pieces(self) -> list[str]:
        """The text, word by word."""
        return words(self.text)


def said(*, wants_calls: bool, wants_json: bool, reasons: bool, bound: JsonValue, begun: str = "") -> Said:
    """Return what is answered to a request.

    Args:
        wants_calls: Whether tools are offered, and no result of one is the last message.
        wants_json: Whether the answer must be JSON.
        reasons: Whether the model is asked to think.
        bound: The bound on output tokens, if there is one.
        begun: The beginning of the answer, where the request ends with it.
    """
    reasoning = REASONING if reasons else ""
    if wants_calls:
        return Said(reasoning=reasoning, cities=CITIES)
    if wants_json:
        return Said(json.dumps(ANSWER), reasoning)
    if isinstance(bound, int) and bound < SMALL_BOUND:
        return Said("The sky", reasoning, is_cut=True)
    return Said(TEXT.removeprefix(begun), reasoning)


def beginning_in(messages: list[JsonObject]) -> str:
    """Return the text of a last message of the assistant's, the beginning of the answer; empty if there is none."""
    last = messages[-1]
    if last.get("role") != "assistant":
        return ""
    content = last.get("content")
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in as_objects(content))


def words(text: str) -> list[str]:
    """Return a text in pieces of a word each."""
    return re.findall(r"\s*\S+", text)


def arguments(city: str) -> str:
    """Return the arguments of a call."""
    return json.dumps({"city": city})


def asked(request: RecordedRequest) -> JsonObject:
    """Return the body of a request."""
    body = request.json
    assert isinstance(body, dict)
    return body


def as_object(value: JsonValue) -> JsonObject:
    """Return the object that a value is, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: JsonValue) -> list[JsonObject]:
    """Return the objects of a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
