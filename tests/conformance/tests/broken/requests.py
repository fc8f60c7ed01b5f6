"""Broken in what is sent: dropped, altered, in another place, to another address."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from pydantic import SecretStr
from pydantic_core import to_json

from core_llm import (
    BearerAuth,
    FilePart,
    Message,
    NamedToolChoice,
    OutgoingRequest,
    OutputSchema,
    Part,
    ReasoningPart,
    Request,
    Settings,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from core_llm.wire import JSONObject, JSONValue, WireRequest, as_object

from ..twin.acme import Acme, AcmeWire
from ..twin.zenith import ZenithWire
from .bugs import bug


@bug(
    "users-pains, the conversations: the system is forgotten",
    "test_every_part_is_sent[system_and_turns]",
    says="mark-system",
)
class SystemOnlyAtFirst(AcmeWire):
    """The system prompt is sent with the first turn alone."""

    def encode_messages(self, messages: Sequence[Message]) -> list[JSONValue]:
        """Return the conversation."""
        if any(message.role == "assistant" for message in messages):
            messages = [message for message in messages if message.role != "system"]
        return super().encode_messages(messages)


@bug("users-pains 19: dangling tool_call => next request 400", "test_every_part_is_sent[tool_call]", says="mark-result")
class ResultsDropped(ZenithWire):
    """The results of tools are not sent back."""

    def _block(self, part: Part) -> JSONValue:
        return None if isinstance(part, ToolResultPart) else super()._block(part)


@bug("wire-quirks, DeepSeek: strict tool pairing", "test_every_part_is_sent[parallel_calls]", says="the order is not")
class ResultsReversed(ZenithWire):
    """Results are sent in another order than they were given."""

    def _turn(self, message: Message) -> JSONObject:
        if message.role == "tool":
            message = message.model_copy(update={"parts": message.parts[::-1]})
        return super()._turn(message)


@bug("wire-quirks, Mistral: ids of another form", "test_results_belong_to_their_calls", says="is sent once")
class ShortenedIds(AcmeWire):
    """Ids of calls are shortened to what the server takes, those of results are not."""

    def encode_call(self, call: ToolCallPart) -> JSONValue:
        """Return a call that the model made."""
        return super().encode_call(call.model_copy(update={"id": call.id[:6]}))


@bug("users-pains 20; wire-quirks, OpenAI Chat", "test_message_goes_back[tool_call-stream]", says="arguments")
class ArgumentsNotSentBack(AcmeWire):
    """A call goes back with its name alone."""

    def encode_call(self, call: ToolCallPart) -> JSONValue:
        """Return a call that the model made."""
        return super().encode_call(call.model_copy(update={"raw_arguments": "{}"}))


@bug("the design: no part is dropped in silence", "test_every_part_is_sent[image]", says="is not in the request")
class PictureDropped(AcmeWire):
    """A picture is left out, and the model is asked about nothing."""

    def encode_file(self, part: FilePart) -> JSONObject:
        """Return a file as a piece of content."""
        return {"type": "text", "text": ""} if part.major_type == "image" else super().encode_file(part)


@bug(
    "wire-quirks, Gemini: bytes in the other base64", "test_every_part_is_sent[document]", says="is not in the request"
)
class FileAsHex(ZenithWire):
    """A file is encoded as the wire does not want it."""

    def _block(self, part: Part) -> JSONValue:
        if isinstance(part, FilePart):
            return {"file": {"kind": part.media_type, "data": b64encode(part.data or b"").hex()}}
        return super()._block(part)


@bug(
    "users-pains, pydantic-ai's probe: a field is no longer sent",
    "test_setting_changes_the_request[seed]",
    says="seed=",
)
class SeedIgnored(AcmeWire):
    """The setting `seed` is taken and not sent."""

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the settings."""
        return {name: value for name, value in super().encode_settings(settings).items() if name != "seed"}


@bug("wire-quirks, OpenAI Chat: max_completion_tokens", "test_request_matches[max_tokens-stream]", says="max_tokens")
class OldNameOfTheLimit(AcmeWire):
    """The limit of tokens is sent under the name that it had before."""

    settings_fields: Mapping[str, str] = {**AcmeWire.settings_fields, "max_tokens": "max_tokens"}


@bug("users-pains 30: options ignored", "test_setting_changes_the_request[temperature]", says="temperature=0.0 changes")
class ZeroIsUnset(AcmeWire):
    """A temperature of 0 is taken for none."""

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the settings."""
        return {name: value for name, value in super().encode_settings(settings).items() if value or value is False}


@bug("wire-quirks, the zoo: a list or a text", "test_setting_changes_the_request[stop]", says="stop=")
class StopsJoined(AcmeWire):
    """Several words to stop at are sent as one text."""

    def encode_settings(self, settings: Settings) -> JSONObject:
        """Return the fields of the settings."""
        fields = super().encode_settings(settings)
        if isinstance(stops := fields.get("stop"), list):
            fields["stop"] = ",".join(map(str, stops))
        return fields


@bug("users-pains 10 of the recommendations", "test_settings_have_fields_of_their_own", says="both sent as")
class TwoInOneField(ZenithWire):
    """A line of the table was copied and not finished."""

    def _dials(self, settings: Settings) -> JSONObject:
        dials = super()._dials(settings)
        return {("heat" if name == "nucleus" else name): value for name, value in dials.items()}


@bug("the design: provider_options are merged last", "test_provider_options_are_merged", says="is not in the body")
class BodyOfBytes(AcmeWire):
    """The body is made to bytes, and what the caller says in the provider's own words is lost."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        wired = super().encode_request(request)
        wired.body = to_json(wired.body)
        return wired


@bug("the design: into that provider's body only", "test_other_providers_options_are_left_out", says="another")
class OptionsOfEverybody(AcmeWire):
    """What is said to any provider is sent to this one."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        wired = super().encode_request(request)
        for options in request.provider_options.values():
            wired.body = {**as_object(wired.body), **options}  # type: ignore[arg-type]  # a body is JSON
        return wired


@bug("users-pains 28: what is shared is changed", "test_encoding_is_repeatable", says="the request is another")
class RequestMutated(AcmeWire):
    """The caller's schema of a tool is changed, for that is what the server wants."""

    def encode_tool(self, tool: ToolSpec) -> JSONObject:
        """Return what the model is told of a tool."""
        tool.parameters.pop("required", None)
        return super().encode_tool(tool)


@bug("users-pains 56: model_name", "test_model_is_named", says="is asked for")
class ModelWrittenDown(ZenithWire):
    """Whatever model is asked for, one is named."""

    def _talk(self, request: Request) -> JSONObject:
        return {**super()._talk(request), "engine": "zenith-1"}


@bug("the design: a model is called as its provider calls it", "test_model_is_named", says="is not what is sent")
class ModelInLowerCase(ZenithWire):
    """The model's name is made lower case."""

    def _talk(self, request: Request) -> JSONObject:
        return super()._talk(request.model_copy(update={"model": request.model.lower()}))


@bug("wire-quirks, Gemini: streaming must be asked for", "test_stream_is_asked_for", says="they are the same")
class StreamNotAskedFor(ZenithWire):
    """A stream is asked for by the same request as a plain answer."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        wired = super().encode_request(request)
        as_object(wired.body).pop("stream", None)  # type: ignore[arg-type]  # a body is JSON
        return wired


@bug("wire-quirks, Anthropic: tool_choice", "test_request_matches[tool_forced-stream]", says="get_time")
class ChoiceForgotten(ZenithWire):
    """Which tool must be called is not said."""

    def _talk(self, request: Request) -> JSONObject:
        body = super()._talk(request)
        body.pop("pick", None)
        return body


@bug(
    "users-pains 11: Ollama tools silently not sent when streaming",
    "test_request_matches[tool_call-stream]",
    says="get_weather",
)
class NoToolsInStreams(ZenithWire):
    """Tools are sent with plain requests only."""

    def _talk(self, request: Request) -> JSONObject:
        body = super()._talk(request)
        if request.is_stream:
            body.pop("tools", None)
        return body


@bug("users-pains 21: schemas", "test_every_part_is_sent[schema]", says="mark_field")
class SchemaForgotten(AcmeWire):
    """A schema is asked for as any JSON."""

    def encode_output(self, output: OutputSchema | str) -> JSONObject:  # noqa: ARG002  # of the contract
        """Return the format asked for."""
        return {"type": "json_object"}


@bug("users-pains 54: gateways", "test_requests_go_to_the_configured_address", says="asks https://api.acme.example")
class AddressWrittenDown(AcmeWire):
    """Requests go to one address, whatever is configured."""

    chat_path = "https://api.acme.example/v1/chat/completions"


@bug("users-pains 54: litellm#8075, ihub-apps#705", "test_key_stays_out_of_the_address", says="the key is in the")
class KeyInTheUrl(BearerAuth):
    """The key is a field of the query, and in every log on the way."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with the key in its address."""
        request.url += f"{'&' if '?' in request.url else '?'}key={credentials.get_secret_value()}"
        return request


@bug("users-pains 54: keys in traces", "test_key_stays_out_of_the_address", says="the key is in the")
class KeyInTheBody(BearerAuth):
    """The key is a field of the body, too."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with the key in its body."""
        request.content = request.content[:-1] + f', "key": "{credentials.get_secret_value()}"}}'.encode()
        return super().sign(request, credentials, now)


@bug("the design: extra_headers", "test_extra_headers_are_sent", says="a header of the caller is not sent")
class HeadersReplaced(BearerAuth):
    """Signing makes the headers anew, and those of the caller are lost."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with its key."""
        request.headers = {"content-type": "application/json"}
        return super().sign(request, credentials, now)


class _Remembering(BearerAuth):
    def __init__(self) -> None:
        self._key: SecretStr | None = None

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with the first key that there ever was."""
        self._key = self._key or credentials
        return super().sign(request, self._key, now)


@bug("the design: a token is refreshed once on a 401", "test_fresh_token_is_used", says="second token")
class FirstTokenForEver(Acme):
    """The first token is kept, and used when it has expired."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]  # handed on
        self.auth = _Remembering()


@bug("wire-quirks, Anthropic: a failed tool", "test_failed_tool_is_told", says="is_error")
class FailureNotTold(AcmeWire):
    """The result of a tool that failed looks like any other."""

    def encode_tool_result(self, result: ToolResultPart) -> JSONObject:
        """Return what a tool answered."""
        return super().encode_tool_result(result.model_copy(update={"is_error": False}))


@bug(
    "users-pains 6: reasoning_details dropped in tool loop",
    "test_message_goes_back[reasoning-stream]",
    says="c2VhbC0x+/==",
)
class SealForgotten(ZenithWire):
    """The signature of what was thought is not sent back."""

    def _block(self, part: Part) -> JSONValue:
        return None if isinstance(part, ReasoningPart) else super()._block(part)


@bug("wire-quirks, OpenRouter: returned unmodified", "test_message_goes_back[reasoning-stream]", says="goes back")
class DetailsModified(AcmeWire):
    """The blocks of reasoning go back without the signature."""

    def encode_reasoning(self, parts: Sequence[ReasoningPart]) -> JSONObject:
        """Return the fields in which reasoning goes back."""
        fields = super().encode_reasoning(parts)
        details = fields.get("reasoning_details")
        if isinstance(details, list):
            fields["reasoning_details"] = [
                {name: value for name, value in as_object(block).items() if name != "signature"} for block in details
            ]
        return fields


@bug("the design: dropped for another provider", "test_message_goes_back[reasoning-stream]", says="another provider")
class StateOfAnother(ZenithWire):
    """What was kept for any provider is sent to this one."""

    def _block(self, part: Part) -> JSONValue:
        block = super()._block(part)
        states = [state for state in part.provider_state.values() if isinstance(state, dict)]
        return {**block, **states[-1]} if isinstance(block, dict) and states else block


@bug(
    "wire-quirks, Gemini: a signature with letters that JSON escapes",
    "test_message_goes_back[reasoning-stream]",
    says="c2VhbC0x+/==",
)
class SealReencoded(ZenithWire):
    """The signature is taken for an address, and its letters are escaped."""

    def _block(self, part: Part) -> JSONValue:
        block = super()._block(part)
        if isinstance(block, dict) and isinstance(seal := block.get("seal"), str):
            block["seal"] = quote(seal)
        return block


@bug("users-pains 21, the tool: parameters under another name", "test_every_part_is_sent[tools]", says="mark_property")
class ParametersForgotten(ZenithWire):
    """A tool is described by its name."""

    def _talk(self, request: Request) -> JSONObject:
        body = super()._talk(request)
        if request.tools:
            body["tools"] = [{"name": tool.name, "about": tool.description} for tool in request.tools]
        return body


@bug("the design: tool_choice has a name", "test_request_matches[tool_forced-stream]", says="get_time")
class ForcedIsAuto(AcmeWire):
    """A tool that must be called may be called."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        if isinstance(request.tool_choice, NamedToolChoice):
            request = request.model_copy(update={"tool_choice": "auto"})
        return super().encode_request(request)
