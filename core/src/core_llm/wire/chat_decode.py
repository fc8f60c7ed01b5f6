"""ChatDecoder: the answers of Chat Completions, streamed and plain, to events.

One delta path serves both: a plain body is one delta that says everything. The quirks of servers were seen in their
recordings or are in their documentation (checked 2026-11); what only one provider has is a table or method of its wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn
from zlib import crc32

from pydantic_core import from_json, to_json

from core_llm._errors import MalformedResponseError
from core_llm._events import RawEvent, StreamEvent, TextDelta, UsageUpdate
from core_llm._json import JSONObject, JSONValue
from core_llm._request import Request
from core_llm.wire.chat_deltas import DeltaDecoder
from core_llm.wire.chat_values import read_logprobs, read_sources
from core_llm.wire.errors import error_from_object
from core_llm.wire.frames import Frame
from core_llm.wire.guards import as_objects, as_text
from core_llm.wire.template import TextTemplate

if TYPE_CHECKING:
    from core_llm.wire.chat_completions import ChatCompletions

FRAME_SHOWN = 500
"""Characters of an offending frame that the error keeps."""
NOTHING: tuple[JSONValue, ...] = (None, "", [], {})
"""What a server sends for nothing."""
NO_METADATA = frozenset(
    "id object created model choices usage error obfuscation p citations search_results type".split()
)
"""Top-level fields that are read elsewhere, say nothing, or pad the frame (`obfuscation`, and Mistral's `p`)."""
PADS = ("obfuscation", "p")
"""Fields that pad a frame with random letters, so that its size tells an eavesdropper nothing."""
NO_CHOICE_METADATA = frozenset("index delta message text finish_reason finish_details logprobs usage error".split())


class ChatDecoder(DeltaDecoder):
    """Decodes one Chat Completions answer.

    The terminal marker is a finish reason or ``[DONE]``. Tool calls are announced at ``[DONE]``, or where the stream
    ends after a finish reason: some servers send more, an error even, after the finish reason.
    """

    def __init__(self, wire: ChatCompletions, request: Request) -> None:
        super().__init__(wire, request)
        self._raw_usage: JSONValue = None
        self._sources: tuple[JSONValue, JSONValue] = (None, None)
        self._is_finished = False
        self._has_delta = False
        self._top_size = self._choice_size = -1
        template = TextTemplate("content", PADS)
        self._match, self._learn = template.match, template.learn

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame and return its events."""
        data = frame.data
        if self._open == "text" and (known := self._match(data)):
            self._append(known)
            return [TextDelta(self._index, known)]
        try:
            chunk = from_json(data)
        except ValueError:
            return self._feed_odd(frame)
        # The common frame is told by its sizes: those of one before it that had nothing but a delta to tell. This being
        # the hot path, it is taken apart unguarded; what is of another shape goes the long way.
        delta = None
        try:
            if len(chunk) == self._top_size and not chunk.get("usage") and "error" not in chunk:
                (choice,) = chunk["choices"]
                if (
                    len(choice) == self._choice_size
                    and choice.get("finish_reason") is None
                    and choice.get("logprobs") is None
                    and not choice.get("index")
                ):
                    delta = choice["delta"]
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        if type(delta) is dict:
            if self._open == "text" and len(delta) == 1 and type(text := delta.get("content")) is str:
                if not text:
                    return ()
                self._learn(data)
                self._append(text)
                return [TextDelta(self._index, text)]
            return self.read_delta(delta)
        return self.feed_object(chunk, frame.event)

    def feed_object(self, chunk: JSONValue, event: str = "", *, content: str = "delta") -> Sequence[StreamEvent]:
        """Take a frame, or a plain body, that is parsed already.

        Args:
            chunk: The object.
            event: The name of its server-sent event.
            content: The field of a choice that has what is new: ``delta``, or ``message`` in a plain body.
        """
        if not isinstance(chunk, dict):
            if event == "error":
                self._raise(chunk)
            self._raise_malformed(f"is a JSON {type(chunk).__name__} where an object is due", to_json(chunk))
        error = self._wire.find_error(chunk, event)
        if error is not None:
            self._raise(error)
        self._read_top(chunk)
        choices = chunk.get("choices")
        events: list[StreamEvent] = []
        for choice in as_objects(choices):
            if not choice.get("index"):
                events += self._read_choice(choice, content)
        x_groq = chunk.get("x_groq")
        usage = chunk.get("usage") or (x_groq.get("usage") if isinstance(x_groq, dict) else None)
        if usage:
            events += self._read_usage(usage)
        elif choices:
            self._top_size = len(chunk)
        elif "choices" not in chunk and chunk.get("type") != "ping":
            events.append(RawEvent(as_text(chunk.get("object")) or as_text(chunk.get("type")) or event, chunk))
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Say that no frame follows; return the last events."""
        if self._is_finished:
            return ()
        self._is_finished = True
        was_cut = self.finish_reason in ("length", "content_filter", "error")
        events = self._finish_parts(read_sources(*self._sources), was_cut=was_cut)
        if self.is_complete:
            self._settle_finish_reason()
        return events

    def _feed_odd(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a frame that is not JSON: the end, an error in plain words, a blank one, or what is not of this wire."""
        data = frame.data.strip()
        if data == b"[DONE]":
            self.is_complete = self.is_done = True
            return self.close()
        if frame.event == "error":
            self._raise(data.decode("utf-8", "replace"))
        if data:
            self._raise_malformed("is not JSON", data)
        return ()

    def _read_top(self, chunk: JSONObject) -> None:
        if self.id is None and (given := as_text(chunk.get("id"))):
            self.id = given
            self.tool_calls.id_prefix = f"call_{crc32(given.encode()):08x}"
        if self.model is None:
            self.model = as_text(chunk.get("model")) or None
        results, citations = chunk.get("search_results"), chunk.get("citations")
        if results or citations:
            self._sources = (results, citations)
        for name, value in chunk.items():
            if name in NO_METADATA or value in NOTHING:
                continue
            known = self.metadata.get(name)
            if isinstance(known, dict) and isinstance(value, dict):
                known.update(value)  # Groq says its id and seed in the first frame, more in the last
            else:
                self.metadata[name] = value

    def _read_choice(self, choice: JSONObject, content: str) -> list[StreamEvent]:
        if choice.get("error"):
            self._raise(choice["error"])
        if logprobs := choice.get("logprobs"):
            self._logprobs += read_logprobs(logprobs)
        events = list(self.read_delta(self._delta_of(choice, content)))
        if usage := choice.get("usage"):
            events += self._read_usage(usage)
        details = choice.get("finish_details")  # GPT-4 with vision said it there
        reason = choice.get("finish_reason") or (details.get("type") if isinstance(details, dict) else None)
        if reason:
            self.raw_finish_reason = str(reason)
            self.finish_reason = self._wire.finish_reasons.get(self.raw_finish_reason, "other")
            self.is_complete = True
        else:
            self._choice_size = len(choice)
        for name, value in choice.items():
            if name not in NO_CHOICE_METADATA and value not in NOTHING:
                self.metadata[name] = value
        return events

    def _delta_of(self, choice: JSONObject, content: str) -> JSONObject:
        """Return what is new in a choice.

        Perplexity sends a delta and, beside it, the message as it has grown. Others send a whole message in place of a
        delta; after deltas it says nothing new.
        """
        found = choice.get(content)
        if isinstance(found, dict):
            self._has_delta = True
            return found
        other = choice.get("message" if content == "delta" else "delta")
        if isinstance(other, dict):
            return {} if self._has_delta else other
        text = choice.get("text")
        return {"content": text} if isinstance(text, str) else {}

    def _read_usage(self, raw: JSONValue) -> list[StreamEvent]:
        if not isinstance(raw, dict) or raw == self._raw_usage:
            return []
        self._raw_usage = raw
        self.usage = self._wire.read_usage(raw)
        return [UsageUpdate(self.usage)]

    def _settle_finish_reason(self) -> None:
        """Say what the wire's own word does not: a refusal, or calls, also where it says ``stop`` or nothing at all."""
        if self.finish_reason is None:
            self.finish_reason = "stop"
        if self.finish_reason == "stop":
            if self.has_refusal:
                self.finish_reason = "content_filter"
            elif self.parts.has_tool_calls:
                self.finish_reason = "tool_calls"

    def _raise(self, error: JSONValue) -> NoReturn:
        self.is_complete = False  # an error after a finish reason takes it back (OpenRouter sends it so)
        raise error_from_object(error)

    def _raise_malformed(self, what: str, data: bytes) -> NoReturn:
        shown = data[:FRAME_SHOWN].decode("utf-8", "replace")
        raise MalformedResponseError(f"{self._wire.provider} sent a frame that {what}: {shown[:80]}", frame=shown)
