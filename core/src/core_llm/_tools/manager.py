"""ToolManager: the tools that a run may use, added and removed at any time, and who watches them.

Running them is `execute`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Literal

from core_llm._logging import logger
from core_llm._messages import ToolCallPart, ToolResultPart
from core_llm._request import ToolSpec
from core_llm._tool_errors import DuplicateToolError, ToolDefinitionError
from core_llm._tools.definition import Tool, as_tool

DEFAULT_MAX_PARALLEL = 8
DEFAULT_TIMEOUT = 120.0
"""Seconds that one call may take where its tool says nothing else."""
MAX_ARGUMENTS = 1_000_000
"""Characters that the arguments of one call may have."""

OnToolError = Literal["result", "raise"]
"""What to do when a handler fails: tell the model (it may do something else), or end the run with the error."""


class ToolObserver:
    """Told what happens to calls. Override what you want to know; a method that raises is logged, and harms nothing."""

    def on_tool_start(self, call: ToolCallPart) -> None:
        """Take note that a handler is about to run."""

    def on_tool_end(self, call: ToolCallPart, result: ToolResultPart) -> None:
        """Take note of a result, a failure told to the model included."""

    def on_tool_error(self, call: ToolCallPart, error: Exception) -> None:
        """Take note of why a call failed; `on_tool_end` follows where the model is told of it."""


class ToolManager:
    """Tools by name. Safe to share between threads and runs; a change counts from the next turn of each run.

    Attributes:
        max_parallel: How many calls of one turn run at the same time; 1 runs them in their order.
        timeout: Seconds that one call may take where its tool says nothing; None for no limit but the run's.
        on_error: What to do when a handler fails.
    """

    def __init__(
        self,
        tools: Iterable[Tool[..., object] | Callable[..., object]] = (),
        *,
        max_parallel: int = DEFAULT_MAX_PARALLEL,
        timeout: float | None = DEFAULT_TIMEOUT,
        on_error: OnToolError = "result",
        observers: Iterable[ToolObserver] = (),
    ) -> None:
        """Make a manager with these tools.

        Raises:
            ToolDefinitionError: A limit is out of range, or something cannot be a tool.
            DuplicateToolError: Two of them have one name.
        """
        if max_parallel < 1 or int(max_parallel) != max_parallel:
            msg = f"max_parallel must be a whole number of 1 or more, not {max_parallel!r}"
            raise ToolDefinitionError(msg)
        if timeout is not None and not 0 < timeout < float("inf"):
            msg = f"timeout must be a number of seconds above 0, or None, not {timeout!r}"
            raise ToolDefinitionError(msg)
        if on_error not in ("result", "raise"):
            msg = f"on_error must be 'result' or 'raise', not {on_error!r}"
            raise ToolDefinitionError(msg)
        self.max_parallel = max_parallel
        self.timeout = timeout
        self.on_error: OnToolError = on_error
        self._lock = threading.Lock()
        self._tools: dict[str, Tool[..., object]] = {}
        self._observers: tuple[ToolObserver, ...] = tuple(observers)
        self.register(*tools)

    def register(self, *tools: Tool[..., object] | Callable[..., object]) -> None:
        """Add tools; plain functions become tools. Either all are added or none.

        Raises:
            DuplicateToolError: A name is taken; the message names both origins.
            ToolDefinitionError: Something cannot be a tool.
        """
        made = [as_tool(given) for given in tools]
        with self._lock:
            grown = dict(self._tools)
            for tool in made:
                if (present := grown.get(tool.name)) is not None and present is not tool:
                    msg = (
                        f"two tools are called {tool.name!r}: that of {present.origin} and that of {tool.origin}; "
                        f"give one another name with name="
                    )
                    raise DuplicateToolError(msg)
                grown[tool.name] = tool
            self._tools = grown

    def unregister(self, name: str) -> Tool[..., object]:
        """Remove a tool and return it. A call of it that is running goes on.

        Raises:
            KeyError: There is none of that name.
        """
        with self._lock:
            left = dict(self._tools)
            removed = left.pop(name)
            self._tools = left
        return removed

    def observe(self, observer: ToolObserver) -> Callable[[], None]:
        """Let `observer` be told of every call from now on; return what ends that."""
        with self._lock:
            self._observers = (*self._observers, observer)

        def remove() -> None:
            with self._lock:
                self._observers = tuple(other for other in self._observers if other is not observer)

        return remove

    def get(self, name: str) -> Tool[..., object] | None:
        """Return the tool of that name, None if there is none."""
        return self._tools.get(name)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of all of them, in the order in which they were added."""
        return tuple(tool.spec for tool in self._tools.values())

    def __iter__(self) -> Iterator[Tool[..., object]]:
        """Yield the tools that are there now."""
        return iter(tuple(self._tools.values()))

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a tool of that name."""
        return name in self._tools

    def __len__(self) -> int:
        """Count the tools."""
        return len(self._tools)

    def unknown(self, name: str) -> str:
        """Return what the model is told when it calls a tool that is not there."""
        names = list(self._tools)
        close = get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"There is no tool {name!r}.{hint} The tools are: {', '.join(names) or 'none'}."

    async def call(
        self, call: ToolCallPart, *, deps: object = None, metadata: Mapping[str, object] | None = None
    ) -> ToolResultPart:
        """Run one call outside of a run, such as one that came over another protocol; what fails is a result too.

        Whether the call was approved is the caller's business. Cancelling this cancels the handler.

        Args:
            call: A complete call.
            deps: Given to the handler as ``context.deps``.
            metadata: Given to the handler as ``context.metadata``.

        Raises:
            ToolExecutionError: The handler failed, and the manager raises failures.
        """
        from core_llm._tools.single import run_call  # noqa: PLC0415  # needs this module, and an event loop

        return await run_call(self, call, deps=deps, metadata=metadata or {})

    def tell_start(self, call: ToolCallPart, others: Sequence[ToolObserver] = ()) -> None:
        """Tell the observers, and others who observe only the run, that a call begins."""
        for observer in (*self._observers, *others):
            _tell(observer, "on_tool_start", call)

    def tell_end(self, call: ToolCallPart, result: ToolResultPart, others: Sequence[ToolObserver] = ()) -> None:
        """Tell them of a result."""
        for observer in (*self._observers, *others):
            _tell(observer, "on_tool_end", call, result)

    def tell_error(self, call: ToolCallPart, error: Exception, others: Sequence[ToolObserver] = ()) -> None:
        """Tell them of a failure."""
        for observer in (*self._observers, *others):
            _tell(observer, "on_tool_error", call, error)


def _tell(observer: ToolObserver, method: str, *what: object) -> None:
    try:
        getattr(observer, method)(*what)  # looked up in here: what a plugin returned may be no observer at all
    except Exception:  # noqa: BLE001  # whoever watches must not harm what is watched
        logger.exception("an observer of tools failed")
