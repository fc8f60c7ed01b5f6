"""TextTemplate: what it recognises is exactly what parsing would have found."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm.wire.template import MAX_USELESS, TextTemplate

PADS = ("obfuscation", "p")


def frame(text: object, *, pad: str | None = "aB3", **more: object) -> bytes:
    """One frame as a provider may send it."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    fields = {"id": "r1", "choices": [choice], "usage": None, **more}
    return json.dumps(fields if pad is None else {**fields, "obfuscation": pad}).encode()


def learnt(data: bytes) -> TextTemplate:
    """Return a template that has learnt one frame."""
    template = TextTemplate("content", PADS)
    template.learn(data)
    return template


def test_a_frame_that_differs_only_in_its_text_is_recognised() -> None:
    """The text of the next frame is read without the rest."""
    assert learnt(frame("Hel")).match(frame('lo "wörld"\n\\')) == 'lo "wörld"\n\\'


def test_padding_may_differ() -> None:
    """Random letters in a padding field, of any length, are no difference."""
    assert learnt(frame("a", pad="xyz")).match(frame("b", pad="Q1w2E3r4T5")) == "b"


def test_frames_without_padding_are_recognised() -> None:
    """A template needs no padding field."""
    assert learnt(frame("a", pad=None)).match(frame("b", pad=None)) == "b"


@pytest.mark.parametrize(
    "other",
    [
        frame("b", id="r2"),
        frame("b", usage={"prompt_tokens": 1}),
        frame("b", error={"message": "no"}),
        frame(None),
        frame(["b"]),
        frame("b", pad='x","error":"y'),
        frame("b")[:-1],
        frame("b") + b"}",
        b'{"id": "r1"}',
        b"[DONE]",
        b"",
    ],
)
def test_a_frame_that_differs_in_more_is_parsed_as_usual(other: bytes) -> None:
    """Whatever else has changed, the template keeps its hands off."""
    assert learnt(frame("a")).match(other) is None


def test_a_text_that_imitates_the_frame_is_read_as_text() -> None:
    """What a model writes about frames cannot end its own."""
    text = '"},"finish_reason":null}],"usage":null,"obfuscation":"aB3"}'

    assert learnt(frame("a")).match(frame(text)) == text


def test_a_field_that_is_there_twice_teaches_nothing() -> None:
    """Where it is not plain which field has the text, nothing is learnt."""
    data = frame("a", other={"content": "b"})

    assert learnt(data).match(data) is None


def test_frames_that_differ_each_time_are_given_up() -> None:
    """A server whose frames all differ does not make every frame pay for learning."""
    template = TextTemplate("content", PADS)
    for number in range(MAX_USELESS + 1):
        template.learn(frame("a", id=f"r{number}"))

    assert template.match(frame("b", id=f"r{MAX_USELESS}")) is None


@given(st.text(), st.text(min_size=1), st.sampled_from(["Zz9", None]), st.binary(max_size=3), st.integers(min_value=0))
def test_what_it_says_is_what_parsing_says(first: str, text: str, pad: str | None, junk: bytes, where: int) -> None:
    """For any frame, even damaged, a recognised text is the one that JSON has there, and the rest is the same."""
    whole = frame(text, pad=pad)
    where %= len(whole)
    damaged = whole[:where] + junk + whole[where + len(junk) :]

    found = learnt(frame(first, pad=pad)).match(damaged)

    if found is not None:
        parsed, expected = json.loads(damaged), json.loads(frame(found, pad=pad))
        parsed.pop("obfuscation", None)
        expected.pop("obfuscation", None)
        assert parsed == expected
