"""core-llm: a thin core that talks to language models.

    from core_llm import Client

    with Client().stream("openai:gpt-5-mini", "Why is the sky blue?") as stream:
        for text in stream.iter_text():
            print(text, end="", flush=True)

Everything public is here, in `core_llm.wire` (for authors of providers), `core_llm.hookspecs` and `core_llm.testing`.
Names are imported when they are first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_llm._admission import Admission
    from core_llm._api import generate, stream
    from core_llm._async_client import AsyncClient
    from core_llm._attempts import Attempt, AttemptPolicy, FailedAttempt, Route, RoutedCall
    from core_llm._callbacks import Callbacks
    from core_llm._calls import ClientOptions
    from core_llm._capabilities import Capabilities, needed_features
    from core_llm._client import Client
    from core_llm._config import Config, ConfigWarning
    from core_llm._config_model import ConfigValues, Limits, ProviderConfig
    from core_llm._embed_options import EmbedOptions
    from core_llm._embeddings import Embeddings, EmbedRequest, cosine_similarity, most_similar
    from core_llm._errors import (
        AbortedError,
        AuthenticationError,
        BadRequestError,
        BusyError,
        ConfigError,
        ConnectError,
        ContentFilterError,
        ContextLengthError,
        CoreLLMError,
        DuplicateProviderError,
        InvalidRequestError,
        InvalidSettingError,
        InvalidToolCallError,
        LaggedError,
        MalformedResponseError,
        MissingAPIKeyError,
        NotFoundError,
        OverloadedError,
        PermissionDeniedError,
        PluginError,
        PluginLoadError,
        ProviderError,
        RateLimitError,
        RequestTooLargeError,
        ResponseError,
        ServerError,
        StatusError,
        StreamGrammarError,
        StreamInterruptedError,
        TimeoutExceededError,
        TransportError,
        UnknownProviderError,
        UnsupportedError,
    )
    from core_llm._events import (
        ApprovalNeeded,
        AttemptEvent,
        CitationAdded,
        FellBack,
        FileDelta,
        Finish,
        PartEnd,
        PartStart,
        RawEvent,
        ReasoningDelta,
        RefusalDelta,
        Restarted,
        Resumed,
        Retrying,
        StreamError,
        StreamEvent,
        StreamStart,
        TextDelta,
        ToolCall,
        ToolCallDelta,
        ToolResult,
        ToolStart,
        TurnEnd,
        TurnStart,
        UsageUpdate,
        event_to_dict,
    )
    from core_llm._histories import close_open_calls
    from core_llm._messages import (
        Citation,
        FilePart,
        Message,
        Part,
        ProviderPart,
        ReasoningPart,
        RefusalPart,
        TextPart,
        TokenLogprob,
        ToolCallPart,
        ToolResultPart,
    )
    from core_llm._options import CallOptions, ExchangeOptions, Prompt, TypedOptions
    from core_llm._output.response import TypedResponse
    from core_llm._output_errors import (
        InvalidOutputError,
        OutputCutError,
        OutputError,
        OutputRefusedError,
        UnsupportedSchemaError,
    )
    from core_llm._provider import Auth, BearerAuth, HeaderAuth, LocalChannel, LocalProvider, OutgoingRequest, Provider
    from core_llm._queue.async_queue import AsyncStreamQueue
    from core_llm._queue.entries import QueuedEvent, QueueOptions
    from core_llm._queue.stream_queue import StreamQueue
    from core_llm._request import NamedToolChoice, OutputSchema, Request, Settings, ToolSpec
    from core_llm._response import AttemptRecord, FinishReason, Response, ResumePoint, Usage
    from core_llm._retries import Fallback, Recovery, Retries
    from core_llm._runs.approval import Approval
    from core_llm._runs.asked import RunOptions
    from core_llm._runs.async_run import AsyncRun, AsyncTypedRun
    from core_llm._runs.limits import RunLimits
    from core_llm._runs.run import Run, TypedRun
    from core_llm._runs.state import RunState
    from core_llm._signals import Signal, SignalController
    from core_llm._stream.async_stream import AsyncStream
    from core_llm._stream.grammar import check_events
    from core_llm._stream.stream import Stream
    from core_llm._stream_config import StreamConfig
    from core_llm._tool_errors import (
        DuplicateToolError,
        ModelRetry,
        RunLimitError,
        ToolArgumentsError,
        ToolDefinitionError,
        ToolError,
        ToolExecutionError,
        ToolTimeoutError,
    )
    from core_llm._tools.context import ToolContext
    from core_llm._tools.definition import Tool, tool
    from core_llm._tools.loading import load_tools
    from core_llm._tools.manager import ToolManager, ToolObserver
    from core_llm._tools.source import NoTools, ToolSource
    from core_llm._typed.async_typed_stream import AsyncTypedStream
    from core_llm._typed.typed_stream import TypedStream
    from core_llm.hookspecs import hookimpl

__all__ = [
    "AbortedError",
    "Admission",
    "Approval",
    "ApprovalNeeded",
    "AsyncClient",
    "AsyncRun",
    "AsyncStream",
    "AsyncStreamQueue",
    "AsyncTypedRun",
    "AsyncTypedStream",
    "Attempt",
    "AttemptEvent",
    "AttemptPolicy",
    "AttemptRecord",
    "Auth",
    "AuthenticationError",
    "BadRequestError",
    "BearerAuth",
    "BusyError",
    "CallOptions",
    "Callbacks",
    "Capabilities",
    "Citation",
    "CitationAdded",
    "Client",
    "ClientOptions",
    "Config",
    "ConfigError",
    "ConfigValues",
    "ConfigWarning",
    "ConnectError",
    "ContentFilterError",
    "ContextLengthError",
    "CoreLLMError",
    "DuplicateProviderError",
    "DuplicateToolError",
    "EmbedOptions",
    "EmbedRequest",
    "Embeddings",
    "ExchangeOptions",
    "FailedAttempt",
    "Fallback",
    "FellBack",
    "FileDelta",
    "FilePart",
    "Finish",
    "FinishReason",
    "HeaderAuth",
    "InvalidOutputError",
    "InvalidRequestError",
    "InvalidSettingError",
    "InvalidToolCallError",
    "LaggedError",
    "Limits",
    "LocalChannel",
    "LocalProvider",
    "MalformedResponseError",
    "Message",
    "MissingAPIKeyError",
    "ModelRetry",
    "NamedToolChoice",
    "NoTools",
    "NotFoundError",
    "OutgoingRequest",
    "OutputCutError",
    "OutputError",
    "OutputRefusedError",
    "OutputSchema",
    "OverloadedError",
    "Part",
    "PartEnd",
    "PartStart",
    "PermissionDeniedError",
    "PluginError",
    "PluginLoadError",
    "Prompt",
    "Provider",
    "ProviderConfig",
    "ProviderError",
    "ProviderPart",
    "QueueOptions",
    "QueuedEvent",
    "RateLimitError",
    "RawEvent",
    "ReasoningDelta",
    "ReasoningPart",
    "Recovery",
    "RefusalDelta",
    "RefusalPart",
    "Request",
    "RequestTooLargeError",
    "Response",
    "ResponseError",
    "Restarted",
    "ResumePoint",
    "Resumed",
    "Retries",
    "Retrying",
    "Route",
    "RoutedCall",
    "Run",
    "RunLimitError",
    "RunLimits",
    "RunOptions",
    "RunState",
    "ServerError",
    "Settings",
    "Signal",
    "SignalController",
    "StatusError",
    "Stream",
    "StreamConfig",
    "StreamError",
    "StreamEvent",
    "StreamGrammarError",
    "StreamInterruptedError",
    "StreamQueue",
    "StreamStart",
    "TextDelta",
    "TextPart",
    "TimeoutExceededError",
    "TokenLogprob",
    "Tool",
    "ToolArgumentsError",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallPart",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolExecutionError",
    "ToolManager",
    "ToolObserver",
    "ToolResult",
    "ToolResultPart",
    "ToolSource",
    "ToolSpec",
    "ToolStart",
    "ToolTimeoutError",
    "TransportError",
    "TurnEnd",
    "TurnStart",
    "TypedOptions",
    "TypedResponse",
    "TypedRun",
    "TypedStream",
    "UnknownProviderError",
    "UnsupportedError",
    "UnsupportedSchemaError",
    "Usage",
    "UsageUpdate",
    "check_events",
    "close_open_calls",
    "cosine_similarity",
    "event_to_dict",
    "generate",
    "hookimpl",
    "load_tools",
    "most_similar",
    "needed_features",
    "stream",
    "tool",
]
"""Spelled out once more, since type checkers read it; a test keeps the two lists equal."""
_HOMES = {
    "_api": "generate stream",
    "_admission": "Admission",
    "_capabilities": "Capabilities needed_features",
    "_async_client": "AsyncClient",
    "_attempts": "Attempt AttemptPolicy FailedAttempt Route RoutedCall",
    "_callbacks": "Callbacks",
    "_calls": "ClientOptions",
    "_client": "Client",
    "_config": "Config ConfigWarning",
    "_config_model": "ConfigValues Limits ProviderConfig",
    "_embed_options": "EmbedOptions",
    "_embeddings": "EmbedRequest Embeddings cosine_similarity most_similar",
    "_errors": "AbortedError AuthenticationError BadRequestError BusyError ConfigError ConnectError ContentFilterError"
    " ContextLengthError CoreLLMError DuplicateProviderError InvalidRequestError InvalidSettingError"
    " InvalidToolCallError LaggedError MalformedResponseError MissingAPIKeyError NotFoundError OverloadedError"
    " PermissionDeniedError PluginError PluginLoadError ProviderError RateLimitError RequestTooLargeError"
    " ResponseError ServerError StatusError StreamGrammarError StreamInterruptedError TimeoutExceededError"
    " TransportError UnknownProviderError UnsupportedError",
    "_events": "ApprovalNeeded AttemptEvent CitationAdded FellBack FileDelta Finish PartEnd PartStart RawEvent"
    " ReasoningDelta RefusalDelta Restarted Resumed Retrying StreamError StreamEvent StreamStart TextDelta ToolCall"
    " ToolCallDelta ToolResult ToolStart TurnEnd TurnStart UsageUpdate event_to_dict",
    "_histories": "close_open_calls",
    "_messages": "Citation FilePart Message Part ProviderPart ReasoningPart RefusalPart TextPart TokenLogprob"
    " ToolCallPart ToolResultPart",
    "_options": "CallOptions ExchangeOptions Prompt TypedOptions",
    "_output.response": "TypedResponse",
    "_output_errors": "InvalidOutputError OutputCutError OutputError OutputRefusedError UnsupportedSchemaError",
    "_provider": "Auth BearerAuth HeaderAuth LocalChannel LocalProvider OutgoingRequest Provider",
    "_queue.async_queue": "AsyncStreamQueue",
    "_queue.entries": "QueuedEvent QueueOptions",
    "_queue.stream_queue": "StreamQueue",
    "_request": "NamedToolChoice OutputSchema Request Settings ToolSpec",
    "_response": "AttemptRecord FinishReason Response ResumePoint Usage",
    "_retries": "Fallback Recovery Retries",
    "_signals": "Signal SignalController",
    "_runs.approval": "Approval",
    "_runs.asked": "RunOptions",
    "_runs.async_run": "AsyncRun AsyncTypedRun",
    "_runs.limits": "RunLimits",
    "_runs.run": "Run TypedRun",
    "_runs.state": "RunState",
    "_stream.async_stream": "AsyncStream",
    "_stream.grammar": "check_events",
    "_stream.stream": "Stream",
    "_stream_config": "StreamConfig",
    "_tool_errors": "DuplicateToolError ModelRetry RunLimitError ToolArgumentsError ToolDefinitionError ToolError"
    " ToolExecutionError ToolTimeoutError",
    "_tools.context": "ToolContext",
    "_tools.definition": "Tool tool",
    "_tools.loading": "load_tools",
    "_tools.manager": "ToolManager ToolObserver",
    "_tools.source": "NoTools ToolSource",
    "_typed.async_typed_stream": "AsyncTypedStream",
    "_typed.typed_stream": "TypedStream",
    "hookspecs": "hookimpl",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used."""
        home = _HOME_OF.get(name)
        if home is None:
            if name == "__version__":
                from importlib.metadata import version  # noqa: PLC0415  # rarely asked for, and slow

                return version("core-llm")
            msg = f"module 'core_llm' has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module  # noqa: PLC0415  # importing this package must stay cheap

        value: object = getattr(import_module(f"core_llm.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted({*globals(), *_HOME_OF, "__version__"})
