"""Broken in reading text: letters lost, spaces lost, pieces swallowed or gathered, events that break the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from core_llm import MalformedResponseError, PartEnd, StreamEvent, TextDelta, TextPart
from core_llm.wire import ChatDecoder, Frame, Framing, JSONObject, JSONValue, as_objects, as_text, parse_object

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder
from .bugs import bug


class _ByHand(ChatDecoder):
    """Server-sent events, taken apart as one does it in an example."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line."""
        return super().feed(Frame(self.data_of(frame.data))) if self.data_of(frame.data) else ()

    def data_of(self, line: bytes) -> bytes:
        """Return what a line carries."""
        return line.removeprefix(b"data: ")


class _ByHandWire(AcmeWire):
    framing: ClassVar[Framing] = "ndjson"
    decoder_type = _ByHand


@bug("users-pains 12; wire-quirks, OpenRouter: comments", "test_any_cut[text-stream]", says="server-sent events")
class CommentsAreData(_ByHandWire):
    """The stream is read line by line, and a comment is a line that is no JSON."""


@bug("wire-quirks, DeepSeek: `data:` without space", "test_any_cut[text-stream]", says="server-sent events")
class SpaceRequired(_ByHandWire):
    """Only lines that begin with `data: `, space included, are data; others are passed over."""

    class decoder_type(_ByHand):  # noqa: N801  # the attribute's name
        """Takes such lines."""

        def data_of(self, line: bytes) -> bytes:
            """Return what a line carries."""
            return line[6:] if line.startswith(b"data: ") else b""


@bug("users-pains 12: vercel/ai#6200, praxis#739", "test_any_cut[text-stream]", says="server-sent events")
class LinesAreEvents(_ByHandWire):
    """Each `data` line is an event; but one event may have several, which are joined."""

    class decoder_type(_ByHand):  # noqa: N801  # the attribute's name
        """Takes such lines."""

        def data_of(self, line: bytes) -> bytes:
            """Return what a line carries."""
            return line[5:].strip() if line.startswith(b"data:") else b""


@bug("users-pains 12: aisix#111, multibyte UTF-8 is corrupted", "test_scenario[unicode-stream]", says="text is")
class Latin1(ZenithDecoder):
    """Bytes are read as the encoding that HTTP once had by default."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line."""
        return super().feed(Frame(frame.data.decode("latin-1").encode()))


@bug("users-pains 12: liter-llm#152, UTF-8 split over chunks", "test_scenario[unicode-stream]", says="text")
class SplitUtf8(ZenithDecoder):
    """Text is handed on in pieces of so many bytes, each decoded by itself."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        words = as_text(line.get("words")).encode()
        if line.get("line") != "say" or len(words) < 4:
            return super().feed_object(line)
        pieces = [words[at : at + 4].decode("utf-8", "replace") for at in range(0, len(words), 4)]
        return [event for piece in pieces for event in super(SplitUtf8, self).feed_object({**line, "words": piece})]


@bug("wire-quirks, Anthropic: no trailing whitespace", "test_scenario[text-stream]", says="text is")
class Stripped(ZenithDecoder):
    """Each piece of text is stripped, and words run together."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return super().feed_object({**line, "words": as_text(line.get("words")).strip()})


@bug("the design: deltas are never empty", "test_scenario[text-stream]", says="no_empty_delta")
class EmptyDeltas(ChatDecoder):
    """The first frame, whose text is empty, makes a delta."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame."""
        events = list(super().feed(frame))
        if not events and self._open is None and b'"content": ""' in frame.data:
            begun = self.parts.text(" ")
            return [begun[0], TextDelta(0, "")]
        return events


@bug("the design: each part is closed before Finish", "test_scenario[text-stream]", says="all_closed")
class NeverClosed(ZenithDecoder):
    """Parts are opened, and never closed."""

    def close(self) -> Sequence[StreamEvent]:
        """Close nothing."""
        return [event for event in super().close() if not isinstance(event, PartEnd)]


@bug("users-pains, the validator: delta == finish", "test_scenario[text-stream]", says="deltas_add_up")
class DeltasDoNotAddUp(ZenithDecoder):
    """The part that ends is tidied, and is not what the deltas said."""

    def close(self) -> Sequence[StreamEvent]:
        """Close parts."""
        return [self._tidied(event) for event in super().close()]

    @staticmethod
    def _tidied(event: StreamEvent) -> StreamEvent:
        if isinstance(event, PartEnd) and isinstance(event.part, TextPart):
            return PartEnd(event.part_index, TextPart(text=event.part.text.rstrip("!")))
        return event


@bug("the design: no quadratic gluing", "test_cost_is_linear[text-stream]", says="lines of Python run for one frame")
class Quadratic(ZenithDecoder):
    """All that was said is gone through with every piece."""

    _said = ""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line."""
        events = super().feed(frame)
        for event in events:
            if isinstance(event, TextDelta):
                self._said = "".join([letter for letter in self._said] + [event.text])  # noqa: C416  # the bug
        return events


@bug("users-pains 35, the design: pull-based", "test_scenario[long_output-stream]", says="is handed on as it comes")
class Gathered(ZenithDecoder):
    """Everything is kept until the end, and handed on at once."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._lines: list[JSONObject] = []

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Keep the line."""
        self._lines.append(parse_object(frame.data, self.parts.provider))
        if self._lines[-1].get("line") not in ("close", "error"):
            return ()
        said = "".join(as_text(line.get("words")) for line in self._lines if line.get("line") == "say")
        others = [line for line in self._lines if line.get("line") != "say"]
        events = [event for line in others[:-1] for event in self.feed_object(line)]
        events += self.parts.text(said)
        return [*events, *self.feed_object(others[-1])]


@bug("wire-quirks, Azure: the first chunk is another", "test_scenario[text-stream]", says="text")
class FirstPieceSwallowed(ZenithDecoder):
    """The first piece of text is taken for the announcement that text begins."""

    _is_first = True

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "say" and self._is_first:
            self._is_first = False
            return ()
        return super().feed_object(line)


def said_with_the_reason(cassettes: Path) -> None:
    """Let the last piece of text come in the frame that has the finish reason."""
    path = cassettes / "text.yaml"
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.rpartition(', "finish_reason": null}]}\n\n        data: ')
    _, _, after = rest.partition("\n\n")
    path.write_text(f'{head}, "finish_reason": "stop"}}]}}\n\n{after}', encoding="utf-8")


@bug(
    "users-pains 7: an extra chunk, or none",
    "test_scenario[text-stream]",
    says="text is",
    edit=said_with_the_reason,
)
class LastPieceSwallowed(ChatDecoder):
    """The frame that has the finish reason is read for that alone."""

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame."""
        for choice in as_objects(chunk.get("choices")) if isinstance(chunk, dict) else ():
            if choice.get("finish_reason") and content == "delta":
                choice["delta"] = {}
        return super().feed_object(chunk, event, content=content)


@bug(
    "wire-quirks, Anthropic: unknown event types may be added", "test_unknown_events[text-stream]", says="not the same"
)
class UnknownLineIsAnError(ZenithDecoder):
    """A line of a kind that is not known is an error."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") not in "open think seal say decline cite call input close error".split():
            raise MalformedResponseError(f"zenith sent the line {line.get('line')!r}", frame="")
        return super().feed_object(line)


@bug(
    "wire-quirks, Groq and OpenRouter: fields nobody announced", "test_unknown_fields[text-stream]", says="not the same"
)
class UnknownFieldIsAnError(ZenithDecoder):
    """A field that is not known is an error, as a strict model makes it."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if odd := set(line) - set("line words ref tool piece page seal why count answer engine what".split()):
            raise MalformedResponseError(f"zenith sent the fields {sorted(odd)}", frame="")
        return super().feed_object(line)


@bug(
    "the design: comments and pings are no progress",
    "test_stall[text-stream]",
    says="what brings no content is no progress",
)
class PingsAreProgress(ZenithDecoder):
    """What only keeps the connection alive is handed on as if it were news, and no limit holds any more."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        events = super().feed_object(line)
        if not events and line.get("line") not in ("open", "seal", "call", "input"):
            return self.parts.text("\u200b")
        return events


@bug("users-pains 51; wire-quirks, Mistral", "test_fields_are_read_with_guards", says="KeyError: 'line'")
class Unguarded(ZenithDecoder):
    """Fields are read as if they were always there."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        assert line["line"] is not None
        return super().feed_object(line)
