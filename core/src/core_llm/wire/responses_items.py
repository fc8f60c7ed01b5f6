"""ItemDecoder: what the output items of a Responses answer, whole or in pieces, add to its parts.

An item of type ``message`` holds texts and refusals, each a part; ``reasoning`` is one part, ``function_call`` a call
of a caller's tool. Every other item is what the provider's own tools did: a picture becomes a file, the rest is kept as
it came. An item streams between its ``added`` and its ``done``; the last event has it once more. What the pieces did
not say is taken from whichever comes first. Frames are not known here; see `responses_decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core_llm._events import ReasoningDelta, StreamEvent, TextDelta
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import PartKind, ProviderPart
from core_llm.wire.base import Decoder
from core_llm.wire.chat_values import read_logprobs
from core_llm.wire.guards import as_objects, as_text
from core_llm.wire.responses_values import read_citation, read_picture
from core_llm.wire.tool_calls import ToolCallAssembler

PartKey = tuple[int, int]
"""Number of an item and of a piece of its content."""
AFTER = "after"
"""Beside the fields of an item that its state keeps: the id of the reasoning that came before it."""
NOT_STATE = frozenset("type role content call_id name arguments item_id output_index".split())
"""Fields of a message or call that its part says itself; the last two strayed in from an event, once."""


@dataclass(slots=True)
class Item:
    """An output item that has begun.

    Attributes:
        number: Which it is in the order they began; with it the keys of its parts begin.
        kind: Its type.
        value: The item as last seen.
        is_named: Whether it is a call that was announced.
        is_done: Whether it came whole.
        is_matched: Whether the last event had it too.
        keys: Its parts that are open, and their kinds.
        whole: Its pieces that came whole, so that nothing more can be said in them.
        arguments: Pieces of a call's arguments.
        annotations: Annotations that came, of each piece of content.
    """

    number: int
    kind: str
    value: JSONObject
    is_named: bool = False
    is_done: bool = False
    is_matched: bool = False
    keys: dict[PartKey, PartKind] = field(default_factory=dict)
    whole: set[PartKey] = field(default_factory=set)
    arguments: list[str] = field(default_factory=list)
    annotations: dict[PartKey, list[JSONObject]] = field(default_factory=dict)


class ItemDecoder(Decoder):
    """The half of the decoder that knows items.

    Attributes:
        is_stored: Whether the provider keeps the answer, so that an item without content can be referred to later.
    """

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.tool_calls = ToolCallAssembler(self.parts)
        self.has_refusal = False
        self.is_stored = True
        self._items: list[Item] = []
        self._by_index: dict[int, Item] = {}
        self._by_id: dict[str, Item] = {}
        self._reasoning_id = ""
        # What the next piece of the text that streams will look like, and where it goes; see `feed`.
        self._held_kind = ""
        self._held_id: JSONValue = None
        self._held_content: JSONValue = None
        self._held_event: type[TextDelta | ReasoningDelta] = TextDelta
        self._held_index = 0
        self._append: Callable[[str], None] = list[str]().append

    def item_of(self, event: JSONObject, kind: str) -> Item:
        """Return the item that an event is about; one that this stream did not begin (a resumed one) begins here.

        Some servers number no items (llama.cpp): there it is the one with that id, else the last of its kind.
        """
        index, item_id = event.get("output_index"), as_text(event.get("item_id"))
        item = self._by_index.get(index) if type(index) is int else self._by_id.get(item_id)
        if item is None and type(index) is not int and self._items and self._items[-1].kind == kind:
            item = self._items[-1]
        return item or self.begin({"type": kind, "id": item_id}, index)

    def begin(self, value: JSONObject, index: JSONValue = None) -> Item:
        """Begin an item."""
        item = Item(len(self._items), as_text(value.get("type")), value)
        self._items.append(item)
        if type(index) is int:
            self._by_index[index] = item
        if item_id := as_text(value.get("id")):
            self._by_id[item_id] = item
        self._held_kind = ""
        return item

    def begun(self, value: JSONObject, index: JSONValue) -> Item | None:
        """Return the item that has begun with this id and at this place: its beginning is told once more."""
        item = self._by_id.get(as_text(value.get("id")))
        return item if item is not None and type(index) is int and self._by_index.get(index) is item else None

    def close_piece(self, item: Item, key: PartKey, whole: str) -> None:
        """Note that a piece of an item came whole: what comes to it later was in that already."""
        if whole:
            item.whole.add(key)
            self._held_kind = ""

    def announce(self, item: Item) -> Sequence[StreamEvent]:
        """Return the events by which an item that has begun is known; only a call has some before its content."""
        name = as_text(item.value.get("name"))
        if item.kind != "function_call" or item.is_named or not name:
            return ()
        item.is_named = True
        return self.tool_calls.add(item.number, as_text(item.value.get("call_id")), name)

    def add_text(self, item: Item, content: int, text: str, logprobs: JSONValue = None) -> list[StreamEvent]:
        """Add to a text of a message. As all that adds to an item, it says nothing once that is whole."""
        key = (item.number, content)
        if item.is_done or key in item.whole:
            return []
        events = self.parts.text(text, key, read_logprobs({"content": logprobs}) if logprobs else ())
        if events:
            item.keys[key] = "text"
        return events

    def add_refusal(self, item: Item, content: int, text: str) -> list[StreamEvent]:
        """Add to a refusal in a message."""
        key = (item.number, content)
        if item.is_done or key in item.whole:
            return []
        events = self.parts.refusal(text, key)
        if events:
            self.has_refusal = True
            item.keys[key] = "refusal"
        return events

    def add_reasoning(self, item: Item, text: str) -> list[StreamEvent]:
        """Add to a piece of reasoning, or of its summary: one part, whatever the number of pieces."""
        if item.is_done:
            return []
        key = (item.number, 0)
        events = self.parts.reasoning(text, key)
        if events:
            item.keys[key] = "reasoning"
        return events

    def add_arguments(self, item: Item, text: str) -> Sequence[StreamEvent]:
        """Add to the arguments of a call."""
        if item.is_done or (item.number, 0) in item.whole:
            return ()
        item.arguments.append(text)
        return self.tool_calls.add(item.number, None, None, text)

    def add_annotation(self, item: Item, content: int, annotation: JSONObject) -> list[StreamEvent]:
        """Add a source to a text, once."""
        key = (item.number, content)
        known = item.annotations.setdefault(key, [])
        if item.is_done or not annotation or annotation in known:
            return []
        known.append(annotation)
        item.keys[key] = "text"
        return self.parts.citation(read_citation(annotation), key)

    def end(self, item: Item, value: JSONObject) -> list[StreamEvent]:
        """Take an item that came whole, and return the events of what its pieces did not say, and of its end.

        One that came whole before is not read again. Only reasoning is the last one's to say: what is encrypted in it
        may be another in the last event, and that is what the provider wants back.
        """
        if item.is_done:
            if item.keys and value.get("encrypted_content"):
                item.value = value
            return []
        item.value = value
        item.kind = as_text(value.get("type")) or item.kind
        self._held_kind = ""
        events = self._end_of(item)
        item.is_done = True
        return events

    def finish_items(self, *, was_cut: bool) -> list[StreamEvent]:
        """End every part that is open."""
        events: list[StreamEvent] = []
        for item in self._items:
            if item.kind == "reasoning" and item.is_done and item.keys:
                events += self._keep_reasoning(item)
        events += self.tool_calls.finish(is_final=self.is_complete, was_cut_by_limit=was_cut)
        return events + self.parts.close_all()

    def match(self, values: Sequence[JSONObject]) -> list[tuple[Item, JSONObject]]:
        """Pair the items that the last event has with those that streamed; one that did not begins here.

        They are told by their id; where ids differ from event to event (GitHub Copilot), or there is none, by type and
        order.
        """
        pairs: list[tuple[Item, JSONObject]] = []
        for value in values:
            kind, found = as_text(value.get("type")), self._by_id.get(as_text(value.get("id")))
            if found is None or found.is_matched:
                same = (item for item in self._items if item.kind == kind and not item.is_matched)
                found = next(same, None) or self.begin(value)
            found.is_matched = True
            pairs.append((found, value))
        return pairs

    def _end_of(self, item: Item) -> list[StreamEvent]:
        match item.kind:
            case "message":
                return self._end_message(item)
            case "reasoning":
                return self._end_reasoning(item)
            case "function_call":
                return self._end_call(item)
            case "image_generation_call" if picture := read_picture(item.value, self.parts.provider):
                return self.parts.whole(picture)
            case kind:
                return self.parts.whole(ProviderPart(provider=self.parts.provider, type=kind, data=item.value))

    def _end_message(self, item: Item) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for content, piece in enumerate(as_objects(item.value.get("content"))):
            key = (item.number, content)
            match piece.get("type"):
                case "output_text" | "text":
                    logprobs = None if key in item.keys else piece.get("logprobs")
                    events += self.add_text(item, content, self.rest(item, key, as_text(piece.get("text"))), logprobs)
                    for annotation in as_objects(piece.get("annotations")):
                        events += self.add_annotation(item, content, annotation)
                case "refusal":
                    events += self.add_refusal(item, content, self.rest(item, key, as_text(piece.get("refusal"))))
                case kind:
                    part = ProviderPart(provider=self.parts.provider, type=as_text(kind) or "content", data=piece)
                    events += self.parts.whole(part)
        state = self._state_of(item)
        for key, part_kind in sorted(item.keys.items()):
            self.parts.state(part_kind, state, key)
            events += self.parts.close(key)
        item.keys.clear()
        return events

    def _end_reasoning(self, item: Item) -> list[StreamEvent]:
        pieces = [*as_objects(item.value.get("summary")), *as_objects(item.value.get("content"))]
        whole = "".join(as_text(piece.get("text")) for piece in pieces)
        key = (item.number, 0)
        events = self.add_reasoning(item, self.rest(item, key, whole))
        self._reasoning_id = as_text(item.value.get("id"))
        if not (item.value.get("encrypted_content") or item.value.get("content") or self.is_stored):
            # Neither kept by the provider nor to be read from the item itself: it is refused if it is sent again.
            item.keys.clear()
            return events + self.parts.close(key)
        events += self.parts.state("reasoning", {}, key)
        item.keys[key] = "reasoning"
        return events if item.value.get("encrypted_content") else events + self._keep_reasoning(item)

    def _keep_reasoning(self, item: Item) -> list[StreamEvent]:
        """Keep the whole item, as last seen, with its part, and end that."""
        key = (item.number, 0)
        self.parts.state("reasoning", item.value, key)
        item.keys.clear()
        return self.parts.close(key)

    def _end_call(self, item: Item) -> list[StreamEvent]:
        events = list(self.announce(item))
        sent, whole = "".join(item.arguments), as_text(item.value.get("arguments"))
        rest = whole.removeprefix(sent) if whole.startswith(sent) else ""
        return [*events, *self.tool_calls.add(item.number, None, None, rest, state=self._state_of(item))]

    def _state_of(self, item: Item) -> JSONObject:
        """Return what the provider wants back of a message or call besides what it says."""
        state: JSONObject = {
            name: value for name, value in item.value.items() if name not in NOT_STATE and value is not None
        }
        if self._reasoning_id:
            state[AFTER] = self._reasoning_id
        return state

    def rest(self, item: Item, key: PartKey, whole: str) -> str:
        """Return what of a whole text has not come in pieces."""
        if key not in item.keys:
            return whole
        sent = "".join(self.parts.grip(key)[1])
        return whole.removeprefix(sent) if whole.startswith(sent) else ""
