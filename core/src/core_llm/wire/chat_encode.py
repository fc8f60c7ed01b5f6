"""ChatEncoding: requests of Chat Completions, and the attributes by which a compatible server's wishes are told.

`provider_options` are merged into the body by the core, afterwards and not here.
Source: OpenAI API reference, "Create chat completion" (checked 2026-11).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic_core import to_json

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
from core_llm._request import NamedToolChoice, OutputSchema, Request, Settings, ToolSpec
from core_llm.wire.base import WireRequest
from core_llm.wire.call_ids import CallIdForm, fit_call_ids
from core_llm.wire.guards import as_objects
from core_llm.wire.knobs import mapped_settings
from core_llm.wire.schema_encode import SchemaEncoding


class ChatEncoding(SchemaEncoding):
    """The half of the wire that writes requests.

    An attribute is set in a subclass or, where it depends on the configuration, in its `__init__`.

    Attributes:
        chat_path: Where answers are asked for.
        models_path: Where models are listed.
        settings_fields: Knob of Settings → field of the body. A knob that is not in it cannot be sent.
        sends_stream_options: Whether a stream is asked to report its usage; some servers reject the field.
        system_role: What the server calls the system's role.
        reasoning_field: The field in which the server wants the model's own reasoning back; None where it wants none.
        returned_fields: Fields of a message that go back as they came; they are kept as ProviderParts of that type.
        returned_call_fields: Fields of a tool call that go back as they came; they are kept as its state.
        continuation_fields: Fields of a request whose last message is the assistant's, for a server that has to be told
            to go on from there.
        call_ids: What the server takes as ids of tool calls, if not any.
        audio_formats: Second half of an audio media type → the server's word, where it is another.
    """

    chat_path: str = "/chat/completions"
    models_path: str = "/models"
    settings_fields: Mapping[str, str] = {
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",  # not OpenAI's own, but of most servers that run open models
        "max_tokens": "max_completion_tokens",
        "stop": "stop",
        "seed": "seed",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
        "logprobs": "logprobs",
        "top_logprobs": "top_logprobs",
        "reasoning_effort": "reasoning_effort",
        "parallel_tool_calls": "parallel_tool_calls",
        "service_tier": "service_tier",
    }
    sends_stream_options: bool = True
    system_role: str = "system"
    reasoning_field: str | None = None
    returned_fields: ClassVar[tuple[str, ...]] = ("annotations", "extra_content")
    returned_call_fields: ClassVar[tuple[str, ...]] = ("extra_content",)
    continuation_fields: Mapping[str, JSONValue] = {}
    call_ids: CallIdForm | None = None
    audio_formats: ClassVar[Mapping[str, str]] = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "x-m4a": "m4a"}

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`."""
        messages = fit_call_ids(request.messages, self.call_ids_for(request.model))
        body: JSONObject = {"model": request.model, "messages": self.encode_messages(messages)}
        body |= self.encode_settings(request.settings)
        if request.tools:
            body["tools"] = [self.encode_tool(tool) for tool in request.tools]
        if isinstance(request.tool_choice, NamedToolChoice):
            body["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice.name}}
        elif request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
        if request.output is not None:
            body["response_format"] = self.encode_output(request.output)
        if request.messages and request.messages[-1].role == "assistant":
            body |= self.continuation_fields
        if request.is_stream:
            body["stream"] = True
            if self.sends_stream_options:
                body["stream_options"] = {"include_usage": True}
        framing = self.framing if request.is_stream else "none"
        return WireRequest("POST", self.chat_path, headers=self.headers(), body=body, framing=framing)

    def headers(self) -> dict[str, str]:
        """Return headers, in lower case, that every request of this wire carries; never a key."""
        return {}

    def call_ids_for(self, model: str) -> CallIdForm | None:  # noqa: ARG002  # for overriding
        """Return what the server takes as ids of tool calls when it asks `model`; None for anything."""
        return self.call_ids

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the body that the knobs become.

        Raises:
            UnsupportedError: A knob is set for which the wire has no field.
        """
        fields = mapped_settings(settings, self.settings_fields, provider=self.provider)
        if settings.top_logprobs is not None and settings.logprobs is None:
            fields[self.settings_fields.get("logprobs", "logprobs")] = True  # the wire wants both
        return fields

    def encode_tool(self, tool: ToolSpec) -> JSONObject:
        """Return what the model is told of a tool."""
        function: JSONObject = {"name": tool.name}
        if tool.description:
            function["description"] = tool.description
        function["parameters"], is_strict = self.encode_schema(
            tool.parameters, is_strict=tool.is_strict, feature="tools"
        )
        if is_strict is not None:
            function["strict"] = is_strict
        return {"type": "function", "function": function}

    def encode_output(self, output: OutputSchema | str) -> JSONObject:
        """Return the format asked for: a schema, or any JSON."""
        if not isinstance(output, OutputSchema):
            return {"type": "json_object"}
        inner, is_strict = self.encode_schema(
            output.json_schema, is_strict=output.is_strict, feature="structured_output"
        )
        schema: JSONObject = {"name": output.name, "schema": inner}
        if is_strict is not None:
            schema["strict"] = is_strict
        if output.description:
            schema["description"] = output.description
        return {"type": "json_schema", "json_schema": schema}

    def encode_messages(self, messages: Sequence[Message]) -> list[JSONValue]:
        """Return the conversation.

        The wire has no files in the result of a tool: they follow the results, in a message of the user.
        """
        encoded: list[JSONValue] = []
        waiting: list[JSONValue] = []
        for message in messages:
            results = [part for part in message.parts if isinstance(part, ToolResultPart)]
            for result in results:
                encoded.append(self.encode_tool_result(result))
                waiting += self._files_of(result)
            if results and len(results) == len(message.parts):
                continue
            if waiting:
                encoded.append({"role": "user", "content": waiting})
                waiting = []
            encoded.append(self.encode_message(message))
        if waiting:
            encoded.append({"role": "user", "content": waiting})
        return encoded

    def encode_message(self, message: Message) -> JSONObject:
        """Return one message, without the tool results in it. Texts alone become one text, a line for each."""
        if message.role == "assistant":
            return self.encode_assistant(message)
        role = self.system_role if message.role == "system" else "user"
        parts = [part for part in message.parts if not isinstance(part, ToolResultPart)]
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        if len(texts) == len(parts):
            return {"role": role, "content": "\n".join(texts)}
        return {"role": role, "content": [piece for part in parts if (piece := self.encode_part(part)) is not None]}

    def encode_assistant(self, message: Message) -> JSONObject:
        """Return a message of the model.

        What other providers made opaque is left out, and so are calls that are not complete and files, of which only
        speech can be referred to, by its id.
        """
        calls = [self.encode_call(call) for call in message.tool_calls]
        refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
        encoded: JSONObject = {"role": "assistant", "content": message.text or (None if calls or refusal else "")}
        if refusal:
            encoded["refusal"] = refusal
        encoded |= self.encode_reasoning([part for part in message.parts if isinstance(part, ReasoningPart)])
        for part in message.parts:
            state = part.provider_state.get(self.provider)
            if isinstance(part, ProviderPart) and part.provider == self.provider and part.type in self.returned_fields:
                self._return_field(encoded, part)
            elif isinstance(part, FilePart) and isinstance(state, dict) and "id" in state:
                encoded["audio"] = {"id": state["id"]}
        if calls:
            encoded["tool_calls"] = calls
        return encoded

    def encode_reasoning(self, parts: Sequence[ReasoningPart]) -> JSONObject:
        """Return the fields of a message in which its reasoning goes back: blocks as they came, and text if wanted."""
        fields: JSONObject = {}
        details: list[JSONValue] = []
        for part in parts:
            state = part.provider_state.get(self.provider)
            details += as_objects(state.get("reasoning_details")) if isinstance(state, dict) else ()
        if details:
            fields["reasoning_details"] = details
        text = "".join(part.text for part in parts)
        if self.reasoning_field and text:
            fields[self.reasoning_field] = text
        return fields

    def encode_call(self, call: ToolCallPart) -> JSONValue:
        """Return a call that the model made, its arguments as they came."""
        raw = call.raw_arguments
        if raw.strip() in ("", "null"):
            raw = to_json(call.arguments).decode()
        state = call.provider_state.get(self.provider)
        kept = state if isinstance(state, dict) else {}
        return {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": raw},
            **{name: kept[name] for name in self.returned_call_fields if name in kept},
        }

    def encode_tool_result(self, result: ToolResultPart) -> JSONObject:
        """Return what a tool answered; the wire has no mark for a failure, so the text says it."""
        if isinstance(result.content, str):
            text = result.content
        else:
            text = "\n".join(part.text for part in result.content if isinstance(part, TextPart))
            if not text and self._files_of(result):
                text = "The files follow."
        content = f"Error: {text}" if result.is_error else text
        return {"role": "tool", "tool_call_id": result.tool_call_id, "content": content}

    def encode_part(self, part: Part) -> JSONObject | None:
        """Return one piece of a user's content, or None for what has no place there.

        A ProviderPart of this provider is sent as it is: its data is a piece in the server's own words.
        """
        match part:
            case TextPart(text=text) | RefusalPart(text=text):
                return {"type": "text", "text": text}
            case FilePart():
                return self.encode_file(part)
            case ProviderPart(provider=self.provider, data=dict() as data):
                return data
            case _:
                return None

    def encode_file(self, part: FilePart) -> JSONObject:
        """Return a file as a piece of content: picture, sound, video, or document.

        Raises:
            UnsupportedError: The wire cannot refer to such a file in this way.
        """
        if part.file_id is not None:
            return {"type": "file", "file": {"file_id": part.file_id}}
        match part.major_type:
            case "image":
                state = part.provider_state.get(self.provider)
                image: JSONObject = {"url": _address(part)}
                if isinstance(state, dict) and "detail" in state:
                    image["detail"] = state["detail"]
                return {"type": "image_url", "image_url": image}
            case "video":  # not OpenAI's own; vLLM, OpenRouter, Moonshot and Z.ai take it so
                return {"type": "video_url", "video_url": {"url": _address(part)}}
            case "audio":
                subtype = part.media_type.partition("/")[2].partition(";")[0]
                audio = _base64(self._bytes_of(part, "audio_input"))
                return {
                    "type": "input_audio",
                    "input_audio": {"data": audio, "format": self.audio_formats.get(subtype, subtype)},
                }
            case _:
                document = _base64(self._bytes_of(part, "document_input"))
                name = part.name or f"file.{part.media_type.rpartition('/')[2]}"
                data = f"data:{part.media_type};base64,{document}"
                return {"type": "file", "file": {"filename": name, "file_data": data}}

    def _bytes_of(self, part: FilePart, feature: str) -> bytes:
        if part.data is not None:
            return part.data
        msg = (
            f"{self.provider} takes {part.major_type} files as bytes, not by address; "
            f"read the file and pass FilePart(media_type={part.media_type!r}, data=...)"
        )
        raise UnsupportedError(msg, feature=feature, provider=self.provider)

    def _files_of(self, result: ToolResultPart) -> list[JSONValue]:
        """Return the files of a tool's result as pieces of content, with a line that says whose they are."""
        if isinstance(result.content, str):
            return []
        files: list[JSONValue] = [self.encode_file(part) for part in result.content if isinstance(part, FilePart)]
        of = f"Files returned by tool call {result.tool_call_id}:"
        return [{"type": "text", "text": of}, *files] if files else []

    @staticmethod
    def _return_field(encoded: JSONObject, part: ProviderPart) -> None:
        """Put an opaque item back into its field; annotations are a list, one part each."""
        if part.type == "annotations":
            known = encoded.get("annotations")
            encoded["annotations"] = [*(known if isinstance(known, list) else ()), part.data]
        else:
            encoded[part.type] = part.data


def _address(part: FilePart) -> str:
    """Return the address of a file, or its bytes in the form of one."""
    if part.url is not None:
        return part.url
    return f"data:{part.media_type};base64,{_base64(part.data or b'')}"


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
