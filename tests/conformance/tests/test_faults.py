"""Each check of the fault layer finds the fault that it is for, in a plugin that is good but for that.

That good plugins pass all of them is in `test_twins`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from core_llm import ProviderPart, Request, StreamEvent, Usage
from core_llm.wire import ChatDecoder, Decoder, Frame, JSONObject
from core_llm_conformance.applicability import streams
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.faults import (
    cost,
    cutting,
    damage,
    ending,
    rules,
    stalls,
    strange,
)
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

from .twin.acme import Acme, AcmeWire
from .twin.zenith import Zenith, ZenithDecoder, ZenithWire

CASSETTES = Path(__file__).parent / "twin/cassettes"


def acme_with(decoder: type[ChatDecoder]) -> Target:
    """Return Acme with another decoder."""

    def made(wire: AcmeWire, request: Request) -> ChatDecoder:
        return decoder(wire, request)

    wire = type("Wire", (AcmeWire,), {"decoder": made})
    return Target(type("Broken", (Acme,), {"wire_format": wire}), "acme-1", cassettes=CASSETTES / "acme")


def zenith_with(decoder: type[ZenithDecoder]) -> Target:
    """Return Zenith, which has a wire of its own, with another decoder."""
    wire = type("Wire", (ZenithWire,), {"decoder": lambda self, _: decoder(self.provider)})
    return Target(type("Broken", (Zenith,), {"wire_format": wire}), "zenith-1", cassettes=CASSETTES / "zenith")


def shown_by(target: Target, scenario: str) -> Shown:
    """Return a streamed cassette."""
    shown = next(case.value for case in streams(target) if case.id == f"{scenario}-stream")
    assert isinstance(shown, Shown)
    return shown


# ---- broken decoders -------------------------------------------------------------------------------------------------


class UnstableIds(ZenithDecoder):
    """Makes up an id that is another one each time."""

    def close(self) -> Sequence[StreamEvent]:
        """Forget the server's."""
        self.id = uuid4().hex
        return super().close()


class StrictEvents(ZenithDecoder):
    """Knows all lines that there will ever be."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") not in ("open", "say", "close", "think", "seal", "call", "input"):
            raise ValueError(line)
        return super().feed_object(line)


class StrictFields(ZenithDecoder):
    """Knows all fields that there will ever be."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "say" and set(line) != {"line", "words"}:
            raise ValueError(line)
        return super().feed_object(line)


class ReasonsAsTheyAre(ZenithDecoder):
    """Takes whatever reason is not known for the usual one."""

    def close(self) -> Sequence[StreamEvent]:
        """End it."""
        self.finish_reason = "stop" if self.finish_reason == "other" else self.finish_reason
        return super().close()


class AlwaysComplete(ZenithDecoder):
    """Takes any end for a good one."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a line."""
        self.is_complete, self.finish_reason = True, "stop"
        return super().feed(frame)


class Repairs(ZenithDecoder):
    """Ends a call whatever came of it, for the executor to run."""

    def close(self) -> Sequence[StreamEvent]:
        """Close what is open."""
        if not self.is_complete:
            for call in self._calls._calls:
                self._calls.add(None, None, None, "null}" if call.pieces else "{}")
        return super().close()


class Swallows(ZenithDecoder):
    """Passes over the provider's errors."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return () if line.get("line") == "error" else super().feed_object(line)


class AddsUp(ZenithDecoder):
    """Ends an answer at every line that says so, and adds up what it cost."""

    def _close(self, line: JSONObject) -> Sequence[StreamEvent]:
        events, before = list(super()._close(line)), self.usage
        self.is_done = False
        if self._known is not None and before is not None:
            total = (self._known.input_tokens or 0) + (before.input_tokens or 0)
            self.usage = Usage(input_tokens=total, output_tokens=before.output_tokens)
        self._known = self.usage
        return events

    _known: Usage | None = None


class SkipsRubbish(ZenithDecoder):
    """Passes over what it cannot parse."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a line."""
        try:
            return super().feed(frame)
        except Exception:
            if frame.data.startswith(b"{"):
                return ()
            raise


class EmptyIsProgress(ZenithDecoder):
    """Makes a part of every line, also of one that says nothing."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return super().feed_object(line) or self.parts.whole(ProviderPart(provider="zenith", type="line", data=line))


class Glues(ZenithDecoder):
    """Keeps the whole text as one."""

    text = ""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        self.text = self.text + str(line.get("words"))
        return super().feed_object(line)


class WalksThroughAll(ChatDecoder):
    """Looks at everything that came whenever something comes."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a frame."""
        seen: list[bytes] = self.__dict__.setdefault("seen", [])
        seen.append(frame.data)
        size = 0
        for data in seen:
            size += len(data)
        return super().feed(frame)


class CountsAtTheEnd(ZenithDecoder):
    """Compares everything with everything when it ends."""

    seen = 0

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a line."""
        self.seen += 1
        return super().feed(frame)

    def close(self) -> Sequence[StreamEvent]:
        """End it."""
        pairs = 0
        for first in range(self.seen):
            for _ in range(first // 10):
                pairs += 1
        return super().close()


class Sleeps(ZenithDecoder):
    """Waits a moment for more."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a line."""
        time.sleep(0)
        return super().feed(frame)


class Hoards(ZenithDecoder):
    """Refuses lines that are longer than those of its author."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a line."""
        assert len(frame.data) < 65536
        return super().feed(frame)


class NothingIsAnAnswer(ZenithDecoder):
    """Begins complete."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.is_complete, self.finish_reason = True, "stop"


@dataclass(frozen=True)
class Caught:
    """A broken decoder, what finds it, and what that says."""

    decoder: type[Decoder]
    check: Callable[[Target, Shown], None]
    scenario: str
    rule: str
    says: str


CAUGHT = (
    Caught(UnstableIds, cutting.check_any_cut, "text", rules.WHOLE, "id: the cassette expects"),
    Caught(Hoards, cutting.check_huge_frame, "text", rules.DRESSED, "a field that nobody knows, in frame 0"),
    Caught(StrictEvents, strange.check_unknown_events, "text", rules.UNKNOWN, "an unknown 'line' before each frame"),
    Caught(StrictFields, strange.check_unknown_fields, "text", rules.UNKNOWN, "unknown fields in every object"),
    Caught(ReasonsAsTheyAre, strange.check_unknown_values, "text", rules.UNKNOWN, "it must be 'other'"),
    Caught(AlwaysComplete, ending.check_truncation, "text", rules.NO_SUCCESS, "leaves something out"),
    Caught(AlwaysComplete, ending.check_reset, "text", rules.NO_SUCCESS, "a connection reset"),
    Caught(Repairs, ending.check_truncation, "tool_call", rules.TRUE_CALLS, "the whole answer has none such"),
    Caught(Swallows, damage.check_error_after_any_event, "text", rules.PROVIDER_ERROR, "swallowed: a success"),
    Caught(AddsUp, damage.check_duplicate_frames, "usage", rules.NOT_AGAIN, "counts replace the ones before"),
    Caught(SkipsRubbish, damage.check_garbage, "text", rules.NO_GARBAGE, "a success with other content"),
    Caught(NothingIsAnAnswer, damage.check_not_a_stream, "text", rules.NO_STREAM, "a page of HTML with status 200"),
    Caught(EmptyIsProgress, stalls.check_stall, "text", rules.DEADLINE, "it is no progress, and made part_end events"),
    Caught(Glues, cost.check_cost_is_linear, "text", rules.LINEAR, "bytes are allocated at once"),
    Caught(WalksThroughAll, cost.check_cost_is_linear, "text", rules.LINEAR, "lines of Python run"),
    Caught(CountsAtTheEnd, cost.check_cost_is_linear, "text", rules.LINEAR, "lines of Python run in close()"),
    Caught(Sleeps, cost.check_decoding_does_not_block, "text", rules.NO_WAITING, "time.sleep"),
)


@pytest.mark.parametrize("caught", CAUGHT, ids=lambda caught: f"{caught.decoder.__name__}-{caught.check.__name__}")
def test_a_broken_decoder_is_found(caught: Caught) -> None:
    """By the check for it, which names the rule and says what was done."""
    is_chat = issubclass(caught.decoder, ChatDecoder)
    target = acme_with(caught.decoder) if is_chat else zenith_with(caught.decoder)  # type: ignore[arg-type]  # of the two
    with pytest.raises(ConformanceFailure) as raised:
        caught.check(target, shown_by(target, caught.scenario))
    assert raised.value.finding.rule == caught.rule
    assert caught.says in raised.value.finding.found
    assert raised.value.finding.scenario is not None
    assert raised.value.finding.scenario.startswith(caught.scenario)


def test_a_finding_says_where_to_look() -> None:
    """Scenario, frame, what was done, and the frames around it."""
    target = zenith_with(AlwaysComplete)
    with pytest.raises(ConformanceFailure) as raised:
        ending.check_truncation(target, shown_by(target, "text"))
    text = str(raised.value)
    assert "text-stream, at event 0" in text
    assert "cut off after 1 of" in text
    assert '"line"' in text
    assert "is_complete" in text
