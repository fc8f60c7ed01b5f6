"""MessagesEncoding: a Request to the body of a Messages request.

A part's `provider_state` for this provider holds fields of its block in the API's own words: what came with it in an
answer (signatures, callers), or what a caller wrote (`cache_control`, `citations`). They go into the block as they are.
`provider_options` are merged into the body by the core, afterwards and not here.
Source: Anthropic's API reference, "Create a message" (checked 2026-11).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from core_llm import (
    FilePart,
    Message,
    NamedToolChoice,
    OutputSchema,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    UnsupportedError,
)
from core_llm.wire import (
    CallIdForm,
    JSONObject,
    JSONValue,
    WireFormat,
    WireRequest,
    as_object,
    as_text,
    fit_call_ids,
    reduced_schema,
)
from plugin_anthropic._caching import mark_cached
from plugin_anthropic._models import model_for
from plugin_anthropic._schema import STRICT
from plugin_anthropic._thinking import check_beside_thinking, encode_thinking

API_VERSION = "2023-06-01"
"""The version of the API that is spoken unless the option `api_version` says otherwise. 2026-10-21 answers alike, but
refuses temperature, top_p and top_k for every model, those too that know them."""
FILES_BETA = "files-api-2025-04-14"
"""The beta that a request with the id of a file belongs to."""
SETTINGS_FIELDS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
    "service_tier": "service_tier",
}
"""Knob of Settings → field of the body, where the value is the same."""
ELSEWHERE = frozenset("max_tokens reasoning_effort reasoning_budget parallel_tool_calls cache_ttl".split())
"""Knobs that become something else than one field."""
CHOICES = {"auto": "auto", "none": "none", "required": "any"}
CALL_IDS = CallIdForm(r"[a-zA-Z0-9_-]{1,64}", 24)
"""What the API takes as the id of a call (checked 2026-11); the bound is that of Bedrock, which has it too."""
_THINKING = ("thinking", "redacted_thinking")

Block = JSONObject
"""A content block."""


class MessagesEncoding(WireFormat):
    """The half of the wire that writes requests."""

    messages_path = "/messages"

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`."""
        body = self.encode_body(request)
        if request.is_stream:
            body["stream"] = True
        framing = self.framing if request.is_stream else "none"
        return WireRequest("POST", self.messages_path, headers=self.headers(request), body=body, framing=framing)

    def headers(self, request: Request | None = None) -> dict[str, str]:
        """Return headers, in lower case, that every request of this wire carries; never a key."""
        headers = {"anthropic-version": as_text(self.options.get("api_version")) or API_VERSION}
        if request is not None and _has_file_id(request):
            headers["anthropic-beta"] = FILES_BETA
        return headers

    def encode_body(self, request: Request) -> JSONObject:
        """Return the body, without what only a stream has."""
        settings, model = request.settings, model_for(request.model)
        system, turns = self.encode_conversation(fit_call_ids(request.messages, CALL_IDS))
        tools: list[JSONObject] = [self.encode_tool(tool) for tool in request.tools]
        if settings.cache_ttl is not None:
            mark_cached(settings.cache_ttl, system, tools, turns, self.provider)
        fields = encode_thinking(settings, model, self.provider)
        is_forced = request.tool_choice not in (None, "auto", "none")
        check_beside_thinking(settings, fields, model, self.provider, is_forced=is_forced)
        body: JSONObject = {"model": request.model, "messages": [*turns], **fields}
        if system:
            body["system"] = [*system]
        body |= self.encode_settings(request)
        if tools:
            body["tools"] = [*tools]
        if (choice := self.encode_tool_choice(request)) is not None:
            body["tool_choice"] = choice
        if request.output is not None:
            body["output_config"] = as_object(body.get("output_config")) | self.encode_output(request.output)
        return body

    def encode_settings(self, request: Request) -> JSONObject:
        """Return the fields of the body that the plain knobs become.

        Raises:
            UnsupportedError: A knob is set for which the wire has no field.
        """
        fields: JSONObject = {}
        for name in sorted(request.settings.model_fields_set - ELSEWHERE):
            value = getattr(request.settings, name)
            if value is None:
                continue
            if name not in SETTINGS_FIELDS:
                msg = f"{self.provider} has no field for the setting {name!r}; leave it out"
                raise UnsupportedError(msg, feature=name, provider=self.provider)
            fields[SETTINGS_FIELDS[name]] = list(value) if isinstance(value, tuple) else value
        return fields

    def encode_tool(self, tool: ToolSpec) -> JSONObject:
        """Return what the model is told of a tool."""
        encoded: JSONObject = {"name": tool.name}
        if tool.description:
            encoded["description"] = tool.description
        schema: JSONObject = {"type": "object", **tool.parameters}
        if tool.is_strict:
            schema = reduced_schema(schema, STRICT, feature="tools", provider=self.provider)
        encoded["input_schema"] = schema
        if tool.is_strict is not None:
            encoded["strict"] = tool.is_strict
        return encoded

    def encode_tool_choice(self, request: Request) -> JSONObject | None:
        """Return which tool is to be called, and whether several at once; None where there is nothing to say."""
        choice, parallel = request.tool_choice, request.settings.parallel_tool_calls
        if choice is None and (parallel is None or not request.tools):
            return None
        if isinstance(choice, NamedToolChoice):
            encoded: JSONObject = {"type": "tool", "name": choice.name}
        else:
            encoded = {"type": CHOICES[choice or "auto"]}
        if parallel is not None and choice != "none":
            encoded["disable_parallel_tool_use"] = not parallel
        return encoded

    def encode_output(self, output: OutputSchema | str) -> JSONObject:
        """Return the format asked for.

        Raises:
            UnsupportedError: Any JSON is asked for, and the API wants a schema; or it cannot say this one.
        """
        if not isinstance(output, OutputSchema):
            msg = f"{self.provider} has no output of JSON without a schema; pass output=OutputSchema(...)"
            raise UnsupportedError(msg, feature="json_output", provider=self.provider)
        schema = reduced_schema(output.json_schema, STRICT, feature="structured_output", provider=self.provider)
        return {"format": {"type": "json_schema", "schema": schema}}

    def encode_conversation(self, messages: Sequence[Message]) -> tuple[list[Block], list[JSONObject]]:
        """Return the system's blocks and the turns.

        The system has one place, before the conversation. Messages of one role after each other are one turn, in which
        the results of tools come first, as the API demands; a turn in which nothing is left is left out.
        """
        system: list[Block] = []
        turns: list[tuple[str, list[Block]]] = []
        for message in messages:
            if message.role == "system":
                system += self.encode_system(message)
                continue
            role = "assistant" if message.role == "assistant" else "user"
            blocks = self.encode_assistant(message) if role == "assistant" else self.encode_user(message)
            if turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
            elif blocks:
                turns.append((role, blocks))
        for role, blocks in turns:
            _settle(role, blocks)
        if turns and turns[-1][0] == "assistant":
            _strip_end(turns[-1][1])
        return system, [{"role": role, "content": [*blocks]} for role, blocks in turns if blocks]

    def encode_system(self, message: Message) -> list[Block]:
        """Return an instruction as text blocks.

        Raises:
            UnsupportedError: It holds something else than text.
        """
        if any(not isinstance(part, TextPart) for part in message.parts):
            msg = f"{self.provider} takes only text as an instruction; put the rest into a message of the user"
            raise UnsupportedError(msg, feature="system_prompt", provider=self.provider)
        return [block for part in message.parts if (block := self.encode_part(part)) is not None]

    def encode_user(self, message: Message) -> list[Block]:
        """Return what the user said and the tools answered."""
        return [block for part in message.parts if (block := self.encode_part(part)) is not None]

    def encode_assistant(self, message: Message) -> list[Block]:
        """Return what the model said.

        Left out are files, calls and blocks that were cut off, and thoughts without the signature that makes them
        valid: interrupted ones, and another provider's.
        """
        blocks = []
        for part in message.parts:
            if isinstance(part, FilePart) or (isinstance(part, ToolCallPart) and not part.is_complete):
                continue
            if (block := self.encode_part(part)) is not None:
                if isinstance(part, TextPart):
                    sources = [source.raw for source in part.citations if _is_own(source.raw)]
                    block |= {"citations": [*sources]} if sources else {}
                blocks.append(block)
        return blocks

    def encode_part(self, part: Part) -> Block | None:
        """Return a part as a block, or None for what has no place there: blank texts, what another provider made."""
        own = as_object(part.provider_state.get(self.provider))
        match part:
            case TextPart(text=text) | RefusalPart(text=text):
                return {"type": "text", "text": text, **own} if text.strip() else None
            case ReasoningPart(text=text):
                if own.get("data"):
                    return {"type": "redacted_thinking", **own}
                return {"type": "thinking", "thinking": text, **own} if own.get("signature") else None
            case FilePart():
                return self.encode_file(part) | own
            case ToolCallPart():
                call: Block = {"type": "tool_use", "id": part.id, "name": part.name}
                return call | {"input": part.arguments or {}} | own
            case ToolResultPart():
                return self.encode_tool_result(part) | own
            case ProviderPart(provider=self.provider, data=dict() as data) if not own.get("is_cut"):
                return {**data}
            case _:
                return None

    def encode_tool_result(self, result: ToolResultPart) -> Block:
        """Return what a tool answered."""
        block: Block = {"type": "tool_result", "tool_use_id": result.tool_call_id}
        content: JSONValue = result.content if isinstance(result.content, str) else None
        if not isinstance(result.content, str):
            content = [piece for part in result.content if (piece := self.encode_part(part)) is not None]
        if result.is_error:
            block["is_error"] = True
            content = content or "The tool failed."  # the API wants an error to say something
        if content:
            block["content"] = content
        return block

    def encode_file(self, part: FilePart) -> Block:
        """Return a picture or a document.

        Raises:
            UnsupportedError: It is neither, or a document of a kind that the API cannot read.
        """
        if part.major_type in ("audio", "video"):
            msg = f"{self.provider} takes pictures and documents, not {part.media_type}"
            raise UnsupportedError(msg, feature=f"{part.major_type}_input", provider=self.provider)
        is_image = part.major_type == "image"
        block: Block = {"type": "image" if is_image else "document", "source": self._source(part)}
        return block | {"title": part.name} if part.name and not is_image else block

    def _source(self, part: FilePart) -> JSONObject:
        if part.file_id is not None:
            return {"type": "file", "file_id": part.file_id}
        if part.url is not None:
            return {"type": "url", "url": part.url}
        data = part.data or b""
        if part.major_type == "image" or part.media_type == "application/pdf":
            return {"type": "base64", "media_type": part.media_type, "data": b64encode(data).decode()}
        try:
            return {"type": "text", "media_type": "text/plain", "data": data.decode()}
        except UnicodeDecodeError:
            msg = (
                f"{self.provider} reads PDF and plain text (UTF-8), not {part.media_type}; convert {part.name or 'it'}"
            )
            raise UnsupportedError(msg, feature="document_input", provider=self.provider) from None


def _settle(role: str, blocks: list[Block]) -> None:
    """Put the results of tools first, and drop thoughts after which nothing comes; the API refuses anything else."""
    if role == "user":
        blocks.sort(key=lambda block: block.get("type") != "tool_result")
    while blocks and blocks[-1].get("type") in _THINKING:
        blocks.pop()


def _strip_end(blocks: list[Block]) -> None:
    """Take the blanks from the end of an answer that the model is to go on with; the API refuses them."""
    if blocks and blocks[-1].get("type") == "text":
        blocks[-1]["text"] = as_text(blocks[-1].get("text")).rstrip()


def _is_own(citation: JSONObject) -> bool:
    """Tell whether a citation is in this API's words; another provider's is not understood."""
    return as_text(citation.get("type")).endswith("_location")


def _has_file_id(request: Request) -> bool:
    for part in (part for message in request.messages for part in message.parts):
        inside = part.content if isinstance(part, ToolResultPart) else (part,)
        if any(isinstance(piece, FilePart) and piece.file_id is not None for piece in inside):
            return True
    return False
