"""Every extension point, in four groups: config, streaming, tools, commands. Read top to bottom.

A plugin is a module (or object) whose functions carry `@hookimpl` and the names below. Arguments are passed by name:
take those you need. No hook is `async`; under the async client, one that may block runs in a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import pluggy
from pydantic import SecretStr

from core_llm._admission import Admission
from core_llm._attempts import Route
from core_llm._callbacks import EventTransform as EventTransform  # noqa: PLC0414  # hooks return it
from core_llm._callbacks import RequestRewriter as RequestRewriter  # noqa: PLC0414  # the same
from core_llm._errors import CoreLLMError
from core_llm._events import AttemptEvent, StreamEvent
from core_llm._json import JSONValue
from core_llm._provider import Provider
from core_llm._request import Request
from core_llm._response import Response

if TYPE_CHECKING:
    import click

    from core_llm._config import Config
    from core_llm._messages import ToolCallPart
    from core_llm._runs.approval import Approval
    from core_llm._tools.definition import Tool
    from core_llm._tools.manager import ToolObserver
    from core_llm._tools.source import ToolSource

hookspec = pluggy.HookspecMarker("core_llm")
hookimpl = pluggy.HookimplMarker("core_llm")


class StreamObserver(Protocol):
    """What `core_llm_observe_stream` returns: told what happens to one call, from start to finish.

    Its methods must be quick; what one raises is logged and cannot harm the stream.
    """

    def on_start(self, request: Request) -> None:
        """Take note of the request, after rewriting, before it is sent."""
        ...

    def on_event(self, event: StreamEvent) -> None:
        """Take note of each event, before the consumer has it."""
        ...

    def on_retry(self, retrying: AttemptEvent) -> None:
        """Take note that an attempt failed and another follows: a Retrying, FellBack, Restarted or Resumed."""
        ...

    def on_error(self, error: CoreLLMError, partial: Response) -> None:
        """Take note that the call failed for good, or was stopped."""
        ...

    def on_finish(self, response: Response) -> None:
        """Take note that the call succeeded."""
        ...


# ---- config ----------------------------------------------------------------------------------------------------------


@hookspec
def core_llm_register_providers() -> Sequence[type[Provider] | Provider]:  # type: ignore[empty-body]
    """Offer providers. Called when a plugin of group ``core_llm.providers`` is asked for, and for plugins of a client.

    Returns:
        Provider classes (made by the core from configuration), or finished instances.

    Since 0.1.
    """


@hookspec
def core_llm_find_provider(name: str) -> type[Provider] | Provider | None:
    """Offer a provider for a name that no configuration and no entry point knows, such as one of a catalogue.

    All plugins are asked; two answers are an error that names both.

    Args:
        name: What stands before the colon in the model id.

    Since 0.1.
    """


@hookspec
def core_llm_find_route(model: str) -> Route | None:
    """Offer a route for what a caller names as the model: a name of yours, or a notation such as ``a:x | b:y``.

    Asked once a client for each name, before it is taken for a model. All plugins are asked; two answers are an error
    that names both.

    Args:
        model: What stands where a model id is due, a role replaced by what it stands for.

    Returns:
        A `Route`, shared by all calls of the client.

    Since 0.1.
    """


@hookspec
def core_llm_provide_config() -> Mapping[str, JSONValue]:  # type: ignore[empty-body]
    """Supply a layer of configuration, above the file and below the environment. Called once a client.

    Returns:
        Settings in the shape of the configuration file.

    Since 0.1.
    """


@hookspec
def core_llm_find_api_key(provider: str) -> SecretStr | str | None:
    """Find the key of a provider, after the configuration and before the environment. The first that is not None wins.

    One that raises is reported in the log, and the next is asked.

    Args:
        provider: The provider's (or named endpoint's) name.

    Since 0.1.
    """


# ---- streaming -------------------------------------------------------------------------------------------------------


@hookspec
def core_llm_rewrite_request(provider: str, model: str) -> RequestRewriter | None:
    """Return a function that rewrites each request to this model, or None. Folded in the order of registration.

    Since 0.1.
    """


@hookspec
def core_llm_observe_stream(provider: str, model: str) -> StreamObserver | None:
    """Return an object that observes this one call (stream or plain), or None. Called at its start.

    Since 0.1.
    """


@hookspec
def core_llm_transform_events(provider: str, model: str) -> EventTransform | None:
    """Return a function that replaces events of this one call, or None. Folded in the order of registration.

    Lifecycle events (StreamStart, Retrying, Finish) are not passed through it.

    Since 0.1.
    """


@hookspec
def core_llm_admit_call(provider: str, model: str, request: Request) -> Admission | None:
    """Return an object that says when an attempt may be made, or None. Called before each attempt, of embeddings too.

    Asked after the client's own bounds on concurrency, in the order of registration.

    Args:
        provider: The provider's (or named endpoint's) name.
        model: Its name for the model; empty for what concerns none, such as a listing of models.
        request: What is about to be sent; without messages where it is no chat.

    Since 0.1.
    """


# ---- tools -----------------------------------------------------------------------------------------------------------


@hookspec
def core_llm_supply_tools() -> Sequence[Tool[..., object] | Callable[..., object]]:  # type: ignore[empty-body]
    """Offer tools. Called where a caller asks for tools of plugins; no model is told of them otherwise.

    Returns:
        Tools, or functions that become tools. Two of one name are an error that names both plugins.

    Since 0.1.
    """


@hookspec
def core_llm_find_tool_source(name: str, config: Config) -> ToolSource | None:
    """Offer a source of tools by name, such as a configured MCP server. It is opened by who asked for it.

    All plugins are asked; two answers are an error that names both.

    Args:
        name: What the caller wants, with ``client.tool_source(name)`` or ``core-llm chat --mcp name``.
        config: The client's configuration; a plugin's own settings are in ``config.values.plugins``.

    Returns:
        A source of this name, not opened; None if there is none.

    Since 0.1.
    """


@hookspec
def core_llm_approve_tool_call(call: ToolCallPart, tool: Tool[..., object] | None) -> Approval | bool | None:
    """Say whether a call may run. All plugins are asked, of every call, before it runs.

    One that denies, raises, or answers with anything else keeps the call from running, whatever the others say.

    Args:
        call: What the model asked for.
        tool: What would run; None where there is no tool of that name.

    Returns:
        True or an `Approval` to let it run, which counts where it needs approval; False or a denial to keep it from
        running; None for no opinion.

    Since 0.1.
    """


@hookspec
def core_llm_observe_tools(model: str | None) -> ToolObserver | None:
    """Return an object that is told of each call of this one run, its result or its failure; or None.

    Called at the start of a run; may be called for one that is then never entered.

    Args:
        model: What the caller named as the model; None for the configured default.

    Since 0.1.
    """


# ---- commands --------------------------------------------------------------------------------------------------------


@hookspec
def core_llm_register_commands(cli: click.Group) -> None:
    """Add verbs to the ``core-llm`` command. Called for plugins of group ``core_llm.commands`` when the command runs.

    Since 0.1.
    """
