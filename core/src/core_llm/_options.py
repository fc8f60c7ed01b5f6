"""What a caller writes (prompt and options) and the Request that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import inf
from typing import Literal, TypedDict

from pydantic import ValidationError

from core_llm._callbacks import Callbacks, EventTransform, RequestRewriter, TransformMaker
from core_llm._capabilities import OnUnsupported
from core_llm._config_model import Limits, OnBusy
from core_llm._errors import InvalidRequestError, InvalidSettingError
from core_llm._json import JSONObject
from core_llm._messages import Message, Part, as_parts
from core_llm._request import OutputMode, OutputSchema, ReasoningEffort, Request, Settings, ToolChoice, ToolSpec
from core_llm._response import ResumePoint
from core_llm._retries import Fallback, Recovery, Retries
from core_llm._signals import Signal, budgets
from core_llm._stream_config import StreamConfig, as_limits, check_call_options

Prompt = str | Message | Part | Sequence[str | Part | Message]
"""A text, a part (a picture, say), a message, or a list: parts and texts between messages make one user message."""


class SettingOptions(TypedDict, total=False):
    """The portable knobs as keyword arguments; see `Settings`."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    stop: str | Sequence[str]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    logprobs: bool
    top_logprobs: int
    reasoning_effort: ReasoningEffort
    reasoning_budget: int
    parallel_tool_calls: bool
    service_tier: str
    cache_key: str
    cache_ttl: Literal["5m", "1h", "24h"]


class ExchangeOptions(TypedDict, total=False):
    """What every call takes."""

    signal: Signal
    """Stops the call; see `Signal`. `Signal.never()` lifts its total limit."""
    limits: Limits
    max_retries: int
    """How often the request may be sent again; for a stream that recovers, recoveries included."""
    retries: Retries
    """How it is sent again: delays, statuses."""
    on_busy: OnBusy
    """What to do where calls are limited in number or rate: ``wait`` for its turn (default), or ``raise`` at once."""


class ChatOptions(SettingOptions, ExchangeOptions, total=False):
    """What every call of a model takes."""

    system: str
    """An instruction put before the conversation."""
    settings: Settings
    """The portable knobs as one value; keyword arguments win over it."""
    provider_options: Mapping[str, JSONObject]
    """Provider name → fields merged last into the body sent to that provider only."""
    extra_headers: Mapping[str, str]
    extra_query: Mapping[str, str]
    recovery: Recovery
    """What to do when the answer breaks after its first content: ``raise`` (default), ``restart``, ``continue`` or
    ``resume``."""
    fallback: Sequence[str] | Fallback
    """Models that take over when the call fails for good."""
    on_unsupported: OnUnsupported
    callbacks: Callbacks | Sequence[Callbacks]
    """Functions that are told of the call."""
    processors: Sequence[RequestRewriter]
    """Functions that the request passes through before it is sent, each getting what the one before returned."""
    transforms: Sequence[EventTransform | TransformMaker]
    """What the events pass through, and with them the response; such as those of `core_llm.transforms`."""
    config: StreamConfig
    """These options as one value; keyword arguments go over it."""


class ToolOptions(ChatOptions, total=False):
    """What a call takes that may have tools."""

    tools: Sequence[ToolSpec]
    tool_choice: ToolChoice | str
    """``auto``, ``none``, ``required``, or the name of the tool that must be called."""


class TypedOptions(ToolOptions, total=False):
    """What `generate` and `stream` take besides model, prompt and the type that the answer is wanted as."""

    output_mode: OutputMode
    """How the model is asked for it: ``native``, ``tool`` or ``prompted``; by default the best that it can do."""
    output_retries: int
    """How often the model is asked to correct an answer that does not fit; 1 by default."""


class CallOptions(ToolOptions, total=False):
    """What `generate`, `stream` and `count_tokens` take besides model and prompt."""

    output: OutputSchema | Literal["json"]
    """JSON, after a schema or any; a type in its place makes the call a typed one, see `TypedOptions`."""
    resume: ResumePoint
    """Take up the stream of this answer again, where it goes on in the background; the request is as before."""


_SETTINGS = frozenset(Settings.model_fields)
_OTHERS = frozenset(CallOptions.__annotations__) - _SETTINGS


def build_request(
    model: str, prompt: Prompt | None, options: Mapping[str, object], defaults: Settings, *, is_stream: bool
) -> Request:
    """Return the request that a caller's words mean.

    Raises:
        InvalidRequestError: There is nothing to send, or an argument has the wrong type.
        InvalidSettingError: A setting is unknown or has a wrong value.
    """
    given = options.get("settings")
    if given is not None:
        if not isinstance(given, Settings):
            msg = f"settings must be a Settings, not {type(given).__name__}; single knobs go as keyword arguments"
            raise InvalidSettingError(msg)
        defaults = defaults.merged(given)
    knobs = {name: value for name, value in options.items() if name in _SETTINGS}
    if len(knobs) < len(options):
        _check_others(options)
    settings = defaults.merged(_settings(knobs)) if knobs else defaults
    messages = as_messages(prompt)
    if (system := options.get("system")) is not None:
        if not isinstance(system, str):
            raise InvalidRequestError(f"system must be a text, not {type(system).__name__}")
        messages = (Message.system(system), *messages)
    fields: dict[str, object] = {"model": model, "messages": messages, "settings": settings, "is_stream": is_stream}
    for name in ("tools", "output", "provider_options", "extra_headers", "extra_query"):
        if (value := options.get(name)) is not None:
            fields[name] = value
    choice = options.get("tool_choice")
    if choice is not None:
        is_name = isinstance(choice, str) and choice not in ("auto", "none", "required")
        fields["tool_choice"] = {"name": choice} if is_name else choice
    try:
        request = Request.model_validate(fields)
    except ValidationError as error:
        raise InvalidRequestError(f"the request is not valid: {first_of(error)}") from None
    return request.checked()


def as_messages(prompt: Prompt | None) -> tuple[Message, ...]:
    """Return the messages that a prompt stands for.

    Raises:
        InvalidRequestError: It is empty, or holds something that is neither text, part nor message.
    """
    if prompt is None or (isinstance(prompt, str) and not prompt.strip()):
        msg = "the prompt is empty; pass a text, a message, or a list of them"
        raise InvalidRequestError(msg)
    if isinstance(prompt, str):
        return (Message.user(prompt),)
    if isinstance(prompt, Message):
        return (prompt,)
    items = prompt if isinstance(prompt, Sequence) else (prompt,)
    messages: list[Message] = []
    loose: list[str | Part] = []
    for item in [*items, None]:
        if loose and (item is None or isinstance(item, Message)):
            try:
                messages.append(Message(role="user", parts=as_parts(loose)))
            except ValidationError as error:
                raise InvalidRequestError(
                    f"the prompt holds what is neither text nor part: {first_of(error)}"
                ) from None
            loose = []
        if isinstance(item, Message):
            messages.append(item)
        elif item is not None:
            loose.append(item)
    return tuple(messages)


def _settings(knobs: Mapping[str, object]) -> Settings:
    try:
        return Settings.model_validate(knobs)
    except ValidationError as error:
        raise InvalidSettingError(f"a setting has a wrong value: {first_of(error)}") from None


def merged_limits(limits: Limits, options: Mapping[str, object]) -> Limits:
    """Return the limits of a call: its own over those that hold for it, the total lifted if its signal says never.

    Raises:
        InvalidSettingError: What was given as limits is something else.
    """
    own = as_limits(options.get("limits"))
    if options.get("signal") is Signal.never() and (own is None or own.total is None):
        limits = limits.merged(Limits(total=inf))
    return limits.merged(own)


def wants_type(options: Mapping[str, object]) -> bool:
    """Whether the answer is wanted as a value of a type.

    Raises:
        InvalidSettingError: It is not, and an option says how.
    """
    output = options.get("output")
    is_typed = not (output is None or output == "json" or isinstance(output, OutputSchema))
    if not is_typed and (only := [name for name in ("output_mode", "output_retries") if name in options]):
        raise InvalidSettingError(f"{only[0]} goes with output=<a type>, as in output=City; there is none here")
    return is_typed


def counts_tokens(options: Mapping[str, object]) -> bool:
    """Whether a call's signal limits its tokens, which can be held only while they come."""
    signal = options.get("signal")
    return isinstance(signal, Signal) and bool(budgets(signal))


def _check_others(options: Mapping[str, object]) -> None:
    """Refuse unknown names, and wrong values of those options that become part of no request."""
    check_call_options(options)
    for name in options:
        if name not in _SETTINGS and name not in _OTHERS:
            near = get_close_matches(name, [*_SETTINGS, *_OTHERS], 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known settings: {', '.join(sorted(_SETTINGS))};"
            msg = f"unknown setting {name!r}; {hint} What only one provider has goes into provider_options"
            raise InvalidSettingError(msg)


def check_exchange_options(options: Mapping[str, object]) -> None:
    """Refuse what an exchange does not take.

    Raises:
        InvalidSettingError: An option is unknown or has a wrong value.
    """
    check_call_options(options)
    known = sorted(ExchangeOptions.__annotations__)
    if unknown := [name for name in options if name not in known]:
        raise InvalidSettingError(f"this call takes no {', '.join(unknown)}; it takes {', '.join(known)}")


def first_of(error: ValidationError) -> str:
    """Return what is wrong first, and where, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
