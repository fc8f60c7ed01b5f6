"""Tool and the `tool` decorator: a function that a model may call, with what the model is told of it."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Generic, Literal, ParamSpec, TypeVar, overload

from core_llm._json import JSONObject
from core_llm._request import ToolSpec
from core_llm._tool_errors import ToolArgumentsError, ToolDefinitionError
from core_llm._tools.docstrings import read_docstring
from core_llm._tools.raw_arguments import check_arguments
from core_llm._tools.signature import Parameters, parameters_of

if TYPE_CHECKING:
    from core_llm._messages import ToolCallPart
    from core_llm._tools.context import ToolContext

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

ApprovalRule = Literal["always", "never"] | Callable[["ToolCallPart"], bool]
"""Whether a call of this tool has to be approved: ``always``, ``never``, or a function of the call."""
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
"""What every provider accepts as a tool's name."""


class Tool(Generic[P, R_co]):
    """A function that a model may call. Calling it yourself calls the function.

    Attributes:
        name: What the model calls it.
        description: What the model is told it does.
        parameters: JSON schema of its arguments.
        handler: The function.
        timeout: Seconds that one call may take; None for the run's own limit.
        approval: Whether a call has to be approved.
        max_retries: In how many turns in a row it may ask the model to call again (`ModelRetry`, wrong arguments).
        ends_run: Whether its result is the run's last word: the model is not asked again, unless the call failed.
        is_strict: Ask the provider to hold to the schema, where it can.
        is_async: Whether the handler is awaited.
        origin: Where it was defined, for errors.
    """

    def __init__(  # noqa: D417  # the attributes tell of the others
        self,
        handler: Callable[P, R_co],
        *,
        name: str | None = None,
        description: str | None = None,
        parameters: JSONObject | None = None,
        timeout: float | None = None,
        approval: ApprovalRule = "never",
        max_retries: int = 1,
        ends_run: bool = False,
        is_strict: bool | None = None,
        hint_names: Mapping[str, object] | None = None,
    ) -> None:
        """Make a tool of a function, method or callable object; the settings are the attributes.

        Args:
            handler: Sync or async. It is given the arguments by name.
            name: In place of the function's own.
            description: In place of the docstring's.
            parameters: A JSON schema, in place of the one that the type hints make: the handler is then given the
                arguments as the model wrote them, once they fit it.
            hint_names: Names that type hints may use, besides those of the handler's module.

        Raises:
            ToolDefinitionError: It cannot be a tool; says why.
        """
        function = _function(handler)
        documented = read_docstring(function.__doc__)
        self.name = _checked_name(name or str(getattr(handler, "__name__", type(handler).__name__)))
        self.description = description if description is not None else documented.summary
        self.handler: Callable[..., R_co] = handler
        self.timeout = _checked_timeout(self.name, timeout)
        self.approval = _checked_approval(self.name, approval)
        self.max_retries = _checked_retries(self.name, max_retries)
        self.ends_run = ends_run
        self.is_strict = is_strict
        self.is_async = inspect.iscoroutinefunction(function)
        self.origin = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', self.name)}"
        self._hint_names = hint_names
        self._described = documented.parameters
        self._is_method = parameters is None and _is_unbound(function, handler)
        self._parameters: Parameters | None = None
        if parameters is None and not self._is_method:
            self._read_signature()
        else:
            self.parameters = _checked_schema(self.name, parameters or {})
        functools.update_wrapper(self, function, updated=())

    def _read_signature(self) -> None:
        self._parameters = parameters_of(
            self.handler, tool=self.name, described=self._described, names=self._hint_names
        )
        self.parameters = self._parameters.json_schema

    @classmethod
    def from_schema(
        cls,
        name: str,
        parameters: JSONObject,
        handler: Callable[..., object],
        *,
        description: str = "",
        timeout: float | None = None,
        approval: ApprovalRule = "never",
        max_retries: int = 1,
        ends_run: bool = False,
        is_strict: bool | None = None,
    ) -> Tool[..., object]:
        """Return a tool described by a JSON schema; its handler is given arguments that fit it by name, as they came.

        Raises:
            ToolDefinitionError: The name or the schema cannot be used; says why.
        """
        return Tool(
            handler,
            name=name,
            parameters=parameters,
            description=description,
            timeout=timeout,
            approval=approval,
            max_retries=max_retries,
            ends_run=ends_run,
            is_strict=is_strict,
        )

    @property
    def spec(self) -> ToolSpec:
        """What the model is told."""
        return ToolSpec(
            name=self.name, description=self.description, parameters=self.parameters, is_strict=self.is_strict
        )

    def bind(self, call: ToolCallPart, context: ToolContext[object]) -> functools.partial[R_co]:
        """Return the handler with the arguments of a complete call, checked and turned into the types of its hints.

        Raises:
            ToolArgumentsError: They do not fit; the message is for the model.
            ValueError: The call is not complete. It must not be executed.
        """
        if not call.is_complete or call.arguments is None:
            msg = f"the call {call.id!r} of {call.name!r} is not complete"
            raise ValueError(msg)
        if self._parameters is None:
            check_arguments(self.parameters, call.arguments)
            _check_named(self.handler, call.arguments)
            return functools.partial(self.handler, **call.arguments)
        positional, named = self._parameters.bind(call.arguments, context)
        return functools.partial(self.handler, *positional, **named)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function, as if it were no tool."""
        return self.handler(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Tool[..., R_co]:
        """Return the tool of a method, bound to its object."""
        if instance is None:
            return self
        bound: Tool[..., R_co] = copy(self)
        bound.handler = self.handler.__get__(instance, owner)
        if self._is_method:
            bound._read_signature()
        return bound

    def __repr__(self) -> str:
        """Show the name and where it was defined."""
        return f"<Tool {self.name} of {self.origin}>"


@overload
def tool(handler: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    approval: ApprovalRule = "never",
    max_retries: int = 1,
    ends_run: bool = False,
    is_strict: bool | None = None,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(  # the settings are Tool's
    handler: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    approval: ApprovalRule = "never",
    max_retries: int = 1,
    ends_run: bool = False,
    is_strict: bool | None = None,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a tool of a function: ``@tool``, or ``@tool(timeout=5)``. The settings are those of `Tool`.

    Raises:
        ToolDefinitionError: It cannot be a tool; says why.
    """
    caller = sys._getframe(1).f_locals  # noqa: SLF001  # hints may name what only the defining function knows

    def make(function: Callable[P, R]) -> Tool[P, R]:
        return Tool(
            function,
            name=name,
            description=description,
            timeout=timeout,
            approval=approval,
            max_retries=max_retries,
            ends_run=ends_run,
            is_strict=is_strict,
            hint_names=dict(caller),
        )

    return make if handler is None else make(handler)


def as_tool(given: object) -> Tool[..., object]:
    """Return a tool as it is, and a plain function as a tool.

    Raises:
        ToolDefinitionError: It cannot be a tool; says why.
    """
    if isinstance(given, Tool):
        return given
    if not callable(given):
        msg = f"a tool is a function or a Tool, not {type(given).__name__}"
        raise ToolDefinitionError(msg)
    return Tool(given)


def _function(handler: object) -> Callable[..., object]:
    """Return what has the docstring and tells whether it is async: the function itself, or an object's `__call__`."""
    if isinstance(handler, functools.partial):
        return _function(handler.func)
    is_function = inspect.isroutine(handler)
    if isinstance(handler, type) or not callable(handler):
        msg = f"a tool is made of a function, method or callable object, not of {handler!r}"
        raise ToolDefinitionError(msg)
    return handler if is_function else type(handler).__call__


def _is_unbound(function: Callable[..., object], handler: object) -> bool:
    """Whether a function is a method seen in the body of its class: it becomes a tool once it is bound."""
    if function is not handler or not inspect.isfunction(function):
        return False
    outer, _, _ = function.__qualname__.rpartition(".")
    first = next(iter(inspect.signature(function).parameters), None)
    return bool(outer) and not outer.endswith("<locals>") and first in ("self", "cls")


def _check_named(handler: Callable[..., object], arguments: Mapping[str, object]) -> None:
    """Check that a handler takes arguments of these names.

    Raises:
        ToolArgumentsError: It does not; the message is for the model.
    """
    try:
        signature = inspect.signature(handler)
    except ValueError:  # of some that are written in C nobody knows
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        msg = f"The arguments do not fit this tool. Correct them and call it again: {error}."
        raise ToolArgumentsError(msg) from None


def _checked_name(name: str) -> str:
    if NAME.fullmatch(name) is None:
        msg = (
            f"a tool cannot be called {name!r}: providers accept letters, digits, _ and -, at most 64; "
            f"pass name= to give it another"
        )
        raise ToolDefinitionError(msg)
    return name


def _checked_schema(tool_name: str, schema: object) -> JSONObject:
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        msg = f"tool {tool_name!r}: the schema of its parameters must be of an object: {{'type': 'object', …}}"
        raise ToolDefinitionError(msg)
    return dict(schema) if "type" in schema else {"type": "object", "properties": {}, **schema}


def _checked_timeout(tool_name: str, timeout: float | None) -> float | None:
    if timeout is not None and not 0 < timeout < float("inf"):
        msg = f"tool {tool_name!r}: timeout must be a number of seconds above 0, not {timeout!r}"
        raise ToolDefinitionError(msg)
    return timeout


def _checked_approval(tool_name: str, approval: ApprovalRule) -> ApprovalRule:
    if approval not in ("always", "never") and not callable(approval):
        msg = f"tool {tool_name!r}: approval must be 'always', 'never' or a function of the call, not {approval!r}"
        raise ToolDefinitionError(msg)
    return approval


def _checked_retries(tool_name: str, max_retries: int) -> int:
    if max_retries < 0:
        msg = f"tool {tool_name!r}: max_retries must be 0 or more, not {max_retries!r}"
        raise ToolDefinitionError(msg)
    return max_retries
