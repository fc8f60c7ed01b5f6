"""Evidence: text and reasoning are made of the strings of the body, in order, and none of them is left out.

It needs to know no wire. Strings that stand at the same place in several frames, told apart by what the frames call
themselves, are a channel; what a decoder hands on as text must be the whole of one channel, or of a few. So a first or
last piece that is swallowed is found, also where the cassette's head was made with the same decoder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from pydantic import JsonValue

from core_llm import Response
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.failure import fail
from core_llm_conformance.faults.framed import Framed
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.target import Target

JOINED = 4
"""Channels that one text may be made of."""
MANY = 12
"""Channels beyond which not all combinations are tried."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}")
_NAMES = frozenset("type kind event object channel op".split())
"""Keys under which a frame, or an object in it, says what it is. Who speaks, or how far it is, makes no other channel:
a first piece that comes with a role, or a last one with a reason, belongs to the others."""
_ENDING = re.compile(r"done|final|last|end|finish|complete|stop|partial")
"""Flags with such names tell how far an answer is; others (``thought``) tell what a string is."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string of the body.

    Attributes:
        frame: The number of its frame.
        channel: Its place, without the numbers of lists, and what the objects on the way call themselves.
        text: The string.
    """

    frame: int
    channel: tuple[str, ...]
    text: str


def check_evidence(target: Target, scenario: Scenario, interaction: Interaction, response: Response) -> None:
    """Check that text and reasoning of a response are whole channels of its body.

    Raises:
        ConformanceFailure: One is not; says which frame was left out where that can be told.
    """
    leaves = list(leaves_of(target, scenario, interaction))
    if not leaves:
        return  # no JSON that could be read without knowing the wire
    for name, text in (("text", response.text), ("reasoning", response.reasoning)):
        if not text or is_whole(text, leaves):
            continue
        left_out = missing(text, leaves)
        found = f"{name} is {text!r}, which no strings of the body make"
        if left_out is not None:
            found = (
                f"{left_out.text!r} of frame {left_out.frame} at {left_out.channel[0]} is not in the {name} {text!r}"
            )
        raise fail(
            f"{name} is made of what the frames say, in their order, and nothing is left out",
            found,
            scenario=scenario.name,
            event=None if left_out is None else left_out.frame,
            received=interaction.body.decode("utf-8", "replace"),
            look_at="whether the decoder passes over a frame that has something besides: a role, a reason, a count",
        )


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
        yield from _leaves(value, "$", (name,), number)


def _leaves(value: JsonValue, path: str, said: tuple[str, ...], frame: int) -> Iterator[Leaf]:
    if isinstance(value, dict):
        here = (*said, *_called(value))
        flags = tuple(name for name, item in sorted(value.items()) if item is True and not _ENDING.search(name))
        for name, item in value.items():
            where = f"{path}.{name}"
            yield from _leaves(item, where, (*here, *flags) if isinstance(item, str) else here, frame)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, f"{path}[]", said, frame)
    elif isinstance(value, str) and value:
        yield Leaf(frame, (path, *said), value)


def _called(value: Mapping[str, JsonValue]) -> Iterator[str]:
    for name in sorted(_NAMES & value.keys()):
        item = value[name]
        if isinstance(item, str) and _WORD.fullmatch(item):
            yield f"{name}={item}"


def is_whole(text: str, leaves: list[Leaf]) -> bool:
    """Whether a text is all of one channel, or of a few, in the order of the body; or what one has grown to."""
    for channels in (_by_path(leaves), _by_channel(leaves)):
        if any(_has_grown_to(text, found) for found in channels.values()):
            return True
        inside = {name: found for name, found in channels.items() if all(leaf.text in text for leaf in found)}
        names = sorted(inside, key=lambda name: -sum(len(leaf.text) for leaf in inside[name]))[:MANY]
        for count in range(1, JOINED + 1):
            for chosen in combinations(names, count):
                together = set(chosen)
                if _joined(leaf for leaf in leaves if _name(leaf, channels) in together) == text:
                    return True
    return False


def _has_grown_to(text: str, leaves: list[Leaf]) -> bool:
    """Whether each leaf begins with the one before, and the last is the text: a wire that says it all every time."""
    pairs = pairwise(leaf.text for leaf in leaves)
    return len(leaves) > 1 and leaves[-1].text == text and all(later.startswith(before) for before, later in pairs)


def missing(text: str, leaves: list[Leaf]) -> Leaf | None:
    """Return the leaf without which a channel would be the text, None if that is not what is wrong."""
    for channels in (_by_path(leaves), _by_channel(leaves)):
        for found in channels.values():
            for number, leaf in enumerate(found):
                if _joined([*found[:number], *found[number + 1 :]]) == text:
                    return leaf
    return None


def _joined(leaves: Iterator[Leaf] | list[Leaf]) -> str:
    return "".join(leaf.text for leaf in leaves)


def _by_path(leaves: list[Leaf]) -> dict[tuple[str, ...], list[Leaf]]:
    found: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf in leaves:
        found.setdefault(leaf.channel[:1], []).append(leaf)
    return found


def _by_channel(leaves: list[Leaf]) -> dict[tuple[str, ...], list[Leaf]]:
    found: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf in leaves:
        found.setdefault(leaf.channel, []).append(leaf)
    return found


def _name(leaf: Leaf, channels: Mapping[tuple[str, ...], list[Leaf]]) -> tuple[str, ...]:
    return leaf.channel if leaf.channel in channels else leaf.channel[:1]


def _parsed(body: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(body)
    except ValueError:
        return None
    return value
