"""ResponsesEncoding: requests of the Responses wire, and the attributes by which a server's wishes are told.

A conversation is a list of items. An answer of the model goes back as the items that it was: what is encrypted in them,
their ids and what the provider's own tools did are kept with the parts, and are returned as they came.
`provider_options` are merged into the body by the core, afterwards and not here.
Source: OpenAI API reference, "Create a model response" (checked 2026-11).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic_core import to_json

from core_llm._capabilities import Capabilities
from core_llm._errors import UnsupportedError
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import (
    FilePart,
    Message,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from core_llm._request import NamedToolChoice, OutputSchema, Request, ToolSpec
from core_llm.wire.base import WireRequest
from core_llm.wire.call_ids import CallIdForm, fit_call_ids
from core_llm.wire.guards import as_object, as_text
from core_llm.wire.knobs import mapped_settings
from core_llm.wire.responses_items import AFTER
from core_llm.wire.schema_encode import SchemaEncoding

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"


class ResponsesEncoding(SchemaEncoding):
    """The half of the wire that writes requests.

    Attributes:
        responses_path: Where answers are asked for.
        settings_fields: Knob of Settings → field of the body, besides those that `encode_settings` names itself.
        system_role: What the server calls the system's role, for instructions that do not begin the conversation.
        call_ids: What the server takes as ids of tool calls, if not any.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(
        audio_input="unsupported",
        video_input="unsupported",
        settings=dict.fromkeys(
            ("top_k", "stop", "seed", "presence_penalty", "frequency_penalty", "reasoning_budget"), "unsupported"
        ),
    )
    responses_path: str = "/responses"
    settings_fields: Mapping[str, str] = {
        "temperature": "temperature",
        "top_p": "top_p",
        "max_tokens": "max_output_tokens",
        "top_logprobs": "top_logprobs",
        "parallel_tool_calls": "parallel_tool_calls",
        "service_tier": "service_tier",
        "cache_key": "prompt_cache_key",
    }
    system_role: ClassVar[str] = "system"
    call_ids: CallIdForm | None = None

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`."""
        body = self.encode_body(request)
        if request.is_stream:
            body["stream"] = True
        framing = self.framing if request.is_stream else "none"
        return WireRequest("POST", self.responses_path, headers=self.headers(), body=body, framing=framing)

    def headers(self) -> dict[str, str]:
        """Return headers, in lower case, that every request of this wire carries; never a key."""
        return {}

    def encode_body(self, request: Request) -> JSONObject:
        """Return the body of the request, the same for a plain and for a streamed answer."""
        body: JSONObject = {"model": request.model}
        messages = request.messages
        if request.output != "json":  # "JSON" must be said in the input then, and instructions do not count as that
            instructions, messages = _split_instructions(messages)
            if instructions:
                body["instructions"] = instructions
        fitting = fit_call_ids(messages, self.call_ids)
        body["input"] = [item for message in fitting for item in self.encode_message(message)]
        body |= self.encode_settings(request)
        if request.tools:
            body["tools"] = [self.encode_tool(tool) for tool in request.tools]
        if isinstance(request.tool_choice, NamedToolChoice):
            body["tool_choice"] = {"type": "function", "name": request.tool_choice.name}
        elif request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
        if request.output is not None:
            body["text"] = {"format": self.encode_output(request.output)}
        if include := self.include(request):
            body["include"] = list(include)
        return body

    def encode_settings(self, request: Request) -> JSONObject:
        """Return the fields of the body that the knobs become.

        Raises:
            UnsupportedError: A knob is set for which the wire has no field.
        """
        fields = mapped_settings(
            request.settings,
            self.settings_fields,
            provider=self.provider,
            elsewhere=frozenset(("reasoning_effort", "logprobs")),
        )
        if request.settings.reasoning_effort is not None:
            fields["reasoning"] = {"effort": request.settings.reasoning_effort}
        return fields

    def include(self, request: Request) -> Sequence[str]:
        """Return what the answer shall hold that it does not by itself."""
        included = []
        if request.settings.logprobs or (request.settings.logprobs is None and request.settings.top_logprobs):
            included.append(LOGPROBS)
        if self.wants_encrypted_reasoning(request):
            included.append(ENCRYPTED_REASONING)
        return included

    def wants_encrypted_reasoning(self, request: Request) -> bool:
        """Whether reasoning is asked for in the form that can go back without the provider having kept the answer.

        A model that does not reason refuses such a request, so it is asked for where the caller asks for reasoning;
        override it where it is known which models reason.
        """
        return request.settings.reasoning_effort not in (None, "none")

    def encode_tool(self, tool: ToolSpec) -> JSONObject:
        """Return what the model is told of a tool.

        Unless it is said otherwise this wire takes a tool for a strict one, and makes every optional argument a
        required one; so that a schema means the same on every wire, it is said.
        """
        encoded: JSONObject = {"type": "function", "name": tool.name}
        if tool.description:
            encoded["description"] = tool.description
        parameters, is_strict = self.encode_schema(tool.parameters, is_strict=tool.is_strict, feature="tools")
        return {**encoded, "parameters": parameters, "strict": bool(is_strict)}

    def encode_output(self, output: OutputSchema | str) -> JSONObject:
        """Return the format asked for: a schema, or any JSON."""
        if not isinstance(output, OutputSchema):
            return {"type": "json_object"}
        schema, is_strict = self.encode_schema(
            output.json_schema, is_strict=output.is_strict, feature="structured_output"
        )
        encoded: JSONObject = {"type": "json_schema", "name": output.name, "schema": schema}
        if output.description:
            encoded["description"] = output.description
        return encoded if is_strict is None else {**encoded, "strict": is_strict}

    def encode_message(self, message: Message) -> list[JSONValue]:
        """Return the items that a message becomes: results of tools, items of the caller's own, then what it says.

        Items of the caller's own are ProviderParts of this provider: a decision on a tool of an MCP server, what a
        custom tool gave. One whose type begins with ``input_`` is a piece of what the message says.
        """
        if message.role == "assistant":
            return self.encode_assistant(message)
        items: list[JSONValue] = []
        content: list[JSONValue] = []
        for part in message.parts:
            match part:
                case ToolResultPart():
                    items.append(self.encode_tool_result(part))
                case ProviderPart(provider=self.provider, data=dict() as data):
                    (content if as_text(data.get("type")).startswith("input_") else items).append(data)
                case _ if (piece := self.encode_part(part)) is not None:
                    content.append(piece)
        if not content:
            return items
        role = self.system_role if message.role == "system" else "user"
        if len(content) == 1 and len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
            return [{"role": role, "content": message.parts[0].text}]
        return [*items, {"role": role, "content": content}]

    def encode_assistant(self, message: Message) -> list[JSONValue]:
        """Return the items that a message of the model was, or, if another provider made it, what it says.

        What other providers made opaque is left out, and so are calls that are not complete and files that are no
        item of this provider's.
        """
        encoded = _Assistant(self.provider)
        for part in message.parts:
            encoded.add(part)
        return encoded.finished()

    def encode_tool_result(self, result: ToolResultPart) -> JSONObject:
        """Return what a tool answered; the wire has no mark for a failure, so the text says it."""
        parts = (TextPart(text=result.content),) if isinstance(result.content, str) else result.content
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        output: JSONValue
        if len(texts) == len(parts):
            text = "\n".join(texts)
            output = f"Error: {text}" if result.is_error else text
        else:
            pieces: list[JSONValue] = [self.encode_part(part) for part in parts]
            output = [{"type": "input_text", "text": "Error:"}, *pieces] if result.is_error else pieces
        return {"type": "function_call_output", "call_id": result.tool_call_id, "output": output}

    def encode_part(self, part: Part) -> JSONObject | None:
        """Return one piece of a user's content, or None for what has no place there."""
        match part:
            case TextPart(text=text) | RefusalPart(text=text):
                return {"type": "input_text", "text": text}
            case FilePart(major_type="image"):
                return self.encode_image(part)
            case FilePart():
                return self.encode_file(part)
            case _:
                return None

    def encode_image(self, part: FilePart) -> JSONObject:
        """Return a picture; how closely it is looked at may be told as `detail` in its state for this provider."""
        image: JSONObject = {"type": "input_image"}
        if part.file_id is not None:
            image["file_id"] = part.file_id
        else:
            image["image_url"] = part.url if part.url is not None else _data_url(part)
        detail = as_object(part.provider_state.get(self.provider)).get("detail")
        return image if detail is None else {**image, "detail": detail}

    def encode_file(self, part: FilePart) -> JSONObject:
        """Return a document.

        Raises:
            UnsupportedError: It is a sound or a video, which the wire does not take.
        """
        if part.major_type in ("audio", "video"):
            msg = f"{self.provider} takes no {part.major_type} on its Responses wire; use another model or wire"
            raise UnsupportedError(msg, feature=f"{part.major_type}_input", provider=self.provider)
        if part.file_id is not None:
            return {"type": "input_file", "file_id": part.file_id}
        if part.url is not None:
            return {"type": "input_file", "file_url": part.url}
        name = part.name or f"file.{part.media_type.rpartition('/')[2]}"
        return {"type": "input_file", "filename": name, "file_data": _data_url(part)}


class _Assistant:
    """The items of one message of the model, as its parts are added."""

    def __init__(self, provider: str) -> None:
        self.items: list[JSONValue] = []
        self._provider = provider
        self._reasoning: set[JSONValue] = set()
        self._content: list[JSONValue] = []
        self._fields: JSONObject | None = None

    def add(self, part: Part) -> None:
        state = as_object(part.provider_state.get(self._provider))
        if isinstance(part, TextPart | RefusalPart):
            self._add_content(part, self._returned(state))
            return
        self._fields = None  # what follows is another item
        match part:
            case ReasoningPart() if state.get("type") == "reasoning":
                self._reasoning.add(as_text(state.get("id")))
                self.items.append(state)
            case ToolCallPart(is_complete=True):
                raw = part.raw_arguments.strip()
                self.items.append(
                    {
                        **self._returned(state),
                        "type": "function_call",
                        "call_id": part.id,
                        "name": part.name,
                        "arguments": to_json(part.arguments).decode() if raw in ("", "null") else part.raw_arguments,
                    }
                )
            case FilePart(data=bytes() as data) if "type" in state:
                self.items.append({**state, "result": b64encode(data).decode()})
            case ProviderPart(provider=self._provider, data=dict() as data):
                self.items.append(data)

    def finished(self) -> list[JSONValue]:
        """Return the items; reasoning that nothing follows, of an answer that was cut off, would be refused."""
        while self.items and as_object(self.items[-1]).get("type") == "reasoning":
            self.items.pop()
        return self.items

    def _add_content(self, part: TextPart | RefusalPart, fields: JSONObject) -> None:
        """Add a text to the message that has it, or begin one."""
        piece: JSONObject
        if isinstance(part, RefusalPart):
            piece = {"type": "refusal", "refusal": part.text}
        else:
            piece = {"type": "output_text", "text": part.text}
            if fields:  # it is this provider's, and so are its annotations
                piece["annotations"] = [citation.raw for citation in part.citations if citation.raw]
        if self._fields == fields:
            self._content.append(piece)
            return
        self._fields, self._content = fields, [piece]
        message: JSONObject = {**fields, "type": "message", "role": "assistant", "content": self._content}
        self.items.append(message)

    def _returned(self, state: JSONObject) -> JSONObject:
        """Return the fields of an item to send back with it.

        An item that is told by its id must come with the reasoning before it, or is refused; where a caller has left
        that out, the item goes without its id, as what it says.
        """
        fields = {name: value for name, value in state.items() if name != AFTER}
        if AFTER in state and state[AFTER] not in self._reasoning:
            fields.pop("id", None)
        return fields


def _split_instructions(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """Return the instructions that begin a conversation, as one text, and the rest; at least one message is left."""
    texts: list[str] = []
    for number, message in enumerate(messages[:-1]):
        is_plain = message.role == "system" and all(isinstance(part, TextPart) for part in message.parts)
        if not is_plain:
            return "\n\n".join(texts), messages[number:]
        texts.append(message.text)
    return "\n\n".join(texts), messages[-1:]


def _data_url(part: FilePart) -> str:
    return f"data:{part.media_type};base64,{b64encode(part.data or b'').decode()}"
