"""Whether a text is made of all that the body says of it, told without knowing the wire."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic import JsonValue

from core_llm_conformance.exchanges.evidence import Leaf, _leaves, is_whole, missing


def leaves(*frames: JsonValue) -> list[Leaf]:
    """Return the strings of a stream of these frames."""
    found = [leaf for number, frame in enumerate(frames) for leaf in _leaves(frame, Leaf(number, "$", "", {}, ()))]
    return [replace(leaf, number=number) for number, leaf in enumerate(found)]


def test_pieces_at_one_place_are_one_text() -> None:
    """Whatever else is in the frames."""
    found = leaves({"id": "a", "say": "Hel"}, {"id": "a", "say": "lo"}, {"id": "a", "end": "stop"})
    assert is_whole("Hello", found)


def test_a_first_piece_that_is_missing_is_named() -> None:
    """It came with a role, which a decoder took for all of the frame."""
    found = leaves({"role": "assistant", "say": "Hel"}, {"say": "lo"}, {"say": "!"})
    assert not is_whole("lo!", found)
    lost = missing("lo!", found)
    assert lost is not None
    assert (lost.frame, lost.path, lost.text) == (0, "$.say", "Hel")


def test_a_last_piece_that_is_missing_is_found() -> None:
    """It came with the end."""
    found = leaves({"say": "Hel"}, {"say": "lo"}, {"say": "!", "done": True})
    assert is_whole("Hello!", found)
    assert not is_whole("Hello", found)


def test_what_a_frame_calls_itself_tells_channels_apart() -> None:
    """Whatever the field's name is."""
    found = leaves({"line": "think", "words": "Hm"}, {"line": "think", "words": "…"}, {"line": "say", "words": "Hello"})
    assert is_whole("Hm…", found)
    assert is_whole("Hello", found)
    assert not is_whole("Hm", found)


def test_a_flag_tells_channels_apart() -> None:
    """Gemini's thoughts are parts like any other, but for a flag."""
    found = leaves(
        {"parts": [{"text": "Hm", "thought": True}]}, {"parts": [{"text": "Hel"}]}, {"parts": [{"text": "lo"}]}
    )
    assert is_whole("Hm", found)
    assert is_whole("Hello", found)
    assert not is_whole("lo", found)


def test_a_text_of_two_places_is_whole() -> None:
    """A block begins with text, and goes on in deltas."""
    found = leaves({"block": {"text": "Hel"}}, {"delta": {"text": "lo"}}, {"delta": {"text": "!"}})
    assert is_whole("Hello!", found)


def test_a_text_that_grows_is_what_it_has_grown_to() -> None:
    """Some wires say all of it every time."""
    found = leaves({"so_far": "Hel"}, {"so_far": "Hello"}, {"so_far": "Hello!"})
    assert is_whole("Hello!", found)
    assert not is_whole("Hello", found)


def test_a_piece_said_twice_is_no_text_of_the_body() -> None:
    """A decoder that doubles a delta makes up text."""
    assert not is_whole("HelHello", leaves({"say": "Hel"}, {"say": "lo"}))


def test_a_decoy_is_no_excuse() -> None:
    """The prompt's echo in another field does not make up for a lost piece."""
    body = json.loads('[{"say": "a b"}, {"say": " c"}, {"echo": "a b c d"}]')
    assert not is_whole("a b", leaves(*body))
