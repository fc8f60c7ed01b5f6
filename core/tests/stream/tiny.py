"""A wire of a few lines for the engine's tests, and the provider that speaks it on the fault server.

{"id": "r1", "text": "Hel"}          more text; "thought" and "refusal" likewise
{"tool": {"index": 0, "id": "c1", "name": "weather", "arguments": "{"}}
{"usage": {"in": 3, "out": 2}}
{"error": {"message": "…"}}
{"finish": "stop"}                   the terminal marker
[DONE]                               nothing more can come
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic_core import from_json

from core_llm import FinishReason, Provider, Request, Response, StreamEvent, TextPart, Usage, UsageUpdate
from core_llm._json import JSONObject, JSONValue
from core_llm.wire import Decoder, Exchange, Frame, ModelInfo, WireFormat, WireRequest, error_from_object
from core_llm.wire.tool_calls import ToolCallAssembler
from core_llm_conformance.script import Answer, Step, sse_answer, sse_event

DONE = b"data: [DONE]\n\n"


def event(**fields: JSONValue) -> bytes:
    """Return one event of the stream."""
    return sse_event(fields)


def tool(arguments: str, *, index: int = 0, call_id: str = "c1", name: str = "weather") -> bytes:
    """Return an event with a piece of a tool call."""
    return event(tool={"index": index, "id": call_id, "name": name, "arguments": arguments})


HELLO: tuple[bytes, ...] = (event(id="r1", text="Hel"), event(text="lo"), event(finish="stop"), DONE)
"""A whole answer: the text "Hello"."""


def hello(*steps: Step) -> Answer:
    """Return a whole streamed answer, after which the server does `steps`."""
    return sse_answer(*HELLO, *steps)


def plain(text: str = "Hello", **fields: JSONValue) -> JSONObject:
    """Return the body of a plain answer."""
    return {"id": "r1", "text": text, "finish": "stop", **fields}


class TinyDecoder(Decoder):
    """Decodes one streamed answer."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.calls = ToolCallAssembler(self.parts)

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take one frame."""
        if frame.data == b"[DONE]":
            self.is_complete = self.is_done = True
            return []
        data = cast("JSONObject", from_json(frame.data))
        if "error" in data:
            raise error_from_object(data["error"])
        self.id = self.id or cast("str | None", data.get("id"))
        events: list[StreamEvent] = []
        events += self.parts.reasoning(str(data.get("thought", "")))
        events += self.parts.text(str(data.get("text", "")))
        events += self.parts.refusal(str(data.get("refusal", "")))
        if isinstance(piece := data.get("tool"), dict):
            index, call_id = cast("int", piece["index"]), cast("str", piece["id"])
            events += self.calls.add(index, call_id, cast("str", piece["name"]), piece["arguments"])
        if "usage" in data:
            self.usage = usage(data["usage"])
            events.append(UsageUpdate(self.usage))
        if "finish" in data:
            self.is_complete = True
            self.raw_finish_reason = str(data["finish"])
            self.finish_reason = cast("FinishReason", data["finish"])
        return events

    def close(self) -> Sequence[StreamEvent]:
        """End every part."""
        return [*self.parts.close_all(), *self.calls.finish(is_final=self.is_complete)]


class TinyWire(WireFormat):
    """Speaks it."""

    def encode_request(self, request: Request) -> WireRequest:
        """Send the texts."""
        body: JSONObject = {"texts": [message.text for message in request.messages], "stream": request.is_stream}
        return WireRequest("POST", "/chat", body=body, framing=self.framing)

    def decoder(self, request: Request) -> Decoder:  # noqa: ARG002  # the contract's signature
        """Return a decoder."""
        return TinyDecoder(self.provider)

    def decode_response(self, body: JSONObject, request: Request) -> Response:  # noqa: ARG002  # as above
        """Read a plain answer."""
        if "error" in body:
            raise error_from_object(body["error"])
        return Response(
            id=cast("str", body["id"]),
            parts=(TextPart(text=str(body["text"])),),
            finish_reason=cast("FinishReason", body["finish"]),
            raw_finish_reason=str(body["finish"]),
            usage=usage(body["usage"]) if "usage" in body else None,
            is_complete=True,
        )

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """Ask for one page after the other."""
        found: list[ModelInfo] = []
        page = "1"
        while page:
            response = yield WireRequest("GET", "/models", query={"page": page})
            listing = cast("Mapping[str, JSONValue]", from_json(response.body))
            found += [ModelInfo(id=str(name)) for name in cast("Sequence[str]", listing["models"])]
            page = str(listing.get("next", ""))
        return tuple(found)


def usage(counts: JSONValue) -> Usage:
    """Return the wire's count."""
    counted = cast("Mapping[str, int]", counts)
    return Usage(input_tokens=counted.get("in"), output_tokens=counted.get("out"))


class Tiny(Provider):
    """Speaks the wire, without a key."""

    name = "tiny"
    wire_format = TinyWire
    needs_api_key = False


class Locked(Tiny):
    """The same, with a key."""

    needs_api_key = True
    api_key_env = "TINY_API_KEY"


def at(url: str, kind: type[Provider] = Tiny, wire: type[WireFormat] | None = None) -> Provider:
    """Return a provider at that address."""
    attributes = {"base_url": url, **({"wire_format": wire} if wire else {})}
    return cast("type[Provider]", type(kind.__name__, (kind,), attributes))()
