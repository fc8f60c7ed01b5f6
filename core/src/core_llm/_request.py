"""Request and what it is made of: Settings, tools, structured output. Values only."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator

from core_llm._errors import InvalidRequestError
from core_llm._json import JSONObject
from core_llm._messages import Message
from core_llm._value import SCHEMA_VERSION, Value

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


class Settings(Value):
    """The portable knobs. None leaves a knob to the provider's default; a wire maps the others to its own fields."""

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, gt=0)
    """Bound on output tokens, reasoning included."""
    stop: tuple[str, ...] | None = None
    """Texts that end the answer."""
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    reasoning_effort: ReasoningEffort | None = None
    reasoning_budget: int | None = Field(default=None, ge=0)
    """Bound on reasoning tokens, where a provider has one."""
    parallel_tool_calls: bool | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    """Requests with the same key are likely to share a beginning; a provider may send them to the same cache."""
    cache_ttl: Literal["5m", "1h", "24h"] | None = None
    """Keep the beginning of this request in the provider's cache at least so long."""

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def merged(self, other: Settings) -> Settings:
        """Return these settings with those that `other` sets in their place."""
        changes = {name: getattr(other, name) for name in other.model_fields_set}
        return self.model_copy(update=changes) if changes else self


def _no_parameters() -> JSONObject:
    return {"type": "object", "properties": {}}


class ToolSpec(Value):
    """What a model is told of a tool."""

    name: str = Field(min_length=1)
    description: str = ""
    parameters: JSONObject = Field(default_factory=_no_parameters)
    """JSON schema of the arguments, an object."""
    is_strict: bool | None = None
    """Ask the provider to hold to the schema, where it can; None leaves its default."""


class NamedToolChoice(Value):
    """The model must call this tool."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedToolChoice


class OutputSchema(Value):
    """The answer must be JSON after this schema."""

    name: str = "output"
    json_schema: JSONObject
    description: str = ""
    is_strict: bool | None = True
    """Hold the model to the schema; None asks for that where the provider's strict mode can say the schema."""


OutputMode = Literal["native", "tool", "prompted"]
"""How a model is asked for a value of a type: by the wire's field for a schema, by a tool to call, or in words."""


class Request(Value):
    """One request to one model, as portable as its parts."""

    schema_version: int = SCHEMA_VERSION
    model: str
    """The model's name at its provider, without the provider."""
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice | None = None
    output: OutputSchema | Literal["json"] | None = None
    """Structured output: a schema, or ``"json"`` for any JSON."""
    settings: Settings = Field(default_factory=Settings)
    provider_options: dict[str, JSONObject] = Field(default_factory=dict)
    """Provider name → fields merged last into the body sent to that provider, and to no other."""
    extra_headers: dict[str, str] = Field(default_factory=dict)
    extra_query: dict[str, str] = Field(default_factory=dict)
    is_stream: bool = True
    """Whether the answer is wanted as a stream."""

    def checked(self) -> Self:
        """Return the request if it can be sent.

        Raises:
            InvalidRequestError: There is no message, or nothing in one that needs content.
        """
        if not self.messages:
            msg = "the prompt is empty; pass a text or at least one message"
            raise InvalidRequestError(msg)
        for number, message in enumerate(self.messages):
            if message.role in ("user", "system", "tool") and not message.parts:
                msg = f"message {number} ({message.role}) has no parts; leave it out or give it content"
                raise InvalidRequestError(msg)
        last = self.messages[-1]
        if last.role == "user" and not any(getattr(part, "text", True) for part in last.parts):
            msg = "the prompt is empty; pass a text or at least one message"
            raise InvalidRequestError(msg)
        return self
