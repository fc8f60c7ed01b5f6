"""Zenith, the good twin with a wire of its own: one JSON object a line, in words that nobody else uses.

What Acme lacks is here, and the other way round: between them they show every scenario.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import ClassVar

from core_llm import (
    Capabilities,
    Citation,
    EmbedRequest,
    FilePart,
    FinishReason,
    HeaderAuth,
    MalformedResponseError,
    Message,
    NamedToolChoice,
    OutputSchema,
    Part,
    Provider,
    ReasoningPart,
    RefusalPart,
    Request,
    Response,
    Settings,
    StatusError,
    StreamEvent,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    UsageUpdate,
    hookimpl,
)
from core_llm.wire import (
    Decoder,
    EmbedAnswer,
    EmbeddingWire,
    Exchange,
    Frame,
    Framing,
    JSONObject,
    JSONValue,
    ModelInfo,
    ToolCallAssembler,
    WireRequest,
    as_object,
    as_objects,
    as_text,
    decode_status_error,
    error_from_object,
    make_status_error,
    parse_object,
    read_vector,
    response_from,
    usage_from,
)

REASONS: Mapping[str, FinishReason] = {
    "done": "stop",
    "full": "length",
    "tools": "tool_calls",
    "declined": "content_filter",
}
COUNTS = {
    "input_tokens": ("in",),
    "output_tokens": ("out",),
    "cache_read_tokens": ("cached",),
    "reasoning_tokens": ("thought",),
}
DIALS = {
    "temperature": "heat",
    "top_p": "nucleus",
    "top_k": "pool",
    "max_tokens": "room",
    "stop": "until",
    "seed": "seed",
    "reasoning_budget": "thinking_room",
    "cache_key": "memory",
    "cache_ttl": "memory_for",
}
WHO = {"user": "person", "assistant": "engine", "tool": "tools"}


class ZenithDecoder(Decoder):
    """Decodes one answer. The terminal marker is the line ``close``."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._calls = ToolCallAssembler(self.parts)

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line and return its events."""
        return self.feed_object(parse_object(frame.data, self.parts.provider))

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line that is parsed already."""
        words, ref = as_text(line.get("words")), as_text(line.get("ref"))
        match line.get("line"):
            case "open":
                self.id, self.model = as_text(line.get("answer")) or None, as_text(line.get("engine")) or None
            case "think" if words:
                return self.parts.reasoning(words)
            case "seal":
                return self.parts.state("reasoning", {"seal": line.get("seal")})
            case "say" if words:
                return self.parts.text(words)
            case "decline" if words:
                return self.parts.refusal(words)
            case "cite":
                page = as_object(line.get("page"))
                source = Citation(url=as_text(page.get("address")), title=as_text(page.get("name")), raw=page)
                return self.parts.citation(source)
            case "call" | "input":
                return self._calls.add(None, ref, as_text(line.get("tool")), as_text(line.get("piece")))
            case "close":
                return self._close(line)
            case "error":
                raise error_from_object({"error": {"message": words, "type": line.get("what")}})
        return ()

    def _close(self, line: JSONObject) -> Sequence[StreamEvent]:
        self.is_complete = self.is_done = True
        self.raw_finish_reason = as_text(line.get("why")) or None
        self.finish_reason = REASONS.get(self.raw_finish_reason or "", "other")
        events = list(self.close())
        count = as_object(line.get("count"))
        if count:
            self.usage = usage_from(count, COUNTS)
            events.append(UsageUpdate(self.usage))
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Say that no line follows; return the last events."""
        was_cut = self.finish_reason == "length"
        events = list(self._calls.finish(is_final=self.is_complete, was_cut_by_limit=was_cut))
        return events + list(self.parts.close_all())


class ZenithWire(EmbeddingWire):
    """How to speak to Zenith."""

    framing: ClassVar[Framing] = "ndjson"

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`."""
        body = self._talk(request)
        if request.is_stream:
            body["stream"] = True
        return WireRequest("POST", "/v2/talk", body=body, framing=self.framing if request.is_stream else "none")

    def _talk(self, request: Request) -> JSONObject:
        body: JSONObject = {"engine": request.model}
        if brief := "\n".join(message.text for message in request.messages if message.role == "system"):
            body["brief"] = brief
        body["turns"] = [self._turn(message) for message in request.messages if message.role != "system"]
        if request.tools:
            body["tools"] = [
                {"name": tool.name, "about": tool.description, "takes": tool.parameters} for tool in request.tools
            ]
        if request.tool_choice is not None:
            choice = request.tool_choice
            body["pick"] = choice.name if isinstance(choice, NamedToolChoice) else f"*{choice}"
        if isinstance(request.output, OutputSchema):
            body["shape"] = request.output.json_schema
        elif request.output is not None:
            raise UnsupportedError("zenith wants a schema for JSON", feature="json_output", provider=self.provider)
        if dials := self._dials(request.settings):
            body["dials"] = dials
        return body

    def _dials(self, settings: Settings) -> JSONObject:
        given = settings.model_dump(exclude_none=True, mode="json")
        for name in given:
            if name not in DIALS:
                raise UnsupportedError(f"zenith has no field for {name}", feature=name, provider=self.provider)
        return {DIALS[name]: value for name, value in given.items()}

    def _turn(self, message: Message) -> JSONObject:
        blocks: list[JSONValue] = [block for part in message.parts if (block := self._block(part)) is not None]
        return {"by": WHO[message.role], "blocks": blocks}

    def _block(self, part: Part) -> JSONValue:
        match part:
            case TextPart(text=text):
                return {"say": text}
            case RefusalPart(text=text):
                return {"decline": text}
            case ReasoningPart():
                state = part.provider_state.get(self.provider)
                return {"think": part.text, **state} if isinstance(state, dict) else None
            case FilePart(media_type=kind, data=data):
                return {"file": {"kind": kind, "data": b64encode(data or b"").decode()}}
            case ToolCallPart(id=ref, name=name, arguments=arguments, is_complete=True):
                return {"call": {"ref": ref, "tool": name, "input": arguments}}
            case ToolResultPart(tool_call_id=ref, content=content, is_error=is_error):
                texts = [part.text for part in content if isinstance(part, TextPart)]
                if not isinstance(content, str) and len(texts) < len(content):
                    raise UnsupportedError(
                        "zenith takes no files from tools", feature="document_input", provider=self.provider
                    )
                result: JSONObject = {"ref": ref, "out": content if isinstance(content, str) else "\n".join(texts)}
                return {"result": {**result, "failed": True} if is_error else result}
            case _:
                return None

    def decoder(self, request: Request) -> ZenithDecoder:  # noqa: ARG002  # of the contract
        """Return a fresh decoder for one streamed answer."""
        return ZenithDecoder(self.provider)

    def decode_response(self, body: JSONObject, request: Request) -> Response:  # noqa: ARG002  # of the contract
        """Return the answer that a plain body holds: its lines, in a list."""
        if body.get("line") == "error":
            ZenithDecoder(self.provider).feed_object(body)
        lines = as_objects(body.get("lines"))
        decoder = ZenithDecoder(self.provider)
        events = [event for line in lines for event in decoder.feed_object(line)]
        if not decoder.is_complete:
            raise MalformedResponseError("zenith answered without an end", frame=str(body)[:500])
        return response_from(decoder, [*events, *decoder.close()])

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an answer with an error status; one that is not Zenith's own is read as usual."""
        try:
            error = as_object(parse_object(body, self.provider).get("error"))
        except MalformedResponseError:
            error = {}
        if not (words := as_text(error.get("words"))):
            return decode_status_error(status, headers, body)
        shown = body.decode("utf-8", "replace")
        return make_status_error(status, words, code=as_text(error.get("what")) or None, headers=headers, body=shown)

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens of `request`."""
        response = yield WireRequest("POST", "/v2/measure", body=self._talk(request))
        count = parse_object(response.body, self.provider).get("in")
        if not isinstance(count, int):
            raise MalformedResponseError("zenith counted nothing", frame=response.body[:500].decode("utf-8", "replace"))
        return count

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models, page by page."""
        found: list[ModelInfo] = []
        after: str | None = ""
        while after is not None:
            query = {"after": after} if after else {}
            response = yield WireRequest("GET", "/v2/engines", query=query)
            page = parse_object(response.body, self.provider)
            found += [ModelInfo(id=as_text(engine.get("id")), raw=engine) for engine in as_objects(page.get("engines"))]
            after = as_text(page.get("next")) or None
        return tuple(found)

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for texts to embed."""
        body: JSONObject = {"engine": request.model, "texts": list(request.inputs), **self.encode_embed_knobs(request)}
        return WireRequest("POST", "/v2/place", body=body)

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:  # noqa: ARG002  # of the contract
        """Return the vectors."""
        places = body.get("places")
        vectors = [read_vector(place, self.provider) for place in places] if isinstance(places, list) else []
        return EmbedAnswer(vectors, usage=usage_from(as_object(body.get("count")), COUNTS))


YES = (
    "streaming system_prompt tools tool_choice structured_output reasoning document_input video_input parallel_tools "
    "model_listing token_counting embeddings usage cached_usage citations refusals continuation"
).split()
NO = ("json_output", "image_input", "audio_input")


class Zenith(Provider):
    """Engines of Zenith."""

    name = "zenith"
    base_url = "https://zenith.example"
    api_key_env = "ZENITH_API_KEY"
    auth = HeaderAuth("x-zenith-key")
    wire_format = ZenithWire
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities.model_validate(
            {
                **dict.fromkeys(YES, "supported"),
                **dict.fromkeys(NO, "unsupported"),
                "settings": {name: "supported" if name in DIALS else "unsupported" for name in Settings.model_fields},
            }
        )
    }


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer Zenith."""
    return [Zenith]
