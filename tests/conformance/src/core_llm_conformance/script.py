"""The script that a `FaultServer` follows, and what a test waits for: plain values, no socket.

An `Answer` is a head and a list of steps; a `Gate` lets the test decide when the server goes on; a `Cause` lets the
test wait until the server has seen something happen.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import anyio.to_thread
from pydantic import JsonValue

HANG_GUARD = 10.0
"""Seconds after which waiting for something that must happen fails the test."""


class ScriptError(AssertionError):
    """The test's script and what the client did do not fit; raised when the server is left."""


class Cause:
    """Something that the server may see happen; set once, waited for by any thread or task.

    Attributes:
        at: When it happened, in seconds of `time.monotonic`; None as long as it has not.
    """

    def __init__(self, description: str) -> None:
        self.description = description
        self.at: float | None = None
        self._event = threading.Event()

    def __repr__(self) -> str:
        """Say what it is and whether it happened."""
        return f"<{self.description}: {'yes' if self else 'not yet'}>"

    def __bool__(self) -> bool:
        """Tell whether it has happened."""
        return self._event.is_set()

    def happen(self) -> None:
        """Note that it happened; a second time changes nothing."""
        if not self._event.is_set():
            self.at = time.monotonic()
            self._event.set()

    def wait(self, timeout: float = HANG_GUARD) -> None:
        """Block until it happens.

        Raises:
            TimeoutError: It did not, within `timeout` seconds.
        """
        if not self._event.wait(timeout):
            raise TimeoutError(f"{self.description}: did not happen within {timeout:g} s")

    async def wait_async(self, timeout: float = HANG_GUARD) -> None:  # noqa: ASYNC109  # the same guard as wait
        """Wait until it happens, on asyncio or trio.

        Raises:
            TimeoutError: It did not, within `timeout` seconds.
        """
        await anyio.to_thread.run_sync(self.wait, timeout)


class Gate:
    """Where the server stops until the test opens it; open for good from then on."""

    def __init__(self) -> None:
        self.reached = Cause("the server came to the gate")
        self._lock = threading.Lock()
        self._is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        """Let the server go on; from any thread."""
        with self._lock:
            self._is_open = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def passed(self) -> None:
        """Wait, inside the server, until the gate is open."""
        event = asyncio.Event()
        with self._lock:
            is_open = self._is_open
            if not is_open:
                self._waiting.append((asyncio.get_running_loop(), event))
        self.reached.happen()
        if not is_open:
            await event.wait()


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes; in a chunked answer they are one chunk."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Drip:
    """Send `data` in pieces of `size` bytes, `interval` seconds apart."""

    data: bytes
    size: int = 1
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class Flood:
    """Send `data` again and again, as fast as the client takes it and until it goes away."""

    data: bytes
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing until the gate is open."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class Stall:
    """Keep the connection open and never say anything again."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection with a TCP reset."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection properly as TCP goes, whatever HTTP still owes: no last chunk, too few bytes, no head."""


@dataclass(frozen=True, slots=True)
class HalfClose:
    """Close the server's half of the connection, and go on listening; not over TLS, which has no halves."""


@dataclass(frozen=True, slots=True)
class SendBelow:
    """Send these bytes below TLS, as if they were records of it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """End the answer as its framing wants it. Implied after the last step."""


Step = Send | SendBelow | Drip | Flood | Wait | Pause | Stall | Reset | Close | HalfClose | End


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one request.

    Attributes:
        status: HTTP status.
        headers: Sent as they are, after the one that the framing needs.
        steps: What follows the head.
        framing: How the body's end is known. ``raw`` sends no head at all, for answers that are not HTTP.
        content_length: What the head claims; by default the true length of the steps. Only for ``content-length``.
        before: Steps that delay or replace the head: Wait, Pause, Stall, Reset, Close.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    framing: Literal["chunked", "content-length", "close", "raw"] = "chunked"
    content_length: int | None = None
    before: Sequence[Wait | Pause | Stall | Reset | Close] = ()

    @property
    def length(self) -> int:
        """The content length to claim."""
        if self.content_length is not None:
            return self.content_length
        return sum(len(step.data) for step in self.steps if isinstance(step, Send | Drip))


def json_answer(value: JsonValue, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a plain JSON answer."""
    return Answer(
        status,
        {"content-type": "application/json", **(headers or {})},
        [Send(json.dumps(value).encode())],
        framing="content-length",
    )


def sse_answer(*steps: Step | bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a stream of server-sent events; bytes stand for a `Send`."""
    sends = [Send(step) if isinstance(step, bytes) else step for step in steps]
    return Answer(200, {"content-type": "text/event-stream", **(headers or {})}, sends)


def sse_event(value: JsonValue, name: str = "") -> bytes:
    """Return one server-sent event; a string is its data as it stands, anything else becomes JSON."""
    data = value if isinstance(value, str) else json.dumps(value)
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n".encode()
