"""AzureChat and AzureResponses: the two wires as Azure OpenAI has them, and what its content filters say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core_llm import EmbedRequest, ProviderPart, Request, StreamEvent
from core_llm.wire import STRICT_SCHEMA, CallIdForm, ChatCompletions, ChatDecoder, JSONValue, Responses, WireRequest

FILTER_FIELDS = ("prompt_filter_results", "content_filter_results", "content_filter_result")


class AzureDecoder(ChatDecoder):
    """Decodes an answer; the results of the content filters end it, as parts."""

    _has_told = False

    def close(self) -> Sequence[StreamEvent]:
        """Say that no frame follows; return the last events."""
        events = list(super().close())
        for name in () if self._has_told else FILTER_FIELDS:
            if results := self.metadata.pop(name, None):
                events += self.parts.whole(ProviderPart(provider=self.parts.provider, type=name, data=results))
        self._has_told = True
        return events


class AzureChat(ChatCompletions):
    """Chat Completions on the v1 surface, or, where an API version is configured, on that of deployments."""

    decoder_type = AzureDecoder
    embed_encoding = "base64"
    call_ids = CallIdForm(r".{1,40}", 24)  # as at OpenAI
    strict_schemas = STRICT_SCHEMA

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request; the model is the name of the deployment."""
        return of_deployment(super().encode_request(request), request.model, self.options)

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts; the model is the name of the deployment."""
        return of_deployment(super().encode_embed(request), request.model, self.options)


class AzureResponses(Responses):
    """The Responses wire, on the v1 surface, or, where an API version is configured, beside the deployments."""

    embed_encoding = "base64"
    call_ids = CallIdForm(r".{1,64}", 24)  # as at OpenAI
    strict_schemas = STRICT_SCHEMA

    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request; the model is the name of the deployment."""
        wired = super().encode_request(request)
        version = self.options.get("api_version")
        wired.path = f"/openai{'' if version else '/v1'}{wired.path}"
        if version is not None:
            wired.query["api-version"] = str(version)
        return wired

    def encode_embed(self, request: EmbedRequest) -> WireRequest:
        """Return the HTTP request for one batch of texts, which no version has beside the deployments."""
        return of_deployment(super().encode_embed(request), request.model, self.options)


def of_deployment(wired: WireRequest, deployment: str, options: Mapping[str, JSONValue]) -> WireRequest:
    """Return a request at its address: on the v1 surface, or, where an API version is configured, the deployment's."""
    version = options.get("api_version")
    if version is None:
        wired.path = f"/openai/v1{wired.path}"
    else:
        wired.path = f"/openai/deployments/{deployment}{wired.path}"
        wired.query["api-version"] = str(version)
    return wired
