"""Subject: one streamed answer of a cassette, with everything that a spoilt one is measured by."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from core_llm import (
    CallOptions,
    Limits,
    Prompt,
    ReasoningDelta,
    Request,
    Response,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    hookimpl,
)
from core_llm.wire import Decoder, Frame, Framing
from core_llm_conformance import cuts
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.compare import differences
from core_llm_conformance.cuts import Cut
from core_llm_conformance.failure import fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.framed import Framed, Piece
from core_llm_conformance.replay import Ending, ReplayAnswer
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.target import Target
from core_llm_conformance.walk import Expected
from core_llm_conformance.wires import WIRES, Walk

POSITIONS = 24
"""At how many frames of a long stream a fault is tried: the first, the last, and some between."""
_CONTENT = (TextDelta, ReasoningDelta, ToolCallDelta, ToolCall)


@dataclass(frozen=True)
class Grown:
    """What has come of an answer after some of its frames, by the plugin's own decoder."""

    text: str = ""
    reasoning: str = ""
    arguments: str = ""
    calls: int = 0

    def with_events(self, events: Sequence[StreamEvent]) -> Grown:
        """Return what there is after some more events."""
        return Grown(
            self.text + "".join(event.text for event in events if isinstance(event, TextDelta)),
            self.reasoning + "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
            self.arguments + "".join(event.arguments_delta for event in events if isinstance(event, ToolCallDelta)),
            self.calls + sum(isinstance(event, ToolCall) for event in events),
        )


class Capture:
    """A plugin that keeps the last request as the wire format gets it."""

    def __init__(self) -> None:
        self.request: Request | None = None

    @hookimpl
    def core_llm_rewrite_request(self) -> object:
        """Look at every request, and change none."""
        return self._look

    def _look(self, request: Request) -> Request:
        self.request = request
        return request


@dataclass
class Asked:
    """What is asked of the plugin under test.

    Attributes:
        target: The plugin.
        scenario: What it is asked; of a conversation, the first turn.
    """

    target: Target
    scenario: Scenario

    @property
    def model_id(self) -> str:
        """The model that is asked."""
        return self.target.model_id(self.scenario)

    @property
    def prompt(self) -> Prompt | None:
        """What is asked; every turn's answer is played to the first turn's request."""
        return self.scenario.prompt

    def options(self, limits: Limits | None = None) -> CallOptions:
        """Return the options of the call."""
        options = self.scenario.options_for(self.target.capabilities(self.scenario))
        return options if limits is None else {**options, "limits": limits}


@dataclass
class Subject(Asked):
    """One streamed answer and how it is asked for.

    Attributes:
        shown: The scenario that the answer is of.
        interaction: The turn of it.
        whole: What the undisturbed answer came to; set by `trials.subjects`.
        events: Its events.
        request: The request as the wire format gets it.
    """

    shown: Shown
    interaction: Interaction
    whole: Response = field(default_factory=Response)
    events: list[StreamEvent] = field(default_factory=list)
    request: Request = field(default_factory=lambda: Request(model="", messages=()))

    @property
    def test_id(self) -> str:
        """The scenario as failures name it, with the turn if there are several."""
        turn = self.interaction.head.turn
        return self.shown.test_id if len(self.shown.interactions) == 1 else f"{self.shown.test_id}, turn {turn}"

    def decoder(self) -> Decoder:
        """Return a new decoder."""
        return self.target.loaded.wire(self.request.model).decoder(self.request)

    @staticmethod
    def feed(decoder: Decoder, piece: Piece) -> Sequence[StreamEvent]:
        """Feed a frame as the engine does."""
        return decoder.feed(Frame(piece.data, piece.name)) if piece.data else ()

    @cached_property
    def framed(self) -> Framed:
        """The answer, frame by frame."""
        framing: Framing = "none"
        wire = self.target.loaded.wire(self.request.model)
        framing = wire.encode_request(self.request.model_copy(update={"is_stream": True})).framing
        if framing == "none":
            framing = wire.framing
        return Framed.of(self.interaction.body, framing)

    @cached_property
    def _steps(self) -> tuple[list[Grown], int, int]:
        decoder, grown = self.decoder(), [Grown()]
        marker = last = len(self.framed.pieces)
        for number, piece in enumerate(self.framed.pieces):
            events = () if decoder.is_done else self.feed(decoder, piece)
            grown.append(grown[-1].with_events(events))
            if decoder.is_complete:
                marker = min(marker, number)
            if decoder.is_done:
                last = min(last, number)
        return grown, marker, last

    @property
    def grown(self) -> list[Grown]:
        """What there is after each number of frames, from 0 to all."""
        return self._steps[0]

    @cached_property
    def marker(self) -> int:
        """The number of the frame with the terminal marker, by the walk if there is one, else by the decoder."""
        walk = self.walk
        if walk is None:
            return self._steps[1]
        counts = range(len(self.framed.pieces))
        return bisect_left(counts, 1, key=lambda count: walk(self.framed.first(count + 1).body).is_complete)

    @property
    def done(self) -> int:
        """The number of the frame after which nothing is read any more."""
        return self._steps[2]

    @cached_property
    def walk(self) -> Walk | None:
        """An independent reader of the wire; None if there is none, or it does not agree with the cassette's head."""
        wire = next((wire for wire in WIRES if re.search(wire.path + "$", self.interaction.path)), None)
        if wire is None or wire.framing != self.framed.framing:
            return None
        return wire.walk if not differences(wire.walk(self.interaction.body), self.whole) else None

    def positions(self, count: int, most: int = POSITIONS) -> list[int]:
        """Return the numbers below `count`; if they are many, the first, the last and some between."""
        if count <= most:
            return list(range(count))
        third = most // 3
        between = range(third, count - third)
        return [*range(third), *between[:: len(between) // third + 1], *range(count - third, count)]

    def answer(self, body: Framed | bytes, *, cut: Cut = cuts.whole, ending: Ending = "end") -> ReplayAnswer:
        """Return the recorded answer with another body."""
        played = body if isinstance(body, bytes) else body.body
        headers = {name: value for name, value in self.interaction.headers.items() if name not in _HTTP_OWN}
        return ReplayAnswer(played, self.interaction.status, headers, cut=cut, ending=ending)

    def delta(self) -> int | None:
        """Return the number of the first frame that adds text, reasoning or arguments."""
        for number, (before, after) in enumerate(zip(self.grown, self.grown[1:], strict=False)):
            if before != after:
                return number
        return None

    def check_head(self) -> None:
        """Raise if the whole answer is not what the cassette's head says, or is framed as the wire does not say."""
        if self.framed.framing != "sse" and _SSE.match(self.interaction.body):
            raise fail(
                rules.FRAMED,
                f"the body is server-sent events, and the wire says {self.framed.framing!r}",
                scenario=self.test_id,
                look_at="WireFormat.framing: a decoder that takes lines apart itself meets comments, CRLF and events "
                "of several lines, which the core's framer knows",
            )
        expected: Expected | None = self.interaction.head.expected
        found = {} if expected is None else differences(expected, self.whole)
        for name, (wanted, got) in found.items():
            raise fail(
                rules.WHOLE,
                f"{name}: the cassette expects {wanted!r}, the plugin made {got!r}",
                scenario=self.test_id,
                look_at="the decoder, or `expected` in the cassette's head",
            )

    def silent(self) -> Iterator[int]:
        """Yield the numbers of the frames that carry data and add nothing."""
        for number, piece in enumerate(self.framed.pieces):
            if piece.data and self.grown[number] == self.grown[number + 1]:
                yield number


_SSE = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?:data|event|id|retry)?:")
"""How server-sent events begin, and nothing else does."""
_HTTP_OWN = ("content-length", "content-encoding", "transfer-encoding", "connection")
"""Headers of the transport, which another body does not fit."""
