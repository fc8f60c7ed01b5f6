"""The async runner: performs the engine's effects by awaiting, on asyncio and trio. Thin: it decides nothing."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from core_llm._errors import CoreLLMError, RedactedCause
from core_llm._loops import run_soon
from core_llm._provider import OutgoingRequest
from core_llm._stream.control import Control
from core_llm._stream.effects import (
    INTERRUPTED,
    Call,
    Close,
    Effect,
    Failed,
    Interrupted,
    LocalCall,
    Outcome,
    PullLocal,
    Read,
    Returned,
    Send,
    Sleep,
    Wait,
)
from core_llm._stream.local_run import LocalRun
from core_llm._stream.ports import AsyncAnswer, AsyncTransport

CLOSE_SECONDS = 2.0
"""How long giving a connection back may take under cancellation; its socket is shut down before."""

T = TypeVar("T")


class AsyncRunner:
    """Performs the effects of one call."""

    def __init__(self, transport: AsyncTransport, control: Control) -> None:
        self._transport = transport
        self._control = control
        self._answer: AsyncAnswer | None = None
        self._local: LocalRun | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        """For the thread that waits for a local model: others' threads must not be used up by waiting."""
        self.read: Callable[[], Awaitable[bytes | Interrupted]] = _nothing_sent
        """Reads, raising what the library raises: the hot path calls it, and `read_failure` for what it raises."""

    async def perform(self, effect: Effect) -> Outcome:
        """Perform one effect and return its outcome."""
        match effect:
            case Read():
                return await self._read()
            case PullLocal():
                assert self._local is not None  # noqa: S101  # the engine sends before it pulls
                return await anyio.to_thread.run_sync(self._local.pull, abandon_on_cancel=True, limiter=self._limiter)
            case Send(request=LocalCall() as request):
                return self._open(request)
            case Send():
                return await self._send(effect)
            case Close(is_reusable=is_reusable):
                await self.close(is_reusable=is_reusable)
                return None
            case Sleep(seconds=seconds):
                outcome = await self._scoped(anyio.sleep(seconds))
                return INTERRUPTED if isinstance(outcome, Interrupted) else None
            case Wait(wake_with=wake_with, seconds=seconds):
                return await self._wait(wake_with, seconds)
            case Call(function=function):
                return await self._call(function)

    async def close(self, *, is_reusable: bool = False) -> None:
        """Let go of the connection or the model's thread, whichever is held."""
        answer, self._answer = self._answer, None
        local, self._local = self._local, None
        if answer is not None:
            if not is_reusable:
                answer.shut_down()
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                if is_reusable:
                    await answer.drain()
                self._control.set_wake(None)  # before the connection can be another call's
                await (answer.close() if is_reusable else answer.discard())
            self._control.set_wake(None)
        if local is not None:
            local.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(local.close, limiter=self._limiter)
            self._control.set_wake(None)

    def read_failure(self, error: Exception) -> Failed:
        """Return what an exception of `read` stands for."""
        assert self._answer is not None  # noqa: S101  # something was read from it
        return self._answer.failure(error)

    async def _read(self) -> Outcome:
        try:
            return await self.read()
        except StopAsyncIteration:
            return None
        except Exception as error:  # noqa: BLE001  # nothing of the HTTP library may escape
            return self.read_failure(error)

    async def _send(self, effect: Send) -> Outcome:
        assert isinstance(effect.request, OutgoingRequest)  # noqa: S101  # of the two kinds
        if self._control.is_interrupted():
            return INTERRUPTED
        sending = self._transport.send(effect.request, effect.connect_limit, effect.read_limit)
        answer = await self._scoped(sending)
        if isinstance(answer, Interrupted):
            return INTERRUPTED
        if isinstance(answer, Failed):
            return answer if self._control.interruption is None else INTERRUPTED
        self._answer = answer
        if answer.can_shut_down:
            self.read = answer.read
            if not self._control.set_wake(answer.shut_down):
                answer.shut_down()
        else:
            self.read = lambda: self._scoped(answer.read())
        return answer.head

    async def _wait(self, wake_with: Callable[[Callable[[], None]], None], seconds: float) -> Outcome:
        woken = anyio.Event()
        wake_with(run_soon(woken.set))

        async def wait() -> None:
            with anyio.move_on_after(seconds):
                await woken.wait()

        return INTERRUPTED if isinstance(await self._scoped(wait()), Interrupted) else None

    def _open(self, call: LocalCall) -> Outcome:
        local = LocalRun(call)
        if not self._control.set_wake(local.cancel):
            return INTERRUPTED
        self._local = local
        self._limiter = anyio.CapacityLimiter(1)
        local.start()
        return None

    async def _call(self, function: Callable[[], object]) -> Outcome:
        if self._control.is_interrupted():
            return INTERRUPTED
        try:
            if inspect.iscoroutinefunction(function):
                value: object = function()
            else:  # it may block; nobody can stop it, but nobody has to wait for it
                value = await self._scoped(anyio.to_thread.run_sync(function, abandon_on_cancel=True))
            if inspect.isawaitable(value):
                value = await self._scoped(value)
        except CoreLLMError as error:
            return Failed("error", error=error)
        except Exception as error:  # noqa: BLE001  # a caller's function; what it raises may hold anything
            return Failed("error", RedactedCause.of(error))
        return INTERRUPTED if isinstance(value, Interrupted) else Returned(value)

    async def _scoped(self, awaitable: Awaitable[T]) -> T | Interrupted:
        """Await under a scope that an interruption, from whatever thread, cancels."""
        result: T | Interrupted = INTERRUPTED
        with anyio.CancelScope() as scope:
            if not self._control.set_wake(run_soon(scope.cancel)):
                scope.cancel()
            result = await awaitable
        self._control.set_wake(None)
        return result


async def _nothing_sent() -> bytes:
    raise StopAsyncIteration
