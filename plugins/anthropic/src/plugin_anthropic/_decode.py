"""MessagesDecoder: the answers of the Messages API, streamed and plain, to events.

An answer is a list of content blocks. A plain body has them whole; in a stream each begins, grows by deltas, and stops.
Text and thinking become parts of their own, `tool_use` a call of a caller's tool, and every other block, what the
provider's own tools did and what this version does not know, a ProviderPart that holds it as it came.
Source: Anthropic's API reference, "Streaming messages" (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from pydantic_core import from_json

from core_llm import (
    Citation,
    ProviderPart,
    RawEvent,
    ReasoningDelta,
    Request,
    StatusError,
    StreamEvent,
    TextDelta,
    UsageUpdate,
)
from core_llm.wire import (
    Decoder,
    Frame,
    JSONObject,
    JSONValue,
    TextTemplate,
    ToolCallAssembler,
    as_index,
    as_object,
    as_objects,
    as_text,
    error_from_object,
    parse_object,
)

if TYPE_CHECKING:
    from plugin_anthropic._wire import Messages

TEXT_FIELDS = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}
"""Type of a block → the field of its deltas that is one text after another."""
OWN_PARTS = frozenset(("text", "thinking", "redacted_thinking"))
"""Types of blocks that the parts' builder keeps."""
IMPLIED = {"text_delta": "text", "thinking_delta": "thinking"}
"""Type of a delta → type of the block that it belongs to where a server began none."""
READ_OF_MESSAGE = frozenset("id type role content model stop_reason usage".split())
READ_OF_DELTA_EVENT = frozenset(("type", "delta", "usage"))
READ_OF_CALL = frozenset(("type", "id", "name", "input"))


@dataclass(slots=True)
class _Block:
    """A block that has begun and not stopped.

    Attributes:
        key: Its index.
        kind: Its type.
        content: The block as it began.
        part_index: Of its part; -1 where others keep that.
        pieces: What came of its text or of its input.
        event: What a piece becomes; None for a call.
        template: What its deltas have in common.
    """

    key: int
    kind: str
    content: JSONObject
    part_index: int = -1
    pieces: list[str] = field(default_factory=list)
    event: type[TextDelta | ReasoningDelta] | None = None
    template: TextTemplate | None = None


class MessagesDecoder(Decoder):
    """Decodes one answer of the Messages API.

    The terminal marker is a stop reason, or ``message_stop``. The stop reason comes in a ``message_delta`` after the
    last block has stopped, with the final usage; what is cut off after it lacks nothing but the goodbye.
    """

    def __init__(self, wire: Messages, request: Request) -> None:  # noqa: ARG002  # the wire's hook passes it on
        super().__init__(wire.provider)
        self.tool_calls = ToolCallAssembler(self.parts)
        self._wire = wire
        self._blocks: dict[int, _Block] = {}
        self._raw_usage: JSONObject = {}
        self._is_finished = False
        self._last_kind = ""
        self._held: _Block | None = None
        self._match: Callable[[bytes], str | None] = TextTemplate("").match

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame and return its events."""
        data = frame.data
        if data[-2:] == b" }":  # frames are padded with blanks before their last bracket, so that sizes say nothing
            data = data[:-1].rstrip() + b"}"
        held = self._held
        if held is not None and (text := self._match(data)):
            held.pieces.append(text)
            if held.event is None:
                return self.tool_calls.add(held.key, None, None, text)
            return [held.event(held.part_index, text)]
        if data.strip() == b"[DONE]":  # not of this wire, but gateways add it
            return ()
        if frame.event == "error" and not data.startswith(b"{"):
            self._raise(data.decode("utf-8", "replace"))
        event = parse_object(data, self._wire.provider)
        kind = as_text(event.get("type"))
        if kind == "content_block_delta":
            return self._read_delta(event, data)
        if kind == "error" or event.get("error"):
            self._raise(event)
        return self._read_event(kind, event, frame.event)

    def feed_message(self, message: JSONObject) -> list[StreamEvent]:
        """Take a message, whole in a plain body, or as it begins in a stream."""
        self.id = as_text(message.get("id")) or self.id
        self.model = as_text(message.get("model")) or self.model
        self._keep(message, READ_OF_MESSAGE)
        events: list[StreamEvent] = []
        for key, block in enumerate(as_objects(message.get("content"))):
            events += self._begin(key, block)
            events += self._stop(key)
        self._read_stop_reason(message)
        return events + self._read_usage(message.get("usage"))

    def close(self) -> Sequence[StreamEvent]:
        """Say that no frame follows; return the last events."""
        if self._is_finished:
            return ()
        self._is_finished = True
        events: list[StreamEvent] = []
        for key in list(self._blocks):
            events += self._stop(key, is_cut=True)
        was_cut = self.finish_reason in ("length", "content_filter", "error")
        events += self.tool_calls.finish(is_final=self.is_complete, was_cut_by_limit=was_cut)
        events += self.parts.close_all()
        if self.is_complete and self.finish_reason in (None, "stop"):
            ends_with_call = self._last_kind == "tool_use" and self.parts.has_tool_calls
            self.finish_reason = "tool_calls" if ends_with_call else "stop"
        return events

    def _read_event(self, kind: str, event: JSONObject, name: str) -> Sequence[StreamEvent]:
        """Return the events of a frame that is neither a delta nor an error."""
        match kind:
            case "content_block_start":
                return self._begin(as_index(event.get("index")) or 0, as_object(event.get("content_block")))
            case "content_block_stop":
                return self._stop(as_index(event.get("index")) or 0)
            case "message_start":
                return self.feed_message(as_object(event.get("message")))
            case "message_delta":
                delta = as_object(event.get("delta"))
                self._keep(event, READ_OF_DELTA_EVENT)
                self._keep(delta, READ_OF_MESSAGE)
                self._read_stop_reason(delta)
                return self._read_usage(event.get("usage"))
            case "message_stop":
                self.is_complete = self.is_done = True
                return self.close()
            case "ping":
                return ()
            case _:
                return [RawEvent(kind or name, event)]

    def _begin(self, key: int, content: JSONObject) -> list[StreamEvent]:
        """Begin a block with what is there of it already."""
        events = self._stop(key)  # a server that begins it anew has ended it before
        block = self._blocks[key] = _Block(key, as_text(content.get("type")), content)
        self._last_kind = block.kind
        if name := TEXT_FIELDS.get(block.kind):
            block.template = TextTemplate(name)
        match block.kind:
            case "text":
                events += self.parts.text(as_text(content.get("text")), key)
                for source in as_objects(content.get("citations")):
                    events += self.parts.citation(read_citation(source), key)
            case "thinking":
                signature = content.get("signature")
                events += self.parts.state("reasoning", {"signature": signature} if signature else {}, key)
                events += self.parts.reasoning(as_text(content.get("thinking")), key)
            case "redacted_thinking":
                events += self.parts.state("reasoning", {"data": content.get("data")}, key)
            case "tool_use":
                events += self.tool_calls.add(
                    key,
                    as_text(content.get("id")),
                    as_text(content.get("name")),
                    state={name: value for name, value in content.items() if name not in READ_OF_CALL},
                    begins=True,
                )
            case _:
                start = self.parts.start("provider")
                block.part_index = start.part_index
                events.append(start)
        return events

    def _stop(self, key: int, *, is_cut: bool = False) -> list[StreamEvent]:
        """End a block, if it is open."""
        block = self._blocks.pop(key, None)
        if block is None:
            return []
        self._held = None
        if block.kind in OWN_PARTS:
            return self.parts.close(key)
        streamed, content = "".join(block.pieces), block.content
        if block.kind == "tool_use":
            # The input comes in pieces, or it was there at once; a call is announced when the answer is over.
            given = None if streamed else content.get("input")
            return list(self.tool_calls.add(key, arguments=given)) if given else []
        if streamed:
            try:
                content = {**content, "input": from_json(streamed)}
            except ValueError:
                is_cut = True
        provider = self.parts.provider
        state: dict[str, JSONValue] = {provider: {"is_cut": True}} if is_cut else {}
        part = ProviderPart(provider=provider, type=block.kind or "block", data=content, provider_state=state)
        return self.parts.end(block.part_index, part)

    def _read_delta(self, event: JSONObject, data: bytes) -> Sequence[StreamEvent]:
        """Return the events of one delta, and hold on to its block for those that are like it."""
        key, delta = as_index(event.get("index")) or 0, as_object(event.get("delta"))
        kind = as_text(delta.get("type"))
        begun = self._begin(key, {"type": IMPLIED[kind]}) if key not in self._blocks and kind in IMPLIED else []
        block = self._blocks.get(key)
        if block is None:
            return [RawEvent(kind or "content_block_delta", event)]
        events: Sequence[StreamEvent] = ()
        match kind, block.kind:
            case "text_delta", "text":
                events = self.parts.text(as_text(delta.get("text")), key)
            case "thinking_delta", "thinking":
                events = self.parts.reasoning(as_text(delta.get("thinking")), key)
            case "input_json_delta", _:
                text = as_text(delta.get("partial_json"))
                block.pieces.append(text)
                events = self.tool_calls.add(key, None, None, text) if block.kind == "tool_use" else ()
            case "signature_delta", "thinking":
                return self.parts.state("reasoning", {"signature": delta.get("signature")}, key)
            case "citations_delta", "text":
                return self.parts.citation(read_citation(as_object(delta.get("citation"))), key)
            case _:
                block.content = _merged(block.content, delta)
                return [RawEvent(kind or "content_block_delta", event)]
        if events and block.template is not None and len(event) == 3 and len(delta) == 2:  # noqa: PLR2004  # no field more
            self._hold(block, block.template, data)
        return [*begun, *events]

    def _hold(self, block: _Block, template: TextTemplate, data: bytes) -> None:
        """Expect deltas which differ from `data` only in their text: they are read without parsing the rest."""
        template.learn(data)
        if block.kind != "tool_use":
            block.event = TextDelta if block.kind == "text" else ReasoningDelta
            block.part_index, block.pieces = self.parts.grip(block.key)
        self._held, self._match = block, template.match

    def _read_stop_reason(self, holder: JSONObject) -> None:
        if reason := as_text(holder.get("stop_reason")):
            self.raw_finish_reason = reason
            self.finish_reason = self._wire.finish_reasons.get(reason, "other")
            self.is_complete = True

    def _read_usage(self, raw: JSONValue) -> list[StreamEvent]:
        """Take the newer of each count: what a later frame says replaces, and null says nothing."""
        counts = {name: value for name, value in as_object(raw).items() if value is not None}
        if not counts:
            return []
        self._raw_usage = {**self._raw_usage, **counts}
        self.usage = self._wire.read_usage(self._raw_usage)
        return [UsageUpdate(self.usage)]

    def _keep(self, holder: JSONObject, read: frozenset[str]) -> None:
        """Keep what is read nowhere else: the container, the sequence that stopped the answer, why it was refused."""
        self.metadata |= {name: value for name, value in holder.items() if name not in read and value is not None}

    def _raise(self, error: JSONValue) -> NoReturn:
        self.is_complete = False  # an error after the stop reason takes it back
        raise error_from(error)


def error_from(value: JSONValue) -> StatusError:
    """Return the error that a frame or body with status 200 is; it says the request's id itself."""
    error = error_from_object(value)
    error.request_id = error.request_id or as_text(as_object(value).get("request_id")) or None
    return error


def read_citation(source: JSONObject) -> Citation:
    """Return the source that a text relies on; where in it the place is, only the provider's own object says."""
    return Citation(
        url=as_text(source.get("url")) or as_text(source.get("source")) or None,
        title=as_text(source.get("title")) or as_text(source.get("document_title")) or None,
        cited_text=as_text(source.get("cited_text")) or None,
        raw=source,
    )


def _merged(content: JSONObject, delta: JSONObject) -> JSONObject:
    """Return a block of which only the delta's names tell what grows: texts go on, other values replace."""
    merged = dict(content)
    for name, value in delta.items():
        if name != "type":
            known = merged.get(name)
            merged[name] = known + value if isinstance(known, str) and isinstance(value, str) else value
    return merged
