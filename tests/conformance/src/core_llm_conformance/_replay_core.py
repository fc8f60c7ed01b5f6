"""The part of replaying that is the same for `httpx` and `httpx2`: which answer, cut how, ended how."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Literal, Protocol, Self, TypeVar, cast
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
from pydantic import JsonValue, TypeAdapter

from core_llm._loops import run_soon  # noqa: PLC2701  # wakes a task from a thread, on asyncio and trio
from core_llm_conformance.corpus import Recording
from core_llm_conformance.cuts import Cut, whole
from core_llm_conformance.script import HANG_GUARD, ScriptError

Ending = Literal["end", "reset", "short", "stall", "hang"]
"""How a body stops: as HTTP wants it, with the library's ReadError, with its RemoteProtocolError as where fewer bytes
came than the content length said, by saying no more until the read timeout, or until it is shut down."""

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True, slots=True)
class ReplayAnswer:
    """One answer to play.

    Attributes:
        body: Decompressed.
        status: HTTP status.
        headers: Of the response.
        method: The request's method it is for; None for any.
        path: The request's path it is for; None for any.
        cut: In which pieces the body arrives.
        ending: How it stops.
        interval: Seconds before each piece.
    """

    body: bytes = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None
    path: str | None = None
    cut: Cut = whole
    ending: Ending = "end"
    interval: float = 0.0

    @classmethod
    def of(
        cls, recording: Recording, *, body: bytes | None = None, cut: Cut = whole, ending: Ending = "end"
    ) -> ReplayAnswer:
        """Return the recorded answer, to whatever request comes; `body` stands in for its own, to truncate it."""
        played = recording.body if body is None else body
        return cls(played, recording.status, recording.headers, cut=cut, ending=ending)


@dataclass(frozen=True, slots=True)
class ReplayedRequest:
    """A request that was answered: method, whole address, headers with names in lower case, body as sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> JsonValue:
        """The body, parsed."""
        return _JSON.validate_json(self.body)


class Replay:
    """Answers for a transport to play, each once and in order, the first that fits the request.

    As a context manager it raises, when left, what did not fit; else call `check`.

    Attributes:
        requests: Those that were answered, in order.
        bodies: What became of each answer's body.
        fell_silent: Set when an answer has given all its pieces and lets the client wait.
    """

    def __init__(self, *answers: ReplayAnswer) -> None:
        self.requests: list[ReplayedRequest] = []
        self.bodies: list[PlayedBody] = []
        self.fell_silent = threading.Event()
        self._answers = list(answers)
        self._misfits: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise what did not fit, unless the test fails anyway."""
        if exc is None:
            self.check()

    @property
    def unused(self) -> int:
        """How many answers were not asked for."""
        return len(self._answers)

    def check(self) -> None:
        """Raise if a request found no answer.

        Raises:
            ScriptError: It says which.
        """
        if self._misfits:
            raise ScriptError(f"no answer left for {', '.join(self._misfits)}; {self.unused} answers unused")

    def answer(self, request: ReplayedRequest) -> ReplayAnswer:
        """Take the answer for a request off the list.

        Raises:
            ScriptError: There is none.
        """
        path = urlsplit(request.url).path
        with self._lock:
            for answer in self._answers:
                if answer.method in (None, request.method) and answer.path in (None, path):
                    self._answers.remove(answer)
                    self.requests.append(request)
                    return answer
            self._misfits.append(f"{request.method} {path}")
        raise ScriptError(f"no answer left for {self._misfits[-1]}")


def _nothing() -> None:
    """Do nothing."""


class PlayedBody:
    """One body being played: a stream of either library, sync and async.

    Attributes:
        pieces_given: How many pieces were read.
        is_exhausted: Whether it was read to its end.
        is_closed: Whether the client closed it, as it must: that is what frees a connection.
    """

    def __init__(self, answer: ReplayAnswer, read_timeout: float | None, library: ModuleType) -> None:
        self.pieces_given = 0
        self.is_exhausted = False
        self.is_closed = False
        self._answer = answer
        self._read_timeout = read_timeout
        self._library = library
        self._woken = threading.Event()
        self._wake: Callable[[], None] | None = None
        self.on_silence: Callable[[], None] = _nothing

    def get_extra_info(self, name: str) -> PlayedBody | None:
        """Pass itself off as the socket behind the body: whoever shuts it down wakes a blocked read."""
        return self if name == "socket" else None

    def shutdown(self, how: int) -> None:  # noqa: ARG002  # what a socket has
        """Wake a blocked read, from any thread; it breaks off, as a socket's does, and so does every later one."""
        self._woken.set()
        if self._wake is not None:
            self._wake()

    def _check(self) -> None:
        if self._woken.is_set():
            raise cast("Exception", self._library.ReadError("shut down"))

    async def _sleep(self, seconds: float) -> None:
        with anyio.CancelScope() as scope:
            self._wake = run_soon(scope.cancel)
            if not self._woken.is_set():  # asked only now, so that no waking is missed
                await anyio.sleep(seconds)
        self._wake = None

    def _pieces(self) -> Iterator[bytes]:
        for piece in self._answer.cut(self._answer.body):
            self.pieces_given += 1
            yield piece

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces, then end as the answer says."""
        interval = self._answer.interval
        for piece in self._pieces():
            if interval:
                self._woken.wait(interval)
            self._check()
            yield piece
        if (silence := self._silence()) is not None:
            self._woken.wait(silence)
        self._end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces, then end as the answer says; other tasks run between two pieces."""
        interval = self._answer.interval
        for piece in self._pieces():
            if interval:
                await self._sleep(interval)
            else:
                await anyio.lowlevel.checkpoint()
            self._check()
            yield piece
        if (silence := self._silence()) is not None:
            await self._sleep(silence)
        self._end()

    def _silence(self) -> float | None:
        """Return the seconds for which nothing comes after the last piece, None if the end does."""
        if self._answer.ending not in ("hang", "stall"):
            return None
        self.on_silence()
        if self._answer.ending == "hang" or self._read_timeout is None:
            return HANG_GUARD
        return self._read_timeout

    def _end(self) -> None:
        self._check()
        if self._answer.ending == "reset":
            raise cast("Exception", self._library.ReadError("connection reset, as the test wants it"))
        if self._answer.ending == "short":
            raise cast("Exception", self._library.RemoteProtocolError("cut short, as the test wants it"))
        if self._answer.ending in ("stall", "hang"):
            raise cast("Exception", self._library.ReadTimeout("nothing more came, as the test wants it"))
        self.is_exhausted = True

    def close(self) -> None:
        """Note that the client is done with it."""
        self.is_closed = True

    async def aclose(self) -> None:
        """Note that the client is done with it."""
        self.is_closed = True


PlayedBodyT = TypeVar("PlayedBodyT", bound=PlayedBody)


class RequestLike(Protocol):
    """What either library's request has."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> object: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def extensions(self) -> Mapping[str, object]: ...


class TransportCore:
    """What either library's transport does.

    Attributes:
        replay: What is played; it knows the requests that came.
    """

    def __init__(self, replay: Replay | Iterable[ReplayAnswer]) -> None:
        self.replay = replay if isinstance(replay, Replay) else Replay(*replay)

    def take(self, request: RequestLike, body: bytes) -> tuple[ReplayAnswer, float | None]:
        """Return the answer to a request, and its read timeout in seconds."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self.replay.answer(ReplayedRequest(request.method, str(request.url), headers, body))
        timeouts = cast("dict[str, float | None]", request.extensions.get("timeout", {}))
        return answer, timeouts.get("read")

    def note(self, body: PlayedBodyT) -> PlayedBodyT:
        """Keep a body that is being played where the test finds it."""
        body.on_silence = self.replay.fell_silent.set
        self.replay.bodies.append(body)
        return body
