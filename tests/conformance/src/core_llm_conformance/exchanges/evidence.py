"""Evidence: text and reasoning are made of the strings of the body, in order, and none of them is left out.

It needs to know no wire. Strings that stand at the same place in several frames, told apart by what the frames call
themselves, are a channel; what a decoder hands on as text must be the whole of one channel, or of a few. So a first or
last piece that is swallowed is found, also where the cassette's head was made with the same decoder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from pydantic import JsonValue

from core_llm import ReasoningDelta, Response, StreamEvent, TextDelta, TextPart
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.failure import fail
from core_llm_conformance.faults.framed import Framed
from core_llm_conformance.recording.texts import frames_of
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.target import Target

JOINED = 4
"""Channels that one text may be made of."""
MANY = 12
"""Channels beyond which not all combinations are tried, and words beyond which a field tells frames apart no more."""
FEW = 6
"""Frames below which nothing is said of how text is handed on."""
SEVERAL = 3
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}")
_ENDING = re.compile(r"done|final|last|end|finish|complete|stop|partial")
"""Flags with such names tell how far an answer is; others (``thought``) tell what a string is."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string of the body.

    Attributes:
        frame: The number of its frame.
        path: Its place, without the numbers of lists.
        text: The string.
        words: What stands beside it, in its own object and those around: place → word.
        flags: Names of what is true beside it, and the name of its server-sent event.
        number: Its position among all strings of the body.
    """

    frame: int
    path: str
    text: str
    words: Mapping[str, str]
    flags: tuple[str, ...]
    number: int = 0


Channels = dict[tuple[str, ...], list[Leaf]]


def check_evidence(target: Target, scenario: Scenario, interaction: Interaction, response: Response) -> None:
    """Check that text and reasoning of a response are whole channels of its body.

    Raises:
        ConformanceFailure: One is not; says which frame was left out where that can be told.
    """
    found_leaves = enumerate(leaves_of(target, scenario, interaction))
    leaves = [replace(leaf, number=number) for number, leaf in found_leaves]
    if not leaves:
        return  # no JSON that could be read without knowing the wire
    for name, text in (("text", response.text), ("reasoning", response.reasoning)):
        if not text or is_whole(text, leaves):
            continue
        left_out = missing(text, leaves)
        found = f"{name} is {text!r}, which no strings of the body make"
        if left_out is not None:
            found = f"{left_out.text!r} of frame {left_out.frame} at {left_out.path} is not in the {name} {text!r}"
        raise fail(
            f"{name} is made of what the frames say, in their order, and nothing is left out",
            found,
            scenario=scenario.name,
            event=None if left_out is None else left_out.frame,
            received=interaction.body.decode("utf-8", "replace"),
            look_at="whether the decoder passes over a frame that has something besides: a role, a reason, a count",
        )


def check_handed_on(
    target: Target, scenario: Scenario, interaction: Interaction, events: Sequence[StreamEvent]
) -> None:
    """Check that a stream hands its text on as it comes: in about as many pieces, not gathered until the end.

    A long answer has several; a cassette that has it in one piece would show nothing of streaming.

    Raises:
        ConformanceFailure: It is gathered.
    """
    for name, kind in (("text", TextDelta), ("reasoning", ReasoningDelta)):
        told = [event.text for event in events if isinstance(event, kind)]
        text = "".join(told)
        for channel in channels_of(target, scenario, interaction):
            frames = len({leaf.frame for leaf in channel})
            is_it = frames >= FEW and "".join(leaf.text for leaf in channel) == text
            if is_it and len(told) < frames / 2:
                raise fail(
                    f"{name} is handed on as it comes",
                    f"{len(told)} pieces of {name} were made of {frames} frames",
                    scenario=scenario.name,
                    look_at="what the decoder gathers: it returns the events of each frame when it is fed",
                )
    pieces = sum(isinstance(event, TextDelta) for event in events)
    if scenario.name == "long_output" and interaction.head.mode == "stream" and pieces < SEVERAL:
        rule = "a long answer is streamed in several pieces"
        raise fail(rule, f"{pieces} of text", scenario=scenario.name, look_at="the cassette, then the decoder")


def check_citations(interaction: Interaction, scenario: Scenario, response: Response) -> None:
    """Check that what a citation says is in the body: its address, its title, the words that it cites.

    Raises:
        ConformanceFailure: It was made up, or changed.
    """
    body = "\n".join(_all_strings(frames_of(interaction.body)))
    for part in response.parts:
        for citation in part.citations if isinstance(part, TextPart) else ():
            for text in (citation.url, citation.title, citation.cited_text):
                if text and text not in body and text not in response.text:
                    rule = "a citation says what the provider said"
                    raise fail(rule, f"{text!r} is nowhere in the body", scenario=scenario.name)


def _all_strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _all_strings(item)


def channels_of(target: Target, scenario: Scenario, interaction: Interaction) -> list[list[Leaf]]:
    """Return the strings of a body, those together that belong together, in the order of their first."""
    return list(_by_words(list(leaves_of(target, scenario, interaction))).values())


def leaves_of(target: Target, scenario: Scenario, interaction: Interaction) -> Iterator[Leaf]:
    """Yield the strings of a body in their order."""
    framing = target.loaded.wire(target.model_of(scenario)).framing
    if interaction.head.mode == "plain" or framing == "none":
        values = [("", _parsed(interaction.body))]
    elif framing == "aws_event_stream":
        return
    else:
        pieces = Framed.of(interaction.body, framing).pieces
        values = [(piece.name, piece.value) for piece in pieces if piece.data is not None]
    for number, (name, value) in enumerate(values):
        yield from _leaves(value, Leaf(number, "$", "", {}, (name,)))


def _leaves(value: JsonValue, at: Leaf) -> Iterator[Leaf]:
    if isinstance(value, dict):
        own = {f"{at.path}.{name}": word for name, word in value.items() if isinstance(word, str)}
        words = {**at.words, **{place: word for place, word in own.items() if _WORD.fullmatch(word)}}
        true = tuple(name for name, item in sorted(value.items()) if item is True and not _ENDING.search(name))
        for name, item in value.items():
            path = f"{at.path}.{name}"
            beside = {place: word for place, word in words.items() if place != path}
            flags = (*at.flags, *true) if isinstance(item, str) else at.flags
            yield from _leaves(item, Leaf(at.frame, path, "", beside, flags))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, Leaf(at.frame, f"{at.path}[]", "", at.words, at.flags))
    elif isinstance(value, str) and value:
        yield Leaf(at.frame, at.path, value, at.words, at.flags)


def is_whole(text: str, leaves: list[Leaf]) -> bool:
    """Whether a text is all of one channel, or of a few, in the order of the body; or what one has grown to."""
    return any(_is_made_of(text, channels) for channels in (_by_path(leaves), _by_words(leaves)))


def _is_made_of(text: str, channels: Channels) -> bool:
    if any(_has_grown_to(text, found) for found in channels.values()):
        return True
    inside = [found for found in channels.values() if all(leaf.text in text for leaf in found)]
    inside = sorted(inside, key=lambda found: -sum(len(leaf.text) for leaf in found))[:MANY]
    for count in range(1, JOINED + 1):
        for chosen in combinations(inside, count):
            if sum(len(leaf.text) for found in chosen for leaf in found) == len(text):
                together = sorted((leaf for found in chosen for leaf in found), key=lambda leaf: leaf.number)
                if "".join(leaf.text for leaf in together) == text:
                    return True
    return False


def _has_grown_to(text: str, leaves: list[Leaf]) -> bool:
    """Whether each leaf begins with the one before, and the last is the text: a wire that says it all every time."""
    pairs = pairwise(leaf.text for leaf in leaves)
    return len(leaves) > 1 and leaves[-1].text == text and all(later.startswith(before) for before, later in pairs)


def missing(text: str, leaves: list[Leaf]) -> Leaf | None:
    """Return the leaf without which a channel would be the text, None if that is not what is wrong."""
    for channels in (_by_path(leaves), _by_words(leaves)):
        for found in channels.values():
            for number, leaf in enumerate(found):
                if "".join(other.text for other in (*found[:number], *found[number + 1 :])) == text:
                    return leaf
    return None


def _by_path(leaves: list[Leaf]) -> Channels:
    found: Channels = {}
    for leaf in leaves:
        found.setdefault((leaf.path,), []).append(leaf)
    return found


def _by_words(leaves: list[Leaf]) -> Channels:
    """Return the leaves of each place, told apart by the words that stand beside all of them, and by flags."""
    found: Channels = {}
    for (path,), same in _by_path(leaves).items():
        telling = [
            place
            for place in same[0].words
            if all(place in leaf.words for leaf in same) and len({leaf.words[place] for leaf in same}) <= MANY
        ]
        for leaf in same:
            said = (f"{place}={leaf.words[place]}" for place in telling)
            found.setdefault((path, *said, *leaf.flags), []).append(leaf)
    return found


def _parsed(body: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(body)
    except ValueError:
        return None
    return value
