"""From what a command line names to tools: ``module:function``. It imports the module, so it runs the module's code."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Literal

from core_llm._errors import InvalidRequestError, RedactedCause
from core_llm._tool_errors import ToolDefinitionError
from core_llm._tools.definition import Tool, as_tool


def load_tools(target: str, *, approval: Literal["always", "never"] = "always") -> tuple[Tool[..., object], ...]:
    """Return the tools that ``module:name`` leads to: a function, a tool, or several.

    Args:
        target: A module that can be imported, a colon, and a name in it, with dots for attributes.
        approval: Whether calls of a plain function need approval: unlike a tool, it does not say.

    Raises:
        InvalidRequestError: There is no such module or name, or the module fails to import.
        ToolDefinitionError: It cannot be a tool; says why.
    """
    module, has_name, path = target.partition(":")
    if not module or not has_name or not path:
        raise InvalidRequestError(f"{target!r} names no tool; write it as module:function")
    try:
        found: object = import_module(module)
    except ModuleNotFoundError as error:
        raise InvalidRequestError(f"{target}: there is no module {error.name!r}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # it is the user's code, perhaps a script that ends
        cause = RedactedCause.of(error)
        raise InvalidRequestError(f"{target}: the module {module!r} fails to import: {cause}") from cause
    for name in path.split("."):
        if not hasattr(found, name):
            raise InvalidRequestError(f"{target}: there is no {name!r}")
        found = getattr(found, name)
    several = found if isinstance(found, Iterable) and not isinstance(found, Tool | str) else (found,)
    made = tuple(_made(item, target, approval) for item in several)
    if not made:
        raise InvalidRequestError(f"{target} holds no tools")
    return made


def _made(item: object, target: str, approval: Literal["always", "never"]) -> Tool[..., object]:
    if isinstance(item, Tool):
        return item
    if not callable(item):
        raise ToolDefinitionError(f"{target} is no function and no tool, but a {type(item).__name__}")
    tool = as_tool(item)
    tool.approval = approval
    return tool
