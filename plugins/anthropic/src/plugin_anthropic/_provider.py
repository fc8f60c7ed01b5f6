"""Anthropic, through the Messages API. API: https://platform.claude.com/docs/en/api (checked 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import SecretStr

from core_llm import Auth, Capabilities, ConfigError, HeaderAuth, OutgoingRequest, Provider, ProviderConfig, hookimpl
from plugin_anthropic._models import MODELS, Model
from plugin_anthropic._wire import Messages

AUTH_KINDS = ("x-api-key", "bearer")
OAUTH_TOKEN_START = "sk-ant-oat"
OAUTH_BETA = "oauth-2025-04-20"
GENERAL = Capabilities(
    streaming="supported",
    system_prompt="supported",
    tools="supported",
    parallel_tools="supported",
    usage="supported",
    json_output="unsupported",
    image_input="supported",
    audio_input="unsupported",
    document_input="supported",
    video_input="unsupported",
    model_listing="supported",
    token_counting="supported",
    embeddings="unsupported",
    settings={
        **dict.fromkeys(("max_tokens", "stop", "parallel_tool_calls"), "supported"),
        **dict.fromkeys(
            ("seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "cache_key"), "unsupported"
        ),
    },
)
"""What holds for all models: the wire has no field for these knobs, and wants a schema for JSON."""


def declared(model: Model) -> Capabilities:
    """Return what the table of models says, as a declaration; every field, so that a later pattern overrides all."""

    def support(is_taken: bool) -> Literal["supported", "unsupported", "unknown"]:  # noqa: FBT001  # a word for a truth
        return ("supported" if is_taken else "unsupported") if model.is_known else "unknown"

    sampling, thinks = support(model.takes_sampling), support(model.thinking != "none")
    return Capabilities(
        # A model that cannot be made to call a tool can still be kept from it.
        tool_choice="supported" if model.takes_forced_tool else "unknown",
        structured_output=support(model.takes_schema),
        reasoning=thinks,
        continuation=support(model.takes_prefill),
        cached_usage=support(is_taken=True),
        citations=support(is_taken=True),
        refusals="supported" if model.is_known and model.refuses else "unknown",
        settings={
            "service_tier": support(is_taken=True),
            "cache_ttl": support(is_taken=True),
            "temperature": sampling,
            "top_p": sampling,
            "top_k": sampling,
            "reasoning_effort": thinks,
            "reasoning_budget": support(model.thinking in ("budget", "both")),
        },
    )


class AnthropicAuth(Auth):
    """A key in ``x-api-key``, or a token as bearer: an OAuth one is told by how it begins, and needs a beta."""

    def __init__(self, *, is_bearer: bool = False) -> None:
        self.is_bearer = is_bearer
        self._key = HeaderAuth("x-api-key")

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with the credentials in it."""
        secret = credentials.get_secret_value()
        is_oauth = secret.startswith(OAUTH_TOKEN_START)
        if not (is_oauth or self.is_bearer):
            return self._key.sign(request, credentials, now)
        request.headers["authorization"] = f"Bearer {secret}"
        betas = request.headers.get("anthropic-beta", "")
        if is_oauth and OAUTH_BETA not in betas:
            request.headers["anthropic-beta"] = f"{betas},{OAUTH_BETA}" if betas else OAUTH_BETA
        return request


class Anthropic(Provider):
    """Anthropic's models."""

    name = "anthropic"
    base_url = "https://api.anthropic.com/v1"
    api_key_env = "ANTHROPIC_API_KEY"
    wire_format = Messages
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        pattern: GENERAL.merged(declared(model)) for pattern, model in MODELS.items()
    }
    options: ClassVar[Mapping[str, str]] = {
        "api_version": "the value of the header anthropic-version",
        "auth": "how the key is sent: x-api-key (default), or bearer, as some gateways want it",
    }

    def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
        super().__init__(config, name=name)
        auth = self.config.options.get("auth", AUTH_KINDS[0])
        if auth not in AUTH_KINDS:
            msg = f"providers.{self.endpoint}.options.auth is {auth!r}; it is {' or '.join(AUTH_KINDS)}"
            raise ConfigError(msg)
        self.auth = AnthropicAuth(is_bearer=auth == "bearer")


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer Anthropic."""
    return [Anthropic]
