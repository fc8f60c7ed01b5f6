"""DeltaDecoder: what one delta of Chat Completions, or one whole message, adds to the parts of an answer.

The order within a delta is fixed (reasoning, text, refusal, files, calls), whatever the order of its fields, so that a
plain message and its stream make the same parts. What only the end makes whole waits until then. Frames are not known
here; see `chat_decode`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core_llm._events import ReasoningDelta, StreamEvent, TextDelta
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Citation, PartKind, ProviderPart, TokenLogprob
from core_llm._request import Request
from core_llm.wire.base import Decoder
from core_llm.wire.chat_reasoning import ReasoningDetails
from core_llm.wire.chat_values import read_annotation, read_image
from core_llm.wire.guards import as_index, as_objects, as_text
from core_llm.wire.tool_calls import ToolCallAssembler

if TYPE_CHECKING:
    from core_llm.wire.chat_completions import ChatCompletions

LEGACY_CALL_INDEX = -1
"""The index under which the one `function_call` of the time before tools is assembled."""
SILENT_FIELDS = frozenset(("role", "name", "token_id", "channel", "padding"))
"""Fields of a delta that say nothing of the answer; what else is unknown is kept as metadata."""
AUDIO_MEDIA_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "pcm16": "audio/pcm"}
"""Format that a request asks for under `audio` (the answer does not say it) → media type, if not ``audio/<format>``."""

_Reader = Callable[[JSONValue], Sequence[StreamEvent]]


class DeltaDecoder(Decoder):
    """The half of the decoder that knows deltas.

    One part without a key is open at a time, of the kind that `_open` says; whatever is of another kind closes it.
    """

    def __init__(self, wire: ChatCompletions, request: Request) -> None:
        super().__init__(wire.provider)
        self.tool_calls = ToolCallAssembler(self.parts)
        self.has_refusal = False
        self._wire = wire
        self._request = request
        self._open: PartKind | None = None
        self._index = 0
        self._append: Callable[[str], None] = list[str]().append
        self._has_begun = False
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self._details = ReasoningDetails()
        self._is_told = False
        self._citations: list[Citation] = []
        self._annotations: list[JSONValue] = []
        self._audio: JSONObject = {}
        self._audio_rest = ""
        self._has_audio = False
        self._executed: dict[int, JSONObject] = {}
        self._extra_content: JSONObject = {}
        self._readers: dict[str, _Reader] = {
            "reasoning_details": self._read_details,
            **dict.fromkeys(wire.reasoning_fields, self._read_reasoning),
            "content": self._read_content,
            "refusal": self._read_refusal,
            "audio": self._read_audio,
            "images": self._read_images,
            "annotations": self._read_annotations,
            "executed_tools": self._read_executed_tools,
            "extra_content": self._read_extra_content,
            "function_call": self._read_function_call,
            "tool_calls": self._read_tool_calls,
        }

    def read_delta(self, delta: JSONObject) -> Sequence[StreamEvent]:
        """Return the events of one delta; fields that are null, empty or silent make none."""
        only = None
        for name, value in delta.items():
            if value and name not in SILENT_FIELDS:
                if only is not None:
                    return self._read_fields(delta)
                only = name
        if only is None:
            return ()
        reader = self._readers.get(only)
        return self._read_fields(delta) if reader is None else reader(delta[only])

    def _read_fields(self, delta: JSONObject) -> list[StreamEvent]:
        names = [name for name, value in delta.items() if value and name not in SILENT_FIELDS]
        told = [name for name in self._wire.reasoning_fields if name in names]
        self._is_told = bool(told)
        events: list[StreamEvent] = []
        for name, reader in self._readers.items():
            if name in names and name not in told[1:]:  # what is told under two names is told once
                events += reader(delta[name])
        self._is_told = False
        self.metadata |= {name: delta[name] for name in names if name not in self._readers}
        return events

    def _finish_parts(self, sources: Sequence[Citation], *, was_cut: bool) -> list[StreamEvent]:
        """End every part, what was held back included, and return the events.

        Args:
            sources: What the whole answer relies on; they join its last text.
            was_cut: Whether the answer was stopped in its middle.
        """
        events: list[StreamEvent] = []
        self._citations += sources
        if self._open == "text":
            events += self.parts.text("", logprobs=self._logprobs)
            events += self._cited()
        elif self._citations:
            self.metadata["citations"] = [citation.raw or citation.url for citation in self._citations]
        events += self._left()
        if self._details:
            events += self.parts.state("reasoning", {"reasoning_details": self._details.take()})
        if self._has_audio and self._audio:
            self.parts.state("file", self._audio, key="audio")
        for part in self._held_parts():
            events += self.parts.whole(part)
        events += self.tool_calls.finish(is_final=self.is_complete, was_cut_by_limit=was_cut)
        events += self.parts.close_all()
        return events

    def _held_parts(self) -> list[ProviderPart]:
        held: list[tuple[str, JSONValue]] = [("executed_tools", item) for item in self._executed.values()]
        held += [("annotations", item) for item in self._annotations if read_annotation(item) is None]
        if self._extra_content:
            held.append(("extra_content", self._extra_content))
        return [ProviderPart(provider=self.parts.provider, type=name, data=data) for name, data in held]

    def _left(self, next_kind: PartKind | None = None) -> list[StreamEvent]:
        """Close the part that is open, since one of another kind follows."""
        if self._open == "reasoning" and self._details:
            self.parts.state("reasoning", {"reasoning_details": self._details.take()})
        self._open = next_kind
        self._has_begun = True
        return self.parts.close_sequential()

    def _grip(self) -> None:
        """Take hold of the part that is open, for the pieces of text that follow."""
        self._index, pieces = self.parts.grip()
        self._append = pieces.append

    def _read_content(self, value: JSONValue) -> Sequence[StreamEvent]:
        if type(value) is not str:
            return self._read_content_list(value)
        if self._open == "text" and not self._logprobs:
            self._append(value)
            return [TextDelta(self._index, value)]
        events = [] if self._open == "text" else self._left("text")
        logprobs, self._logprobs = self._logprobs, ()
        events += self.parts.text(value, logprobs=logprobs)
        self._grip()
        return events + self._cited()

    def _read_content_list(self, value: JSONValue) -> list[StreamEvent]:
        """Read content in pieces, as Mistral's reasoning models send it, alone or by turns with plain text."""
        events: list[StreamEvent] = []
        for item in value if isinstance(value, list) else ():
            if isinstance(item, str):
                events += self._read_content(item) if item else ()
            elif isinstance(item, dict):
                events += self._read_piece(item)
        return events

    def _read_piece(self, item: JSONObject) -> Sequence[StreamEvent]:
        match item.get("type"):
            case "text" | "output_text":
                text = as_text(item.get("text"))
                return self._read_content(text) if text else ()
            case "thinking":
                thoughts = item.get("thinking")
                texts = [as_text(thought.get("text")) for thought in as_objects(thoughts)]
                return self._read_reasoning(as_text(thoughts) or "".join(texts))
            case "reference":
                self._citations.append(Citation(raw=item))
                return self._cited() if self._open == "text" else ()
            case "image_url":
                return self._read_images([item])
            case kind:
                part = ProviderPart(provider=self.parts.provider, type=as_text(kind) or "content", data=item)
                return [*self._left(), *self.parts.whole(part)]

    def _cited(self) -> list[StreamEvent]:
        """Hang the sources that wait on the text that is open."""
        waiting, self._citations = self._citations, []
        return [event for citation in waiting for event in self.parts.citation(citation)]

    def _read_reasoning(self, value: JSONValue) -> Sequence[StreamEvent]:
        if type(value) is not str or not value:
            return ()
        if self._open == "reasoning":
            self._append(value)
            return [ReasoningDelta(self._index, value)]
        events = self._left("reasoning")
        events += self.parts.reasoning(value)
        self._grip()
        return events

    def _read_details(self, value: JSONValue) -> Sequence[StreamEvent]:
        """Keep the blocks that must go back unmodified; their text counts where it is told in no other field."""
        text = self._details.add(value)
        if text and not self._is_told:
            return self._read_reasoning(text)
        if self._details and not self._has_begun:
            events = [*self._left("reasoning"), *self.parts.state("reasoning", {})]
            self._grip()
            return events
        return ()

    def _read_refusal(self, value: JSONValue) -> Sequence[StreamEvent]:
        if not isinstance(value, str):
            return ()
        self.has_refusal = True
        events = [] if self._open == "refusal" else self._left("refusal")
        return [*events, *self.parts.refusal(value)]

    def _read_audio(self, value: JSONValue) -> Sequence[StreamEvent]:
        """Read speech: its transcript is text, its bytes a file, its id what the next turn refers to it by."""
        if not isinstance(value, dict):
            return ()
        self._audio |= {name: value[name] for name in ("id", "expires_at") if value.get(name)}
        transcript = as_text(value.get("transcript"))
        events = list(self._read_content(transcript)) if transcript else []
        encoded = self._audio_rest + as_text(value.get("data"))
        whole = len(encoded) // 4 * 4
        self._audio_rest = encoded[whole:]
        if whole:
            self._has_audio = True
            events += self.parts.file(self._audio_media_type(), b64decode(encoded[:whole]), key="audio")
        return events

    def _audio_media_type(self) -> str:
        asked = self._request.provider_options.get(self.parts.provider, {}).get("audio")
        name = (as_text(asked.get("format")) if isinstance(asked, dict) else "") or "wav"
        return AUDIO_MEDIA_TYPES.get(name, f"audio/{name}")

    def _read_images(self, value: JSONValue) -> Sequence[StreamEvent]:
        images = [image for item in as_objects(value) if (image := read_image(item)) is not None]
        events = self._left() if images else []
        for image in images:
            events += self.parts.whole(image)
        return events

    def _read_annotations(self, value: JSONValue) -> Sequence[StreamEvent]:
        """Read sources, each once; other annotations (OpenRouter's parsed files) are opaque."""
        for item in as_objects(value):
            if item not in self._annotations:
                self._annotations.append(item)
                citation = read_annotation(item)
                self._citations += [citation] if citation is not None else []
        return self._cited() if self._open == "text" else ()

    def _read_executed_tools(self, value: JSONValue) -> Sequence[StreamEvent]:
        """Keep what Groq's own tools did: sent when they start, and again, with their output, when they have ended."""
        for item in as_objects(value):
            index = as_index(item.get("index"))
            self._executed.setdefault(len(self._executed) if index is None else index, {}).update(item)
        return ()

    def _read_extra_content(self, value: JSONValue) -> Sequence[StreamEvent]:
        """Keep what Gemini's compatible endpoint wants back with the message (thought signatures)."""
        if isinstance(value, dict):
            self._extra_content |= value
        return ()

    def _read_function_call(self, value: JSONValue) -> Sequence[StreamEvent]:
        return self._read_tool_calls([{"index": LEGACY_CALL_INDEX, "function": value}])

    def _read_tool_calls(self, value: JSONValue) -> Sequence[StreamEvent]:
        # First the most frequent by far: an index and one more piece of the arguments.
        if self._open is None and type(value) is list and len(value) == 1:
            item = value[0]
            if type(item) is dict and len(item) == 2:  # noqa: PLR2004  # index and function
                index, function = item.get("index"), item.get("function")
                if type(index) is int and type(function) is dict and len(function) == 1:
                    return self.tool_calls.add(index, None, None, function.get("arguments"))
        items = as_objects(value)
        events = [] if self._open is None or not items else self._left()
        for item in items:
            function = item.get("function")
            if not isinstance(function, dict):
                function = item
            name = as_text(function.get("name"))
            events += self.tool_calls.add(
                as_index(item.get("index")),
                as_text(item.get("id")),
                name,
                function.get("arguments"),
                state={field: item[field] for field in self._wire.returned_call_fields if item.get(field)},
                begins=len(items) > 1 and bool(name),
            )
        self._has_begun = True
        return events
