"""The portal: one event loop in a thread of its own, where sync code runs what is async: tools, MCP sessions.

It is started by its first use and serves the whole process; its thread is a daemon, so nobody has to close it. After a
fork the child starts one of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from core_llm._errors import InvalidRequestError

T = TypeVar("T")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""Process id → its loop."""


def submit(work: Coroutine[object, object, T]) -> Future[T]:
    """Run a coroutine in the portal and return its future; cancelling that cancels the coroutine.

    Raises:
        InvalidRequestError: This is the portal: what waits for the future here would wait for itself.
    """
    loop = _loop()
    if asyncio._get_running_loop() is loop:  # noqa: SLF001  # the one that does not raise
        work.close()
        msg = "sync code that needs the portal was called from an async tool in it; make that tool sync, or await there"
        raise InvalidRequestError(msg)
    return asyncio.run_coroutine_threadsafe(work, loop)


def _loop() -> asyncio.AbstractEventLoop:
    process = os.getpid()
    with _lock:
        loop = _loops.get(process)
        if loop is None:
            loop = _loops[process] = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(loop,), name="core-llm-portal", daemon=True).start()
    return loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    while True:
        with suppress(KeyboardInterrupt, SystemExit):  # of a task, which gets it too; the others must go on
            loop.run_forever()


def _renew_lock() -> None:
    """Replace the lock in a forked child: the parent's other threads, one of which may hold it, are not there."""
    global _lock  # noqa: PLW0603  # there is one portal
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
