"""What the runners need of a transport; `core_llm._transport` has it, and a test may have its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from core_llm._provider import OutgoingRequest
from core_llm._stream.effects import Failed, Head

Watch = Callable[[object], None]
"""Told of the socket that a call is about to block on."""


class SyncAnswer(Protocol):
    """An answer whose head has come."""

    head: Head

    read: Callable[[], bytes]
    """Returns the next bytes; raises StopIteration at the end, and whatever the library raises."""

    def failure(self, error: Exception) -> Failed:
        """Return what an exception of `read` stands for."""
        ...

    def shut_down(self) -> None:
        """Cut the connection, from any thread."""
        ...

    def drain(self) -> None:
        """Read what is left, so that the connection can be used again."""
        ...

    def close(self) -> None:
        """Give the connection back if the answer has come to its end; close it otherwise."""
        ...


class AsyncAnswer(Protocol):
    """An answer whose head has come, under async."""

    head: Head
    can_shut_down: bool
    """Whether `shut_down` wakes a blocked read; where not, reads run in a cancel scope."""

    read: Callable[[], Awaitable[bytes]]
    """Returns the next bytes; raises StopAsyncIteration at the end, and whatever the library raises."""

    def failure(self, error: Exception) -> Failed:
        """Return what an exception of `read` stands for."""
        ...

    def shut_down(self) -> None:
        """Cut the connection, from any thread."""
        ...

    async def drain(self) -> None:
        """Read what is left, so that the connection can be used again."""
        ...

    async def close(self) -> None:
        """Give the connection back if the answer has come to its end; close it otherwise."""
        ...

    async def discard(self) -> None:
        """Close the connection, wherever the answer is."""
        ...


class SyncTransport(Protocol):
    """Sends requests."""

    def send(self, request: OutgoingRequest, connect: float, read: float, watch: Watch) -> SyncAnswer | Failed:
        """Send a request and wait for the head of its answer.

        Args:
            request: What to send.
            connect: Seconds that connecting may take.
            read: Seconds that bytes may be waited for, where the transport cannot be cut off from outside.
            watch: Told of the socket in use.
        """
        ...

    def cut(self, sockets: Sequence[object]) -> None:
        """Shut the sockets down."""
        ...


class AsyncTransport(Protocol):
    """Sends requests on one event loop."""

    async def send(self, request: OutgoingRequest, connect: float, read: float) -> AsyncAnswer | Failed:
        """Send a request and wait for the head of its answer; limits as for the sync one."""
        ...
