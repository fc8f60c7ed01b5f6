"""Subtly broken in what is sent: all the words are there, and yet something else is asked."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import from_json, to_json

from core_llm import (
    FilePart,
    Message,
    NamedToolChoice,
    Part,
    ReasoningPart,
    Request,
    Settings,
    TextPart,
    ToolResultPart,
    ToolSpec,
)
from core_llm.wire import JSONObject, JSONValue, WireRequest, as_object

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithWire
from .bugs import bug


@bug("users-pains, the conversations: who said it", "test_roles_are_told[user]", says="same request", subtle=True)
class EverybodyIsTheUser(AcmeWire):
    """What the model said before is sent as if the user had."""

    def encode_assistant(self, message: Message) -> JSONObject:
        """Return a message of the model."""
        encoded = super().encode_assistant(message)
        return encoded if message.tool_calls else {**encoded, "role": "user"}


@bug(
    "wire-quirks, OpenAI Chat: `developer` and `system`",
    "test_roles_are_told[system]",
    says="same request",
    subtle=True,
)
class SystemIsTheUser(AcmeWire):
    """The system prompt is sent as if the user had said it."""

    system_role = "user"


@bug(
    "wire-quirks, Anthropic: tool_choice 'none'",
    "test_choice_changes_the_request[tool_choice]",
    says="are sent alike",
    subtle=True,
)
class NoneIsAuto(AcmeWire):
    """Tools that must not be called may be."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        choice = "auto" if request.tool_choice == "none" else request.tool_choice
        return super().encode_request(request.model_copy(update={"tool_choice": choice}))


@bug(
    "wire-quirks, Anthropic: any or a name",
    "test_choice_changes_the_request[tool_choice]",
    says="are sent alike",
    subtle=True,
)
class NamedIsRequired(ZenithWire):
    """Which tool must be called is told as: some tool must."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        choice = "required" if isinstance(request.tool_choice, NamedToolChoice) else request.tool_choice
        return super().encode_request(request.model_copy(update={"tool_choice": choice}))


@bug("wire-quirks, the files: media types", "test_media_types_are_told[image]", says="same request", subtle=True)
class EveryPictureIsPng(AcmeWire):
    """A picture of any kind is called a PNG."""

    def encode_file(self, part: FilePart) -> JSONObject:
        """Return a file as a piece of content."""
        if part.major_type == "image":
            part = part.model_copy(update={"media_type": "image/png"})
        return super().encode_file(part)


@bug("wire-quirks, Ollama: silently truncated", "test_every_part_is_sent[long]", says="mark-end", subtle=True)
class LongTextsCut(ZenithWire):
    """A text that is very long is cut."""

    def _block(self, part: Part) -> JSONValue:
        block = super()._block(part)
        return {**block, "say": str(block["say"])[:32_000]} if isinstance(block, dict) and "say" in block else block


@bug(
    "wire-quirks, OpenAI Chat: descriptions have a limit",
    "test_every_part_is_sent[long_description]",
    says="mark-described",
    subtle=True,
)
class DescriptionsCut(AcmeWire):
    """The description of a tool is cut after a thousand letters."""

    def encode_tool(self, tool: ToolSpec) -> JSONObject:
        """Return what the model is told of a tool."""
        return super().encode_tool(tool.model_copy(update={"description": (tool.description or "")[:1024]}))


@bug("wire-quirks, Bedrock: blank blocks are rejected", "test_results_are_exact", says="an empty result", subtle=True)
class EmptyResultDropped(AcmeWire):
    """The result of a tool that says nothing is left out, and its call is never answered."""

    def encode_messages(self, messages: Sequence[Message]) -> list[JSONValue]:
        """Return the conversation."""
        encoded = super().encode_messages(messages)
        return [item for item in encoded if as_object(item).get("role") != "tool" or as_object(item).get("content")]


@bug(
    "the design: nothing is lost in silence",
    "test_every_part_is_sent[result_with_document]",
    says="is not in the request",
    subtle=True,
)
class FileInAResultDropped(ZenithWire):
    """Of what a tool answered, the text is sent, and the file beside it is not."""

    def _block(self, part: Part) -> JSONValue:
        if isinstance(part, ToolResultPart) and not isinstance(part.content, str):
            texts = tuple(inside for inside in part.content if isinstance(inside, TextPart))
            part = part.model_copy(update={"content": texts})
        return super()._block(part)


@bug("users-pains 21: results are rewritten", "test_results_are_exact", says="12345678901234567890", subtle=True)
class ResultsReparsed(AcmeWire):
    """The result of a tool that looks like JSON is read and written anew, and long numbers are rounded."""

    def encode_tool_result(self, result: ToolResultPart) -> JSONObject:
        """Return what a tool answered."""
        encoded = super().encode_tool_result(result)
        text = str(encoded["content"])
        if text.startswith("{"):
            encoded["content"] = to_json({n: _rounded(v) for n, v in from_json(text).items()}).decode()
        return encoded


def _rounded(value: JSONValue) -> JSONValue:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@bug(
    "users-pains 30: off by one",
    "test_setting_changes_the_request[max_tokens]",
    says="max_tokens=123 is sent as [124]",
    subtle=True,
)
class OneTokenMore(AcmeWire):
    """The limit of tokens is one more than was asked for."""

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the settings."""
        limit = settings.max_tokens
        return super().encode_settings(
            settings if limit is None else settings.model_copy(update={"max_tokens": limit + 1})
        )


@bug("wire-quirks, the zoo: one stop or several", "test_setting_changes_the_request[stop]", says="stop=", subtle=True)
class FourStopsAtMost(ZenithWire):
    """Of several words to stop at, the first is sent."""

    def _dials(self, settings: Settings) -> JSONObject:
        dials = super()._dials(settings)
        if isinstance(stops := dials.get("until"), list):
            dials["until"] = stops[:1]
        return dials


@bug("the design: a schema is the caller's", "test_every_part_is_sent[long_description]", says="mark-deep", subtle=True)
class SchemaFlattened(AcmeWire):
    """Definitions that a schema refers to are left out."""

    def encode_tool(self, tool: ToolSpec) -> JSONObject:
        """Return what the model is told of a tool."""
        kept = {name: value for name, value in tool.parameters.items() if name != "$defs"}
        return super().encode_tool(tool.model_copy(update={"parameters": kept}))


@bug("users-pains 21: schemas", "test_every_part_is_sent[schema]", says="mark_inner", subtle=True)
class DefinitionsDropped(ZenithWire):
    """A schema of an output loses its definitions, so that it refers to nothing."""

    def _talk(self, request: Request) -> JSONObject:
        body = super()._talk(request)
        if isinstance(shape := body.get("shape"), dict):
            body["shape"] = {name: value for name, value in shape.items() if name != "$defs"}
        return body


@bug(
    "the conversations: one that was begun with another provider",
    subtle=True,
    missed="that what another provider's model thought may be told as its words is nowhere forbidden",
)
class OthersThoughtsAreSaid(ZenithWire):
    """What another provider's model thought is sent as if this one had said it."""

    def _block(self, part: Part) -> JSONValue:
        if isinstance(part, ReasoningPart) and self.provider not in part.provider_state:
            return {"say": part.text}
        return super()._block(part)
