"""What plugins have to do with runs: the tools that they supply, and who of them is asked and told about calls.

That a plugin is installed gives no model its tools: they are supplied where a caller asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from typing import cast

from core_llm._errors import CoreLLMError, InvalidRequestError, InvalidSettingError, PluginError, RedactedCause
from core_llm._hook_calls import Implementation
from core_llm._logging import logger
from core_llm._messages import ToolCallPart
from core_llm._offers import shown
from core_llm._plugins import PluginRegistry
from core_llm._runs.approval import HookApprover, Verdict
from core_llm._tool_errors import DuplicateToolError, ToolDefinitionError
from core_llm._tools.definition import Tool, as_tool
from core_llm._tools.manager import ToolObserver
from core_llm._tools.source import ToolSource

Wanted = bool | Sequence[str]
"""Which tools of plugins a run is given: none, all, or those of these names."""


def supplied_tools(registry: PluginRegistry, wanted: Wanted) -> tuple[Tool[..., object], ...]:
    """Return the tools of plugins that were asked for; where none is, no plugin is asked.

    Raises:
        InvalidSettingError: What was asked for is neither a truth value nor a list of names.
        InvalidRequestError: No plugin has a tool of a name.
        DuplicateToolError: Two plugins have a wanted tool of one name; names both.
        PluginError: A plugin fails, or supplies what is no tool.
    """
    if isinstance(wanted, str) or not isinstance(wanted, bool | Sequence):
        raise InvalidSettingError(f"plugin_tools must be True, False or a list of names, not {wanted!r}")
    if not wanted:
        return ()
    tools: dict[str, Tool[..., object]] = {}
    origins: dict[str, str] = {}
    for hook in registry.implementations("core_llm_supply_tools"):
        for tool in _tools_of(hook):
            is_wanted = isinstance(wanted, bool) or tool.name in wanted
            if is_wanted and tool.name in tools and tools[tool.name] is not tool:
                both = f"{origins[tool.name]} and {hook.label}"
                raise DuplicateToolError(f"the tool {tool.name!r} is supplied by {both}; name those that you want")
            tools[tool.name], origins[tool.name] = tool, hook.label
    if isinstance(wanted, bool):
        return tuple(tools.values())
    return tuple(tools[_known(name, list(tools))] for name in wanted)


def _tools_of(hook: Implementation) -> list[Tool[..., object]]:
    try:
        supplied = hook.call()
        made = [as_tool(given) for given in supplied] if isinstance(supplied, list | tuple) else None
    except ToolDefinitionError as error:
        raise PluginError(f"{hook.label} supplies what is no tool: {error.message}") from None
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        cause = RedactedCause.of(error)
        raise PluginError(f"{hook.label} failed to supply its tools: {cause}") from cause
    if made is None:
        raise PluginError(f"{hook.label}: core_llm_supply_tools returns {shown(supplied)} in place of a list")
    return made


def _known(name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"they supply: {', '.join(names) or 'none'}"
    raise InvalidRequestError(f"no plugin supplies a tool {name!r}; {hint}")


def find_tool_source(registry: PluginRegistry, name: str) -> ToolSource:
    """Return the source of that name, not opened.

    Raises:
        InvalidRequestError: No plugin has it, or two have.
        PluginError: A plugin fails, or returns what is none.
    """
    found: list[tuple[str, ToolSource]] = []
    for hook in registry.implementations("core_llm_find_tool_source"):
        try:
            source = hook.call(name=name, config=registry.config)
        except CoreLLMError:
            raise
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            cause = RedactedCause.of(error)
            raise PluginError(f"{hook.label} failed when asked for the tools of {name!r}: {cause}") from cause
        if source is None:
            continue
        if not isinstance(source, ToolSource):
            what = f"core_llm_find_tool_source returns {shown(source)} in place of a ToolSource"
            raise PluginError(f"{hook.label}: {what}")
        found.append((hook.label, source))
    if len(found) > 1:
        raise InvalidRequestError(f"tools of {name!r} are offered by {' and '.join(label for label, _ in found)}")
    if not found:
        hint = (
            "" if registry.implementations("core_llm_find_tool_source") else "; for MCP servers: pip install plugin-mcp"
        )
        raise InvalidRequestError(f"no plugin knows tools of {name!r}{hint}")
    return found[0][1]


def approvers(registry: PluginRegistry) -> Sequence[HookApprover]:
    """Return the plugins that are asked about every call."""

    def ask(hook: Implementation, call: ToolCallPart, tool: Tool[..., object] | None) -> Verdict:
        return cast("Verdict", hook.call(call=call, tool=tool))

    return [partial(ask, hook) for hook in registry.implementations("core_llm_approve_tool_call")]


def tool_observers(registry: PluginRegistry, model: str | None) -> Sequence[ToolObserver]:
    """Return who is told of the calls of one run. A plugin that fails is reported in the log and is not told."""
    found: list[ToolObserver] = []
    for hook in registry.implementations("core_llm_observe_tools"):
        try:
            observer = hook.call(model=model)
        except Exception:  # noqa: BLE001  # an observer cannot harm the run
            logger.warning("%s failed to observe the tools of a run of %s", hook.label, model, exc_info=True)
            continue
        if observer is not None:
            found.append(cast("ToolObserver", observer))
    return found
