"""Azure: OpenAI's models, and others, as deployments of your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretStr

from core_llm import Auth, Capabilities, OutgoingRequest, Provider, ProviderConfig, hookimpl
from core_llm.wire import WireFormat
from plugin_azure._wire import AzureChat, AzureResponses


class AzureAuth(Auth):
    """A key in its own header, or an Entra ID token, which is a JSON Web Token, as bearer."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with the credentials in it."""
        value = credentials.get_secret_value()
        is_token = value.startswith("eyJ") and value.count(".") == 2  # noqa: PLR2004  # header, claims, signature
        request.headers |= {"authorization": f"Bearer {value}"} if is_token else {"api-key": value}
        return request


class Azure(Provider):
    """Deployments of one Azure resource. API: https://learn.microsoft.com/azure/ai-foundry/openai (checked 2026-11)."""

    name = "azure"
    base_url_env = "AZURE_OPENAI_ENDPOINT"
    api_key_env = "AZURE_OPENAI_API_KEY"
    wire_format = AzureChat
    wire_choices: ClassVar[Mapping[str, type[WireFormat]]] = {"chat": AzureChat, "responses": AzureResponses}
    auth = AzureAuth()
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            usage="supported",
            refusals="supported",  # what its filters stop
            continuation="unsupported",
            video_input="unsupported",
            model_listing="unsupported",  # the key's surface lists what could be deployed, not what is
            token_counting="unsupported",
            embeddings="supported",
            settings=dict.fromkeys(("top_k", "reasoning_budget", "cache_key", "cache_ttl"), "unsupported"),
        ),
    }
    options: ClassVar[Mapping[str, str]] = {
        "api_version": "e.g. 2024-10-21, for resources that lack the v1 surface; requests then name the deployment",
    }

    def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
        super().__init__(config, name=name)
        self.base_url = self.base_url.removesuffix("/v1").removesuffix("/openai")  # as the portal shows it, or without


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer Azure."""
    return [Azure]
