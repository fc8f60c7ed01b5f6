"""JSON read as it comes: the same value however it is cut, a part of it at every moment, each character once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm._json import JSONValue
from core_llm._output.builders import NOTHING, ItemBuilder, JSONBuilder
from core_llm._output.partial_json import MAX_DEPTH, NotJSONError, PartialJSON

from .counting import lines_run

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def read(pieces: Iterable[str], starts: str = "") -> object:
    """Return what is made of pieces of JSON."""
    builder = JSONBuilder()
    parser = PartialJSON(builder, starts=starts)
    for piece in pieces:
        parser.feed(piece)
    parser.close()
    return builder.root


def cut(text: str, places: Iterable[int]) -> list[str]:
    """Return a text in pieces."""
    at = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(at)]


def is_beginning(part: object, whole: object) -> bool:
    """Whether a value is one that has not come to its end."""
    match part, whole:
        case (dict(), dict()):
            names = list(part)
            return names == list(whole)[: len(names)] and all(
                part[name] == whole[name] or (name == names[-1] and is_beginning(part[name], whole[name]))
                for name in names
            )
        case (list(), list()):
            return len(part) <= len(whole) and all(
                item == whole[at] or (at == len(part) - 1 and is_beginning(item, whole[at]))
                for at, item in enumerate(part)
            )
        case (str(), str()):
            return whole.startswith(part)
        case _:
            return part == whole


@given(
    value=VALUES,
    is_ascii=st.booleans(),
    indent=st.sampled_from([None, 1]),
    places=st.lists(st.integers(min_value=0), max_size=30),
)
def test_any_value_comes_out_however_it_is_cut(
    value: JSONValue, *, is_ascii: bool, indent: int | None, places: list[int]
) -> None:
    """Escapes, halves of surrogate pairs, numbers and blanks may be cut anywhere."""
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    assert read(cut(text, places)) == value
    assert read(text) == value


@given(value=VALUES, is_ascii=st.booleans())
def test_every_beginning_is_a_part_of_the_value(*, value: JSONValue, is_ascii: bool) -> None:
    """After each character there is no mistake, and what is shown is a beginning of the whole."""
    builder = JSONBuilder()
    parser = PartialJSON(builder)
    for character in json.dumps(value, ensure_ascii=is_ascii):
        parser.feed(character)
        assert parser.error is None
        assert builder.root is NOTHING or is_beginning(builder.root, value)


@given(VALUES.map(json.dumps).filter(lambda text: text[0] in '{["'), st.data())
def test_a_value_that_is_cut_is_no_value(text: str, data: st.DataObject) -> None:
    """What ends within a container or a string is an error when it is closed, never half a value."""
    end = data.draw(st.integers(min_value=0, max_value=len(text) - 1))
    with pytest.raises(NotJSONError):
        read([text[:end]])


@given(st.text(max_size=30))
def test_garbage_never_breaks_the_parser(text: str) -> None:
    """Any text is JSON to us just when it is to the standard library, but for its words that no JSON has."""
    try:
        expected: object = json.loads(text, parse_constant=int)  # NaN and its like are no number to us either
    except ValueError:
        with pytest.raises(NotJSONError):
            read(text)
    else:
        assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ('{"a": 1,}', "'}' stands where the name of a member is due", 8),
        ("[1 2]", "'2' stands where a comma or ']' is due", 3),
        ('{"a" 1}', "'1' stands where a colon is due", 5),
        ("[01]", "'01' is no number", 3),
        ("[nul]", "'nul' is no JSON", 4),
        ('["\n"]', "'\\n' stands in a string and is not escaped", 2),
        ('["\\x"]', "there is no escape \\x", 3),
        ("[] x", "'x' follows the end of the JSON", 3),
        ("", "there is no JSON in it", 0),
        ("[1", "it ends before the JSON does", 2),
        ("9" * 5000, "a number of 5000 digits is too long", 0),
        ("[" * (MAX_DEPTH + 1), "there are more than 200 containers within each other", 200),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str, position: int) -> None:
    """The error says what is wrong and after how many characters, however the text was cut."""
    for pieces in ([text], list(text)):
        with pytest.raises(NotJSONError) as caught:
            read(pieces)
        assert (str(caught.value), caught.value.position) == (message, position)


def test_half_a_surrogate_pair_is_no_character() -> None:
    """A half that stands alone becomes the sign for what cannot be read; a pair that is cut becomes its character."""
    assert read(['["\\ud83d', "\\ude00", '"]']) == ["😀"]
    assert read(['["\\ud83d-\\ude00\\ud83d"]']) == ["\ufffd-\ufffd\ufffd"]


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"a": 1}\n```',
        'Here you are:\n\n```\n{"a": 1}\n```\nAnything else?',
        'With {braces} in the words: {"a": 1} and after it.',
        '{{"a": 1}}',
    ],
)
def test_words_around_the_json_are_skipped(text: str) -> None:
    """Where words are allowed, the first thing that reads as JSON counts."""
    assert read([text], starts="{") == {"a": 1}
    assert read(text, starts="{") == {"a": 1}


def test_a_growing_value_is_one_object() -> None:
    """Containers grow in place; a number is there when it is whole, a string as it grows."""
    builder = JSONBuilder()
    parser = PartialJSON(builder)
    seen = []
    for piece in ('{"a', '": 1', '2, "b": "x', 'y", "c": [tr', "ue]}"):
        parser.feed(piece)
        seen.append((id(builder.root), json.dumps(builder.root)))

    assert len({identity for identity, _ in seen}) == 1
    assert [text for _, text in seen] == [
        "{}",
        "{}",
        '{"a": 12, "b": "x"}',
        '{"a": 12, "b": "xy", "c": []}',
        '{"a": 12, "b": "xy", "c": [true]}',
    ]


def test_items_are_handed_out_and_not_kept() -> None:
    """Each item of the list comes out as it is whole, and the list stays empty."""
    items: list[JSONValue] = []
    builder = ItemBuilder("value", items.append)
    parser = PartialJSON(builder)
    counts = []
    for character in '{"other": [0], "value": [1, {"a": [2]}, "x"]}':
        parser.feed(character)
        counts.append(len(items))

    assert items == [1, {"a": [2]}, "x"]
    assert builder.root == {"other": [0], "value": []}
    assert counts.index(1) < counts.index(2) < counts.index(3)


@pytest.mark.parametrize(
    "whole",
    [lambda count: {"text": "x" * (count * 20)}, lambda count: [{"name": f"n{n:06}"} for n in range(count)]],
    ids=["one long string", "many objects"],
)
def test_the_work_is_in_proportion_to_the_length(whole: object) -> None:
    """Eight times the text takes eight times the lines: nothing is read again."""
    assert callable(whole)
    one, eight = (lines_run(JSONBuilder(), json.dumps(whole(count)), 4) for count in (500, 4000))
    assert eight < 8.2 * one


def test_showing_a_long_string_copies_it_a_bounded_number_of_times() -> None:
    """A megabyte in pieces of four characters is shown thousands of times, and copied in all 256 times at the most."""
    text = json.dumps({"text": "x" * 1_000_000})
    shown: list[str] = []

    class Showing(JSONBuilder):
        def grow(self, text: str) -> None:
            shown.append(text[-1:])
            super().grow(text)

    builder = Showing()
    parser = PartialJSON(builder)
    for at in range(0, len(text), 4):
        parser.feed(text[at : at + 4])
    parser.close()

    assert builder.root == {"text": "x" * 1_000_000}
    assert 1000 < len(shown) < 3000
    assert parser.copied < 257 * 1_000_000
