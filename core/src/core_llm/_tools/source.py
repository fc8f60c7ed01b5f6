"""ToolSource: tools of somebody else, such as an MCP server, which come and go while it is open.

Whoever implements one writes a single coroutine, `serve`. Where that runs is decided here: in the portal under sync
code, in the caller's own task group under async code. So sync and async come for free, and a source opened by sync
code may be used by a run of any loop. `NoTools` is the one that offers nothing.
"""

from __future__ import annotations

import atexit
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from weakref import WeakSet

import anyio
import anyio.to_thread

from core_llm import _portal
from core_llm._errors import InvalidRequestError
from core_llm._logging import logger
from core_llm._loops import current_loop
from core_llm._tool_errors import DuplicateToolError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from core_llm._tools.definition import Tool
    from core_llm._tools.manager import ToolManager

T = TypeVar("T")

CLOSING_SECONDS = 30.0
"""How long sync code waits for a source to close; what is left then is not waited for."""

_open_ones: WeakSet[ToolSource] = WeakSet()
"""Those that sync code opened: closed before the process ends, for the portal's thread does not outlive it."""


class ToolSource(ABC):
    """Tools of somebody else. Open it with `with` or `async with`; what it offers is gone when the block is left.

    Attributes:
        name: What messages call it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._tools: tuple[Tool[..., object], ...] = ()
        self._managers: list[ToolManager] = []
        self._lock = threading.Lock()
        self._home: object = None
        self._is_portal = False
        self._scope: anyio.CancelScope | None = None
        self._ended: Future[None] | None = None
        self._group: TaskGroup | None = None

    @abstractmethod
    async def serve(self, started: Callable[[], None]) -> None:
        """Be open until cancelled: connect, `offer` tools, call `started`, and keep what is offered up to date.

        Raises:
            CoreLLMError: It cannot be opened. Once it has called `started` it raises nothing.
        """

    @property
    def tools(self) -> tuple[Tool[..., object], ...]:
        """What it offers now. A list of tools stays as it is; for changes to be seen, `attach` it to a manager."""
        return self._tools

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._home is not None

    def attach(self, manager: ToolManager) -> Callable[[], None]:
        """Keep a manager's tools those of this source, besides its others; return what takes them out again.

        Raises:
            DuplicateToolError: A name is taken; names both origins.
        """
        with self._lock:
            manager.register(*self._tools)
            self._managers.append(manager)
        return partial(self._detach, manager)

    def _detach(self, manager: ToolManager) -> None:
        with self._lock:
            if manager in self._managers:
                self._managers.remove(manager)
                _replace(manager, self._tools, (), self.name)

    def offer(self, tools: Iterable[Tool[..., object]]) -> None:
        """Replace what is offered, in all managers too; called by `serve`. A tool that stays is the same object.

        One whose name another tool of a manager has is left out there, and the log says so.
        """
        with self._lock:
            before, self._tools = self._tools, tuple(tools)
            for manager in self._managers:
                _replace(manager, before, self._tools, self.name)

    async def at_home(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Do work where the source is open, from any event loop; cancelling this cancels it.

        Raises:
            InvalidRequestError: It is not open, or open in an event loop that cannot be reached from here.
        """
        home = self._home
        if home is None:
            msg = f"{self.name} is not open; use it as `with source:` or `async with source:`"
            raise InvalidRequestError(msg)
        if home is current_loop():
            return await work()
        if not self._is_portal:
            msg = f"{self.name} was opened by another event loop; open it with `with` to use it from everywhere"
            raise InvalidRequestError(msg)
        submitted: list[Future[T]] = []
        is_over = threading.Event()

        def submit() -> T:
            # In a thread, also since what is submitted from a task of trio's would take itself for one.
            submitted.append(_portal.submit(work()))
            if is_over.is_set():
                submitted[0].cancel()
            return submitted[0].result()

        try:
            return await anyio.to_thread.run_sync(submit, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
        finally:
            is_over.set()
            for future in submitted:
                future.cancel()

    def wait_for(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Do work where the source is open, for sync code.

        Raises:
            InvalidRequestError: It is not open, or open in the event loop of async code.
        """
        if self._home is not None and not self._is_portal:
            msg = f"{self.name} was opened by async code, and must be awaited"
            raise InvalidRequestError(msg)
        future = _portal.submit(self.at_home(work))
        try:
            return future.result()
        finally:
            future.cancel()

    # Sync

    def open(self) -> Self:
        """Open it, in the portal. Closed by `close`, or before the process ends.

        Raises:
            CoreLLMError: It cannot be opened.
        """
        self._check_closed()
        started: Future[None] = Future()
        self._ended = Future()
        self._is_portal = True
        try:
            _portal.submit(self._run_in_portal(started, self._ended))
            started.result()
        except BaseException:  # Ctrl-C too: what it has begun is cleaned up
            self.close()
            raise
        _open_ones.add(self)
        return self

    def close(self) -> None:
        """Close it, and wait until that is done."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        _open_ones.discard(self)
        with suppress(TimeoutError):
            _portal.submit(self._cancel()).result(CLOSING_SECONDS)
            ended.result(CLOSING_SECONDS)

    def __enter__(self) -> Self:
        """Open it."""
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    async def _run_in_portal(self, started: Future[None], ended: Future[None]) -> None:
        try:
            await self._run(partial(started.set_result, None))
        except BaseException as error:  # noqa: BLE001  # raised where it is opened, or nobody would hear of it
            if not started.done():
                started.set_exception(error)
            elif isinstance(error, Exception):  # nobody is there to catch it
                logger.exception("%s ended by itself, and offers nothing any more", self.name)
        finally:
            if not started.done():
                started.set_exception(self._never_started())
            ended.set_result(None)

    async def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    # Async

    async def __aenter__(self) -> Self:
        """Open it, in the task group of the block."""
        self._check_closed()
        self._is_portal = False
        self._group = group = anyio.create_task_group()
        await group.__aenter__()
        failure: Exception | None = None
        try:
            await group.start(self._run_in_group)
        except Exception as error:  # noqa: BLE001  # raised outside, or the group would wrap it
            failure = error
        except BaseException:
            group.cancel_scope.cancel()
            await group.__aexit__(*sys.exc_info())
            raise
        if failure is not None:
            await group.__aexit__(None, None, None)
            raise failure
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        group, self._group = self._group, None
        assert group is not None  # noqa: S101  # it was entered
        await self._cancel()
        await group.__aexit__(None, None, None)

    async def _run_in_group(self, *, task_status: TaskStatus[None]) -> None:
        has_started = False

        def started() -> None:
            nonlocal has_started
            has_started = True
            task_status.started()

        await self._run(started)
        if not has_started:
            raise self._never_started()

    # Both

    def _never_started(self) -> InvalidRequestError:
        return InvalidRequestError(f"{self.name} ended before it was open: its serve() has not called `started`")

    def _check_closed(self) -> None:
        if self._home is not None:
            msg = f"{self.name} is open already"
            raise InvalidRequestError(msg)

    async def _run(self, started: Callable[[], None]) -> None:
        """Serve until cancelled; then offer nothing."""
        self._home = current_loop()
        try:
            with anyio.CancelScope() as self._scope:
                await self.serve(started)
        finally:
            self._home = self._scope = None
            self.offer(())


class NoTools(ToolSource):
    """The source that offers nothing: where a program wants one and none is configured."""

    def __init__(self, name: str = "no tools") -> None:
        super().__init__(name)

    async def serve(self, started: Callable[[], None]) -> None:
        """Do nothing until cancelled."""
        started()
        await anyio.sleep_forever()


def _replace(
    manager: ToolManager, before: Iterable[Tool[..., object]], after: Iterable[Tool[..., object]], name: str
) -> None:
    """Take out of a manager what is gone, and put in what is new."""
    after = tuple(after)
    for tool in before:
        if tool not in after and manager.get(tool.name) is tool:
            manager.unregister(tool.name)
    for tool in after:
        try:
            manager.register(tool)
        except DuplicateToolError as error:
            logger.warning("a tool of %s is left out: %s", name, error.message)


@atexit.register
def _close_all() -> None:
    """Close what sync code left open, so that no process of it outlives this one."""
    for source in tuple(_open_ones):
        source.close()
