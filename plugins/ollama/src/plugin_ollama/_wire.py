"""OllamaChat: Ollama's native `/api/chat`, one JSON object a line. From a request to a body, from lines to events.

Source: https://docs.ollama.com/api (checked 2026-11), and recordings of real servers.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import ClassVar
from zlib import crc32

from core_llm import (
    FilePart,
    FinishReason,
    InvalidRequestError,
    MalformedResponseError,
    Message,
    OutputSchema,
    ReasoningPart,
    RefusalPart,
    Request,
    Response,
    Settings,
    StatusError,
    StreamEvent,
    TextPart,
    TokenLogprob,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    UnsupportedError,
    UsageUpdate,
)
from core_llm.wire import (
    GRAMMAR_SCHEMA,
    Decoder,
    Exchange,
    Frame,
    Framing,
    JSONObject,
    JSONValue,
    ModelInfo,
    WireRequest,
    as_object,
    as_objects,
    as_text,
    decode_status_error,
    error_from_object,
    parse_object,
    reduced_schema,
    response_from,
    usage_from,
)
from plugin_ollama._embed import OllamaEmbedding

FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
"""`done_reason`; ``load`` and ``unload`` end a call that asks for no answer. Calls of tools end with ``stop`` too."""
USAGE_FIELDS = {"input_tokens": ("prompt_eval_count",), "output_tokens": ("eval_count",)}
OPTION_FIELDS: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "num_predict",
    "stop": "stop",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Knob of Settings → field of `options`."""
TOP_FIELDS: Mapping[str, str] = {"logprobs": "logprobs", "top_logprobs": "top_logprobs"}
"""Knob of Settings → field beside `options`."""
KNOWN_FIELDS = frozenset("model created_at message done done_reason logprobs error".split())
"""Fields of a line that are read; the others of the last line are its metadata."""
LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
FRAME_SHOWN = 500
"""Characters of an offending body that the error keeps."""
NEARLY_FULL = 0.98
"""Share of the context window from which on the server has probably cut something off in silence."""


class OllamaDecoder(Decoder):
    """Decodes one answer. The terminal marker is a line with ``done: true``.

    A tool call always arrives whole, as an object, so every entry is a call of its own: its `index`, where there is
    one, says nothing more. One that comes again with its id, as from a proxy that tries anew, is the same call. Older
    servers send no ids; those made up here depend on the answer and the call's place.
    """

    def __init__(self, wire: OllamaChat, request: Request) -> None:
        super().__init__(wire.provider)
        self._context = wire.context_length(request)
        self._calls = 0
        self._given: dict[str, ToolCallPart] = {}
        """Id that the server gave → the call."""
        self._salt = ""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next line and return its events."""
        return self.feed_object(parse_object(frame.data, self.parts.provider))

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line, or a plain body, that is parsed already."""
        if line.get("error"):
            raise error_from_object(line)
        message = as_object(line.get("message"))
        if self.model is None:
            self.model = as_text(line.get("model")) or None
            self._salt = f"{crc32(as_text(line.get('created_at')).encode()):08x}"
        events: list[StreamEvent] = []
        if thinking := as_text(message.get("thinking")):
            events += self.parts.reasoning(thinking)
        if text := as_text(message.get("content")):
            events += self.parts.text(text, logprobs=_read_logprobs(line.get("logprobs")))
        for call in as_objects(message.get("tool_calls")):
            if (read := self._read_call(call)) is not None:
                events += self.parts.whole(read)
        if line.get("done") is True:
            events += self._read_end(line)
        return events

    def _read_call(self, call: JSONObject) -> ToolCallPart | None:
        """Return a call, or None if it has come before; another one under a known id gets an id of its own."""
        function = as_object(call.get("function"))
        arguments = function.get("arguments")
        is_whole = isinstance(arguments, dict) or arguments is None
        given = as_text(call.get("id"))
        part = ToolCallPart(
            id=given or f"call_{self._salt}_{self._calls + 1}",
            name=as_text(function.get("name")),
            arguments=as_object(arguments) if is_whole else None,
            raw_arguments=arguments if isinstance(arguments, str) else "",
            is_complete=is_whole,
        )
        if given and self._given.get(given) == part:
            return None
        self._calls += 1
        if given in self._given:
            return part.model_copy(update={"id": f"call_{self._salt}_{self._calls}"})
        if given:
            self._given[given] = part
        return part

    def _read_end(self, line: JSONObject) -> Sequence[StreamEvent]:
        self.is_complete = self.is_done = True
        self.raw_finish_reason = as_text(line.get("done_reason")) or None
        reason: FinishReason = FINISH_REASONS.get(self.raw_finish_reason or "stop", "other")
        self.finish_reason = "tool_calls" if reason == "stop" and self.parts.has_tool_calls else reason
        self.metadata = {name: value for name, value in line.items() if name not in KNOWN_FIELDS}
        usage = usage_from(self.metadata, USAGE_FIELDS)
        if usage.input_tokens is None and usage.output_tokens is None:
            return ()
        self.usage = usage
        if self._context is not None and (usage.total_tokens or 0) >= NEARLY_FULL * self._context:
            self.metadata["warning"] = (
                f"the context window of {self._context} tokens (num_ctx) is full: the server may have cut off the "
                "beginning of the conversation in silence; raise num_ctx"
            )
        return [UsageUpdate(usage)]


class OllamaChat(OllamaEmbedding):
    """Ollama's own API."""

    framing: ClassVar[Framing] = "ndjson"

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`.

        Raises:
            UnsupportedError: A tool is forced or forbidden, a knob has no field, or a file is no image.
        """
        if request.tool_choice not in (None, "auto"):
            msg = f"{self.provider} cannot force or forbid tools: its models call them when they like"
            raise UnsupportedError(msg, feature="tool_choice", provider=self.provider, model=request.model)
        body: JSONObject = {
            "model": request.model,
            "messages": [encoded for message in request.messages for encoded in self._encode_message(message)],
            "stream": request.is_stream,
        }
        if request.tools:
            body["tools"] = [_encode_tool(tool) for tool in request.tools]
        if isinstance(request.output, OutputSchema):
            schema = request.output.json_schema
            body["format"] = reduced_schema(schema, GRAMMAR_SCHEMA, feature="structured_output", provider=self.provider)
        elif request.output == "json":
            body["format"] = "json"
        body |= self._encode_settings(request)
        return WireRequest("POST", "/api/chat", body=body, framing="ndjson" if request.is_stream else "none")

    def decoder(self, request: Request) -> OllamaDecoder:
        """Return a fresh decoder for one streamed answer to `request`."""
        return OllamaDecoder(self, request)

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer that a plain body holds.

        Raises:
            ProviderError: The body is an error object in spite of its status, or has no message.
        """
        decoder = self.decoder(request)
        if not isinstance(body.get("message"), dict) and not body.get("error"):
            raise MalformedResponseError(f"{self.provider} answered without a message", frame=str(body)[:FRAME_SHOWN])
        events = [*decoder.feed_object({**body, "done": True}), *decoder.close()]
        return response_from(decoder, events)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an error answer; a model that is not there gives the command that fetches it."""
        error = decode_status_error(status, headers, body)
        if status == 404 and "not found" in error.message:  # noqa: PLR2004  # HTTP
            return type(error)(
                f"{error.message}; fetch it with: ollama pull <model>",
                status_code=status,
                headers=headers,
                body=error.body,
                code=error.code,
                request_id=error.request_id,
                phase=error.phase,
            )
        return error

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models that the server has, as a sans-I/O generator."""
        response = yield WireRequest("GET", "/api/tags")
        body = parse_object(response.body, self.provider)
        models = [(as_text(item.get("model") or item.get("name")), item) for item in as_objects(body.get("models"))]
        return tuple(
            ModelInfo(id=name, name=as_text(item.get("name")) or None, raw=item) for name, item in models if name
        )

    def show_model(self, model: str) -> Exchange[ModelInfo]:
        """Describe one model: its context window, and in `raw` its template, parameters and capabilities."""
        response = yield WireRequest("POST", "/api/show", body={"model": model})
        raw = parse_object(response.body, self.provider)
        facts = as_object(raw.get("model_info"))
        lengths = [
            value for name, value in facts.items() if name.endswith(".context_length") and isinstance(value, int)
        ]
        return ModelInfo(id=model, context_length=lengths[0] if lengths else None, raw=raw)

    def context_length(self, request: Request) -> int | None:
        """Return the context window that is asked for with this request; None leaves it to the server."""
        given = as_object(request.provider_options.get(self.provider)).get("options")
        for value in (as_object(given).get("num_ctx"), self.options.get("num_ctx")):
            if isinstance(value, int):
                return value
        return None

    def _encode_settings(self, request: Request) -> JSONObject:
        fields: JSONObject = {}
        options: JSONObject = {}
        if (context := self.options.get("num_ctx")) is not None:
            options["num_ctx"] = context
        if (keep_alive := self.options.get("keep_alive")) is not None:
            fields["keep_alive"] = keep_alive
        for name, value in request.settings.model_dump(exclude_none=True).items():
            plain: JSONValue = list(value) if isinstance(value, tuple) else value
            if name in OPTION_FIELDS:
                options[OPTION_FIELDS[name]] = plain
            elif name in TOP_FIELDS:
                fields[TOP_FIELDS[name]] = plain
            elif name == "reasoning_effort":
                fields["think"] = _encode_effort(request.model, request.settings)
            else:
                msg = f"{self.provider} has no field for the setting {name!r}; leave it out"
                raise UnsupportedError(msg, feature=name, provider=self.provider, model=request.model)
        if options:
            fields["options"] = options
        return fields

    def _encode_message(self, message: Message) -> list[JSONObject]:
        """Return the messages on the wire: the result of each tool call is one of its own."""
        encoded: list[JSONObject] = []
        texts: list[str] = []
        images: list[JSONValue] = []
        calls: list[JSONValue] = []
        thinking: list[str] = []
        for part in message.parts:
            match part:
                case TextPart(text=text) | RefusalPart(text=text):
                    texts.append(text)
                case ReasoningPart(text=text):
                    thinking.append(text)
                case FilePart():
                    images.append(self._encode_image(part))
                case ToolCallPart(is_complete=True):
                    calls.append({"function": {"name": part.name, "arguments": part.arguments or {}}})
                case ToolResultPart():
                    encoded.append(self._encode_result(part))
                case _:
                    continue
        fields: JSONObject = {"role": message.role, "content": "".join(texts)}
        if thinking:
            fields["thinking"] = "".join(thinking)
        if images:
            fields["images"] = images
        if calls:
            fields["tool_calls"] = calls
        return encoded if message.role == "tool" else [fields]

    def _encode_result(self, part: ToolResultPart) -> JSONObject:
        texts = [part.content] if isinstance(part.content, str) else []
        images: list[JSONValue] = []
        for inner in () if isinstance(part.content, str) else part.content:
            if isinstance(inner, TextPart):
                texts.append(inner.text)
            else:
                images.append(self._encode_image(inner))
        text = "\n".join(texts)  # there is no mark for a failure, so the text says it
        result: JSONObject = {"role": "tool", "content": f"Error: {text}" if part.is_error else text}
        if part.name:
            result["tool_name"] = part.name
        return {**result, "images": images} if images else result

    def _encode_image(self, part: FilePart) -> str:
        if part.major_type != "image":
            msg = (
                f"{self.provider} takes images only, not {part.media_type}; put the text of a document into the prompt"
            )
            raise UnsupportedError(msg, feature="document_input", provider=self.provider)
        if part.data is None:
            msg = f"{self.provider} takes images by content, not by address; use FilePart.from_path"
            raise InvalidRequestError(msg)
        return b64encode(part.data).decode()


def _encode_tool(tool: ToolSpec) -> JSONObject:
    function: JSONObject = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _encode_effort(model: str, settings: Settings) -> bool | str:
    """Return `think`: only gpt-oss has levels, every other model thinks or does not."""
    effort = settings.reasoning_effort
    if effort is None or effort == "none":
        return False
    return LEVELS[effort] if model.startswith("gpt-oss") else True


def _read_logprobs(value: JSONValue) -> tuple[TokenLogprob, ...]:
    tokens = []
    for item in as_objects(value):
        number = item.get("logprob")
        if isinstance(number, int | float):
            pairs = [
                (as_text(rival.get("token")), rival.get("logprob")) for rival in as_objects(item.get("top_logprobs"))
            ]
            top = tuple((token, float(chance)) for token, chance in pairs if isinstance(chance, int | float))
            tokens.append(TokenLogprob(token=as_text(item.get("token")), logprob=float(number), top=top))
    return tuple(tokens)
