"""The running event loop, asyncio's or trio's: a key for what belongs to it, and a way in from other threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def current_loop() -> object:
    """Return the object that stands for the running event loop; it may be a key in a weak dictionary."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        import trio  # noqa: PLC0415  # it is running, so it is installed and imported

        return trio.lowlevel.current_trio_token()


def run_soon(function: Callable[[], None]) -> Callable[[], None]:
    """Return what, called from any thread, lets the running loop call `function`; harmless once it has ended."""
    loop = current_loop()
    schedule = loop.call_soon_threadsafe if isinstance(loop, asyncio.AbstractEventLoop) else loop.run_sync_soon  # type: ignore[attr-defined]

    def wake() -> None:
        try:
            schedule(function)
        except RuntimeError:  # asyncio: the loop is closed; trio's RunFinishedError is one too
            return

    return wake
