"""Subtly broken in reading answers: right on every recorded answer, and wrong on one that is a little different."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping, Sequence

from pydantic_core import from_json, to_json

from core_llm import StreamEvent, Usage
from core_llm.wire import ChatDecoder, Frame, JSONObject, JSONValue, as_object, as_objects, as_text

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithDecoder, ZenithWire
from .bugs import bug

EXACT = "test_values_are_exact[text-stream]"
CALLS_EXACT = "test_values_are_exact[tool_call-stream]"


@bug("wire-quirks, Azure: empty id in some chunks", EXACT, says="id is", subtle=True)
class IdOfTheLastFrame(ChatDecoder):
    """The answer's id is that of the last frame, which may have none."""

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame."""
        events = super().feed_object(chunk, event, content=content)
        self.id = as_text(as_object(chunk).get("id")) or None
        return events


@bug("the design: `model` is the one that answers", EXACT, says="model is", subtle=True)
class ModelOfTheRequest(ChatDecoder):
    """The model is the one that was asked, also where another answered."""

    def close(self) -> Sequence[StreamEvent]:
        """End the answer."""
        self.model = self._request.model
        return super().close()


@bug("the exchanges: the id that the support asks for", EXACT, says="id is", subtle=True)
class IdMadeUp(ZenithDecoder):
    """The answer's id is a constant that the recordings happen to have."""

    def _close(self, line: JSONObject) -> Sequence[StreamEvent]:
        self.id = "answer-1"
        return super()._close(line)


@bug("users-pains 12: letters are others", EXACT, says="text is", subtle=True)
class Normalised(ZenithDecoder):
    """Letters with marks are composed, so that the text is not the model's any more."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        words = line.get("words")
        return super().feed_object(
            {**line, "words": unicodedata.normalize("NFC", words)} if isinstance(words, str) else line
        )


@bug("the exchanges: code in an answer", EXACT, says="text is", subtle=True)
class Unescaped(ZenithDecoder):
    """What looks like HTML is unescaped, and code in an answer is another."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        words = line.get("words")
        return super().feed_object({**line, "words": html.unescape(words)} if isinstance(words, str) else line)


@bug("wire-quirks, Anthropic: trailing whitespace", EXACT, says="text is", subtle=True)
class FirstSpaceStripped(ChatDecoder):
    """White space at the beginning of an answer is dropped."""

    def _read_content(self, value: JSONValue) -> Sequence[StreamEvent]:
        if self._open != "text" and isinstance(value, str):
            value = value.lstrip()
            if not value:
                return ()
        return super()._read_content(value)


@bug("wire-quirks: a line end is a line end", EXACT, says="text is", subtle=True)
class LineEndsTidied(ZenithDecoder):
    """CRLF within a text becomes LF."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        words = line.get("words")
        return super().feed_object({**line, "words": words.replace("\r\n", "\n")} if isinstance(words, str) else line)


@bug("the exchanges: the end of a paragraph is a piece", EXACT, says="text is", subtle=True)
class BlankPiecesDropped(ZenithDecoder):
    """A piece that is white space alone is taken for an empty one."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        words = line.get("words")
        return () if isinstance(words, str) and not words.strip() else super().feed_object(line)


@bug("the exchanges: a word said twice", EXACT, says="text is", subtle=True)
class RepetitionsDropped(ChatDecoder):
    """A frame that is the same as the one before is taken for that one, sent again."""

    _before = b""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a frame."""
        before, self._before = self._before, frame.data
        return () if frame.data == before else super().feed(frame)


@bug("the design: a text is the model's", EXACT, says="text is", subtle=True)
class ControlsDropped(ZenithDecoder):
    """Characters that nobody sees are left out."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        words = line.get("words")
        kept = "".join(c for c in words if c.isspace() or c.isprintable()) if isinstance(words, str) else words
        return super().feed_object({**line, "words": kept})


@bug("the design: `model` is the one that answers", EXACT, says="model is", subtle=True)
class OwnerLeftOut(ChatDecoder):
    """The model's name is what follows the last slash in it."""

    def close(self) -> Sequence[StreamEvent]:
        """End the answer."""
        self.model = (self.model or "").rpartition("/")[2] or None
        return super().close()


@bug(
    "wire-quirks, Anthropic: the signature is of its own block",
    "test_message_goes_back[reasoning-stream]",
    says="c2VhbC0x",
    subtle=True,
)
class SealOnTheText(ZenithDecoder):
    """The signature is kept with the part that follows the one it is of."""

    _seal: JSONValue = None

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "seal":
            self._seal = line.get("seal")
            return ()
        events = list(super().feed_object(line))
        if line.get("line") == "say" and self._seal is not None:
            events += self.parts.state("text", {"seal": self._seal})
            self._seal = None
        return events


@bug(
    "users-pains 29: waiting for what does not come",
    "test_truncation[text-stream]",
    says="the decoder is not done with close",
    subtle=True,
)
class NeverDone(ZenithDecoder):
    """The end has come, and the stream is read until the server closes it."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        events = super().feed_object(line)
        self.is_done = False
        return events


@bug(
    "wire-quirks, the zoo: null in place of nothing",
    "test_fields_are_read_with_guards[wire]",
    says="words missing: KeyError",
    subtle=True,
)
class DeclineUnguarded(ZenithDecoder):
    """Words are read with a guard in every kind of line but one."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line.get("line") == "decline":
            line = {**line, "words": line["words"].strip()}  # type: ignore[union-attr]  # that is the fault
        return super().feed_object(line)


@bug(
    "wire-quirks, Gemini: usage is cumulative, later chunks may drop fields",
    EXACT,
    subtle=True,
    says="usage.output_tokens is 1, not 9",
)
class StaleUsage(ChatDecoder):
    """The first usage counts, and what a later one adds is passed over."""

    def _read_usage(self, raw: JSONValue) -> list[StreamEvent]:
        return [] if self.usage is not None else super()._read_usage(raw)


@bug("users-pains 14: n > 1", EXACT, subtle=True, says="text is")
class ChoicesMixed(ChatDecoder):
    """The text of a second choice is mixed into that of the first."""

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame."""
        for choice in as_objects(as_object(chunk).get("choices")):
            choice["index"] = 0
        return super().feed_object(chunk, event, content=content)


@bug(
    "wire-quirks, Anthropic: thinking between calls",
    "test_message_goes_back[reasoning_replay-stream]",
    says="c2VhbC0z",
    subtle=True,
)
class ThoughtsJoined(ZenithDecoder):
    """What is thought after some text joins what was thought before it, and there is one signature for both."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        match line.get("line"):
            case "think":
                return self.parts.reasoning(as_text(line.get("words")), "thoughts")
            case "seal":
                return self.parts.state("reasoning", {"seal": line.get("seal")}, "thoughts")
        return super().feed_object(line)


@bug(
    "users-pains 30: plain and streamed differ",
    "test_plain_equals_stream[cached_usage]",
    "test_scenario[cached_usage-plain]",
    says="cache_read",
    subtle=True,
)
class PlainForgetsTheCache(ZenithWire):
    """A plain answer leaves out one figure that a streamed one has."""

    def decode_response(self, body: JSONObject, request: object) -> object:  # type: ignore[override]  # handed on
        """Return the answer."""
        for line in as_objects(body.get("lines")):
            as_object(line.get("count")).pop("cached", None)
        return super().decode_response(body, request)  # type: ignore[arg-type]  # it is a Request


@bug("users-pains 49: the default of a table", "test_unknown_values[text-stream]", says="must be 'other'", subtle=True)
class DefaultIsStop(AcmeWire):
    """A reason that is not in the table is the commonest one."""

    class decoder_type(ChatDecoder):  # noqa: N801  # the attribute's name
        """Takes it for that."""

        def close(self) -> Sequence[StreamEvent]:
            """End the answer."""
            if self.finish_reason == "other":
                self.finish_reason = "stop"
            return super().close()


@bug("wire-quirks, xAI: total is not the sum", EXACT, subtle=True, says="output_tokens=9")
class TotalIgnored(AcmeWire):
    """What the total counts and neither figure does is not counted."""

    def read_usage(self, raw: JSONObject) -> Usage:
        """Return the usage."""
        return super().read_usage({name: value for name, value in raw.items() if name != "total_tokens"})


@bug(
    "users-pains 10: an error is told by its class alone",
    "test_error[error_400-plain]",
    says="code is None",
    subtle=True,
)
class CodeLost(AcmeWire):
    """An error has its words, and not the provider's code for it."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> object:  # type: ignore[override]
        """Return an error."""
        error = super().decode_error(status, headers, body)
        error.code = None
        return error


@bug(
    "the design: unknown frames are kept or passed over",
    "test_unknown_fields[text-stream]",
    says="not the same",
    subtle=True,
)
class FirstFieldDecides(ZenithDecoder):
    """What a line is, is told by its first field, whatever that is called."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line."""
        line = from_json(frame.data)
        if isinstance(line, dict) and line:
            first = next(iter(line.values()))
            line["line"] = first if isinstance(first, str) else ""
        return super().feed(Frame(to_json(line)))
