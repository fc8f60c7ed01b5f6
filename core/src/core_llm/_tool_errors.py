"""The branch of the tree of errors that is about tools: what cannot be a tool, and a run that had to stop.

    CoreLLMError
    └── ToolError
        ├── ToolDefinitionError     a function, schema or name that cannot be a tool; raised where it is defined
        ├── DuplicateToolError      two tools of one name; names both origins
        ├── ToolArgumentsError      what the model gave does not fit; its message is written for the model
        ├── ToolExecutionError      a handler failed, and failures are to be raised
        │   └── ToolTimeoutError    a handler ran longer than it may
        └── RunLimitError           a run reached a limit of its own (.limit, .state)

`ModelRetry` is no error of this package: handlers raise it to speak to the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm._errors import CoreLLMError

if TYPE_CHECKING:
    from core_llm._response import Response
    from core_llm._runs.state import RunState


class ToolError(CoreLLMError):
    """Something about a tool."""


class ToolDefinitionError(ToolError):
    """A function, schema or name cannot be a tool; the message names the parameter and what to do."""


class DuplicateToolError(ToolError):
    """Two tools have one name; the message names where each comes from."""


class ToolArgumentsError(ToolError):
    """The arguments of a call do not fit the tool. The message is written for the model, which may try again."""


class ToolExecutionError(ToolError):
    """A handler failed.

    Attributes:
        tool: The name of the tool.
        call_id: The id of the call.
    """

    def __init__(self, message: str, *, tool: str, call_id: str = "") -> None:
        super().__init__(message)
        self.tool = tool
        self.call_id = call_id


class ToolTimeoutError(ToolExecutionError):
    """A handler ran longer than its tool may."""


class RunLimitError(ToolError):
    """A run reached a limit of its own.

    Attributes:
        limit: The name of the limit, as `RunLimits` has it.
        state: All that happened so far. Calls that were not run wait in it, as `RunState.pending`: resume it, or go on
            with the run's `messages`, in which they are closed.
        response: The last answer.
    """

    def __init__(self, message: str, *, limit: str, state: RunState, response: Response | None) -> None:
        super().__init__(message)
        self.limit = limit
        self.state = state
        self.response = response


class ModelRetry(Exception):  # noqa: N818  # a word of a tool to the model, not an error of this package
    """Raised by a tool's handler: tell the model what is wrong, so that it calls again with something better."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
