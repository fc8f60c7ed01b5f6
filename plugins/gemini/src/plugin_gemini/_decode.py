"""GeminiDecoder: the answers of `generateContent`, streamed and plain, to events.

A frame of a stream and a plain body have one shape, and one path serves both. Signed parts stay as they came, for the
API wants each signature back on its part; what is not signed is joined with what it goes on from.
Source: Gemini API reference, "GenerateContentResponse" (checked 2026-11), and recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal
from zlib import crc32

from pydantic_core import from_json, to_json

from core_llm import (
    Citation,
    PartEnd,
    PartStart,
    ProviderPart,
    RawEvent,
    ReasoningPart,
    Request,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    UsageUpdate,
)
from core_llm.wire import (
    Decoder,
    Frame,
    JSONObject,
    JSONValue,
    ToolCallAssembler,
    as_object,
    as_objects,
    as_text,
    parse_object,
)
from plugin_gemini._partial import PartialCall
from plugin_gemini._template import CountedText
from plugin_gemini._values import read_file, read_logprobs, read_sources

if TYPE_CHECKING:
    from plugin_gemini._wire import GeminiWire

NOTHING: tuple[JSONValue, ...] = (None, "", [], {})
"""What says nothing."""
NO_METADATA = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId"))
"""Top-level fields that are read elsewhere; what else comes is kept under its own name."""
NO_CANDIDATE_METADATA = frozenset(("content", "finishReason", "index", "logprobsResult"))
BESIDE_DATA = frozenset(
    ("thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution", "mediaProcessing")
)
"""Fields of a part that say something of it; the one other field is what it is."""


class GeminiDecoder(Decoder):
    """Decodes one answer.

    The terminal marker is the finish reason of the first candidate, or the reason for which the prompt was blocked.
    Frames may follow it, and a later reason replaces it: some models say STOP in each frame.
    """

    def __init__(self, wire: GeminiWire, request: Request) -> None:
        super().__init__(wire.provider)
        self._wire = wire
        self._calls = ToolCallAssembler(self.parts)
        self._calls.id_prefix = f"call_{len(request.messages)}"
        self._partial: PartialCall | None = None
        self._open: Literal["text", "reasoning"] | None = None
        """The kind of the part that more of the same goes into; None where the next begins another."""
        self._has_text_open = False
        self._index = 0
        self._append: Callable[[str], None] = list[str]().append
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self._cited: set[tuple[str | None, str | None, int | None, int | None]] = set()
        self._counts: JSONObject = {}
        self._is_finished = False
        self._template = CountedText()
        self._match = self._template.match

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame and return its events."""
        data = frame.data
        if self._open == "text" and (known := self._match(data)):
            self._append(known)
            return [TextDelta(self._index, known)]
        if data.strip() in (b"", b"[DONE]"):  # not Google's, but of gateways; no marker, for it says nothing of the end
            return ()
        events = self.feed_object(parse_object(data, self._wire.provider))
        if self._open == "text" and not self.is_complete and _is_text_alone(events):
            self._template.learn(data)
        return events

    def feed_object(self, chunk: JSONObject) -> list[StreamEvent]:
        """Take a frame, or a plain body, that is parsed already.

        Raises:
            ProviderError: It is an error object.
        """
        if chunk.get("error"):
            self.is_complete = False
            raise self._wire.read_error(chunk)
        self._read_top(chunk)
        events: list[StreamEvent] = []
        for candidate in as_objects(chunk.get("candidates")):
            if not candidate.get("index"):
                events += self._read_candidate(candidate)
        blocked = as_object(chunk.get("promptFeedback")).get("blockReason")
        if blocked:
            self._finish(str(blocked), is_blocked=True)
        events += self._count(self._skipped_counts() | as_object(chunk.get("usageMetadata")))
        if not any(name in chunk for name in ("candidates", "promptFeedback", "usageMetadata")):
            events.append(RawEvent("", chunk))
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Say that no frame follows; return the last events."""
        if self._is_finished:
            return ()
        self._is_finished = True
        events: list[StreamEvent] = []
        if self._partial is not None:
            events += self._finish_call(self._partial, is_whole=False)
        if self._logprobs and self._has_text_open:
            events += self.parts.text("", logprobs=self._logprobs)
        events += self.parts.close_all()
        events += self._count(self._skipped_counts())
        if self.is_complete:
            self._settle_finish_reason()
        return events

    def _read_top(self, chunk: JSONObject) -> None:
        if self.id is None and (given := as_text(chunk.get("responseId"))):
            self.id = given
            self._calls.id_prefix = f"call_{crc32(given.encode()):08x}"
        if self.model is None:
            self.model = as_text(chunk.get("modelVersion")) or None
        self.metadata |= {
            name: value for name, value in chunk.items() if name not in NO_METADATA and value not in NOTHING
        }

    def _read_candidate(self, candidate: JSONObject) -> list[StreamEvent]:
        if result := candidate.get("logprobsResult"):
            self._logprobs += read_logprobs(result)
        events: list[StreamEvent] = []
        for part in as_objects(as_object(candidate.get("content")).get("parts")):
            events += self._read_part(part)
        if "groundingMetadata" in candidate or "citationMetadata" in candidate:
            events += self._cite(read_sources(candidate))
        if reason := candidate.get("finishReason"):
            self._finish(str(reason))
        self.metadata |= {
            name: value
            for name, value in candidate.items()
            if name not in NO_CANDIDATE_METADATA and value not in NOTHING
        }
        return events

    def _read_part(self, part: JSONObject) -> list[StreamEvent]:
        is_thought = part.get("thought") is True
        text = part.get("text")
        if isinstance(text, str):
            return self._read_text(text, part, "reasoning" if is_thought else "text")
        call = part.get("functionCall")
        if isinstance(call, dict):
            return self._read_call(call, part)
        kind = next((name for name in part if name not in BESIDE_DATA), None)
        if kind is None and "thoughtSignature" not in part:
            return []
        events = self._left()
        # A picture that is a thought is a draft, not the answer.
        file = None if is_thought else read_file(part, self._state(part, kind or ""))
        if file is not None:
            return events + self.parts.whole(file)
        return events + self.parts.whole(ProviderPart(provider=self.parts.provider, type=kind or "part", data=part))

    def _read_text(self, text: str, part: JSONObject, kind: Literal["text", "reasoning"]) -> list[StreamEvent]:
        state = {name: value for name, value in part.items() if name not in ("text", "thought")}
        if state and kind == "reasoning":
            state["thought"] = True
        if not text:
            return self._seal(state) if state else []
        events = [] if self._open == kind and not state else self._left()
        if kind == "text":
            logprobs, self._logprobs = self._logprobs, ()
            events += self.parts.text(text, logprobs=logprobs)
            self._has_text_open = True
        else:
            events += self.parts.reasoning(text)
        if state:
            self.parts.state(kind, state)
        else:
            self._open = kind
            self._index, pieces = self.parts.grip()
            self._append = pieces.append
        return events

    def _seal(self, state: JSONObject) -> list[StreamEvent]:
        """Keep a signature that came alone, on an empty text: what was thought, and nothing to read of it.

        A text before it stays open, for its sources come in the same frame; more text begins another part.
        """
        self._open = None
        start = self.parts.start("reasoning")
        sealed = ReasoningPart(provider_state={self.parts.provider: state})
        return [start, *self.parts.end(start.part_index, sealed)]

    def _read_call(self, call: JSONObject, part: JSONObject) -> list[StreamEvent]:
        state = {name: value for name, value in part.items() if name != "functionCall"}
        if given := as_text(call.get("id")):
            state["id"] = given
        events = self._left()
        if self._partial is None:
            self._partial = PartialCall()
        if self._partial.add(call, state):
            events += self._finish_call(self._partial, is_whole=True)
            self._partial = None
        return events

    def _finish_call(self, call: PartialCall, *, is_whole: bool) -> list[StreamEvent]:
        text = to_json(call.arguments).decode()
        # What was cut off must not look whole: without its last bracket it is no JSON.
        raw = text if is_whole else text[:-1]
        given = as_text(call.state.get("id"))
        events = list(self._calls.add(None, given, call.name, raw, state=call.state, begins=True))
        return events + self._calls.finish(is_final=is_whole)

    def _cite(self, citations: Sequence[Citation]) -> list[StreamEvent]:
        """Hang sources on the text that is open, each once; without one they are in the metadata alone."""
        events: list[StreamEvent] = []
        for citation in citations if self._has_text_open else ():
            key = (citation.url, citation.title, citation.start, citation.end)
            if key not in self._cited:
                self._cited.add(key)
                events += self.parts.citation(citation)
        return events

    def _left(self) -> list[StreamEvent]:
        """Close the part that is open: something else follows."""
        self._open = None
        self._has_text_open = False
        return self.parts.close_sequential()

    def _state(self, part: JSONObject, data: str) -> dict[str, JSONValue]:
        """Return what the API wants back with a part besides its data, as a part's state."""
        state: JSONObject = {name: value for name, value in part.items() if name != data}
        return {self.parts.provider: state} if state else {}

    def _skipped_counts(self) -> JSONObject:
        """Return what the frames that were not parsed have counted."""
        counts = self._template.take_counts()
        return as_object(as_object(from_json(counts)).get("usageMetadata")) if counts else {}

    def _count(self, counts: JSONObject) -> list[StreamEvent]:
        """Take counts: cumulative, but a later frame may leave out what an earlier one had."""
        merged = self._counts | counts
        if merged == self._counts:
            return []
        self._counts = merged
        usage = self._wire.read_usage(merged)
        if usage.input_tokens is None and usage.output_tokens is None:
            return []
        self.usage = usage
        return [UsageUpdate(usage)]

    def _finish(self, reason: str, *, is_blocked: bool = False) -> None:
        self.raw_finish_reason = reason
        self.finish_reason = "content_filter" if is_blocked else self._wire.finish_reasons.get(reason, "other")
        self.is_complete = True

    def _settle_finish_reason(self) -> None:
        """Say what the wire has no word for: that the answer ends with calls."""
        is_plain = self.raw_finish_reason in (None, "STOP") or self.raw_finish_reason not in self._wire.finish_reasons
        if self.parts.has_tool_calls and is_plain:
            self.finish_reason = "tool_calls"
        elif self.finish_reason is None:
            self.finish_reason = "other"


def _is_text_alone(events: Sequence[StreamEvent]) -> bool:
    """Tell whether events say nothing but one more piece of text, and how many tokens there are so far."""
    telling = [event for event in events if not isinstance(event, PartStart | PartEnd | UsageUpdate)]
    return len(telling) == 1 and isinstance(telling[0], TextDelta) and not telling[0].logprobs
