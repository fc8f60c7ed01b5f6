"""ResponsesDecoder: the answers of the Responses wire, streamed and plain, to events.

One path serves both: the last event of a stream has the whole response, as a plain body does, and whatever the stream
did not say is taken from there. The quirks of servers were seen in their recordings or are in their documentation
(checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from pydantic_core import from_json

from core_llm._events import RawEvent, ReasoningDelta, StreamEvent, TextDelta, UsageUpdate
from core_llm._json import JSONObject, JSONValue
from core_llm._request import Request
from core_llm.wire.errors import error_from_object
from core_llm.wire.frames import Frame
from core_llm.wire.guards import as_index, as_object, as_objects, as_text, parse_object
from core_llm.wire.responses_items import Item, ItemDecoder
from core_llm.wire.responses_values import read_metadata

if TYPE_CHECKING:
    from core_llm.wire.responses import Responses

RUNNING = frozenset(("queued", "in_progress"))
"""States of a response that is not finished; only a response in the background is told in one of them."""
SILENT = frozenset(
    "response.content_part.added response.content_part.done response.reasoning_summary_part.added "
    "response.reasoning_summary_part.done response.reasoning_summary_text.done response.reasoning_text.done "
    "keepalive ping".split()
)
"""Events that say what another one says too, or nothing."""


class ResponsesDecoder(ItemDecoder):
    """Decodes one answer of the Responses wire.

    The terminal marker is ``response.completed``, ``response.incomplete`` or ``response.cancelled``; what follows it is
    not read. ``response.failed`` and ``error`` raise. Tool calls are announced at the marker.
    """

    def __init__(self, wire: Responses, request: Request) -> None:  # noqa: ARG002  # the wire's hook passes it on
        super().__init__(wire.provider)
        self._wire = wire
        self._event: JSONObject = {}
        self._status = ""
        self._is_finished = False
        self._is_in_foreground = False
        self._readers: dict[str, Callable[[JSONObject], Sequence[StreamEvent]]] = {
            "response.output_text.delta": self._read_text,
            "response.output_text.done": self._read_text_done,
            "response.output_text.annotation.added": self._read_annotation,
            "response.refusal.delta": self._read_refusal,
            "response.refusal.done": self._read_refusal_done,
            "response.reasoning_summary_text.delta": self._read_reasoning,
            "response.reasoning_text.delta": self._read_reasoning,
            "response.function_call_arguments.delta": self._read_arguments,
            "response.function_call_arguments.done": self._read_arguments_done,
            "response.output_item.added": self._read_added,
            "response.output_item.done": self._read_done,
            "response.created": self._read_begun,
            "response.queued": self._read_begun,
            "response.in_progress": self._read_begun,
            "response.completed": self._read_end,
            "response.incomplete": self._read_end,
            "response.cancelled": self._read_end,
        }

    @property
    def cursor(self) -> int | None:
        """The number of the last event, after which a response in the background is resumed; no other is kept so."""
        return None if self._is_in_foreground else as_index(self._event.get("sequence_number"))

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame and return its events."""
        try:
            event: JSONValue = from_json(frame.data)
        except ValueError:
            return self._feed_odd(frame)
        # The common frame is one more piece of the text that streams. This being the hot path, it is taken apart
        # unguarded; what is of another shape goes the long way.
        try:
            if (
                event["type"] == self._held_kind  # type: ignore[index, call-overload]
                and event["item_id"] == self._held_id  # type: ignore[index, call-overload]
                and event.get("content_index") == self._held_content  # type: ignore[union-attr]
                and not event.get("logprobs")  # type: ignore[union-attr]
            ):
                text = event["delta"]  # type: ignore[index, call-overload]
                if type(text) is str and text:
                    self._event = event  # type: ignore[assignment]
                    self._append(text)
                    return [self._held_event(self._held_index, text)]
        except (AttributeError, IndexError, KeyError, TypeError):
            pass
        return self._feed_event(event, frame)

    def feed_response(self, response: JSONObject, kind: str = "") -> list[StreamEvent]:
        """Take a whole response: a plain body, or the one in the last event of a stream, whose type is `kind`."""
        self._read_response(response)
        events: list[StreamEvent] = []
        for item, value in self.match(as_objects(response.get("output"))):
            events += self.announce(item)
            events += self.end(item, value)
        if usage := as_object(response.get("usage")):
            self.usage = self._wire.read_usage(usage)
            events.append(UsageUpdate(self.usage))
        self.metadata |= read_metadata(response)
        self._status = as_text(response.get("status")) or kind.removeprefix("response.") or "completed"
        reason = as_text(as_object(response.get("incomplete_details")).get("reason"))
        self.raw_finish_reason = reason or self._status
        if self._status not in RUNNING:
            self.is_complete = self.is_done = True
            self.finish_reason = self._wire.incomplete_reasons.get(reason, "other")
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Say that no frame follows; return the last events."""
        if self._is_finished:
            return ()
        self._is_finished = True
        events = self.finish_items(was_cut=self._status != "completed")
        if self.is_complete and self._status == "completed":
            calls = self.parts.has_tool_calls
            self.finish_reason = "content_filter" if self.has_refusal else "tool_calls" if calls else "stop"
        return events

    def _feed_event(self, event: JSONValue, frame: Frame) -> Sequence[StreamEvent]:
        if not isinstance(event, dict):
            event = parse_object(frame.data, self._wire.provider)  # says what it is instead
        kind = as_text(event.get("type")) or frame.event
        error = self._wire.find_error(event, kind)
        if error is not None:
            raise error
        if "sequence_number" in event:
            self._event = event
        reader = self._readers.get(kind)
        if reader is not None:
            return reader(event)
        return () if kind in SILENT else [RawEvent(kind, event)]

    def _feed_odd(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take a frame that is not JSON: the end that gateways add, an error in plain words, or what is not allowed."""
        data = frame.data.strip()
        if data and data != b"[DONE]":
            if frame.event == "error":
                raise error_from_object(data.decode("utf-8", "replace"))
            parse_object(data, self._wire.provider)
        return ()

    def _read_begun(self, event: JSONObject) -> Sequence[StreamEvent]:
        self._read_response(as_object(event.get("response")))
        return ()

    def _read_response(self, response: JSONObject) -> None:
        if given := as_text(response.get("id")):
            self.id = given
            self.tool_calls.id_prefix = f"call_{crc32(given.encode()):08x}"
        self.model = as_text(response.get("model")) or self.model
        if "background" in response:
            self._is_in_foreground = response["background"] is False
        if "store" in response:
            self.is_stored = response["store"] is not False

    def _read_end(self, event: JSONObject) -> Sequence[StreamEvent]:
        events = self.feed_response(as_object(event.get("response")), as_text(event.get("type")))
        return [*events, *self.close()]

    def _read_added(self, event: JSONObject) -> Sequence[StreamEvent]:
        value, index = as_object(event.get("item")), event.get("output_index")
        return self.announce(self.begun(value, index) or self.begin(value, index))

    def _read_done(self, event: JSONObject) -> Sequence[StreamEvent]:
        value = as_object(event.get("item"))
        about: JSONObject = {"item_id": value.get("id"), "output_index": event.get("output_index")}
        return self.end(self.item_of(about, as_text(value.get("type"))), value)

    def _read_text(self, event: JSONObject) -> Sequence[StreamEvent]:
        item, content = self.item_of(event, "message"), as_index(event.get("content_index")) or 0
        events = self.add_text(item, content, as_text(event.get("delta")), event.get("logprobs"))
        if events:
            self._hold(event, item, content, TextDelta)
        return events

    def _read_reasoning(self, event: JSONObject) -> Sequence[StreamEvent]:
        item = self.item_of(event, "reasoning")
        events = self.add_reasoning(item, as_text(event.get("delta")))
        if events:
            self._hold(event, item, 0, ReasoningDelta)
        return events

    def _hold(self, event: JSONObject, item: Item, content: int, made: type[TextDelta | ReasoningDelta]) -> None:
        """Take hold of the part that streams, for the pieces that follow."""
        self._held_kind, self._held_id = as_text(event.get("type")), event.get("item_id")
        self._held_content, self._held_event = event.get("content_index"), made
        self._held_index, pieces = self.parts.grip((item.number, content))
        self._append = pieces.append

    def _read_text_done(self, event: JSONObject) -> Sequence[StreamEvent]:
        item, content = self.item_of(event, "message"), as_index(event.get("content_index")) or 0
        key, whole = (item.number, content), as_text(event.get("text"))
        events = self.add_text(item, content, self.rest(item, key, whole))
        self.close_piece(item, key, whole)
        return events

    def _read_refusal(self, event: JSONObject) -> Sequence[StreamEvent]:
        item, content = self.item_of(event, "message"), as_index(event.get("content_index")) or 0
        return self.add_refusal(item, content, as_text(event.get("delta")))

    def _read_refusal_done(self, event: JSONObject) -> Sequence[StreamEvent]:
        item, content = self.item_of(event, "message"), as_index(event.get("content_index")) or 0
        key, whole = (item.number, content), as_text(event.get("refusal"))
        events = self.add_refusal(item, content, self.rest(item, key, whole))
        self.close_piece(item, key, whole)
        return events

    def _read_annotation(self, event: JSONObject) -> Sequence[StreamEvent]:
        item, content = self.item_of(event, "message"), as_index(event.get("content_index")) or 0
        return self.add_annotation(item, content, as_object(event.get("annotation")))

    def _read_arguments(self, event: JSONObject) -> Sequence[StreamEvent]:
        return self.add_arguments(self.item_of(event, "function_call"), as_text(event.get("delta")))

    def _read_arguments_done(self, event: JSONObject) -> Sequence[StreamEvent]:
        item, whole = self.item_of(event, "function_call"), as_text(event.get("arguments"))
        sent = "".join(item.arguments)
        events = self.add_arguments(item, whole.removeprefix(sent)) if whole.startswith(sent) else ()
        self.close_piece(item, (item.number, 0), whole)
        return events
