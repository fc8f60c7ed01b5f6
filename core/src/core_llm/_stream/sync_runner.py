"""The sync runner: performs the engine's effects by blocking. Thin: it decides nothing."""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Callable

from core_llm._errors import CoreLLMError, RedactedCause
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
from core_llm._stream.ports import SyncAnswer, SyncTransport


class SyncRunner:
    """Performs the effects of one call."""

    def __init__(self, transport: SyncTransport, control: Control) -> None:
        self._transport = transport
        self._control = control
        self._answer: SyncAnswer | None = None
        self._local: LocalRun | None = None
        self.read: Callable[[], bytes] = _nothing_sent
        """Reads, raising what the library raises: the hot path calls it, and `read_failure` for what it raises."""

    def perform(self, effect: Effect) -> Outcome:
        """Perform one effect and return its outcome."""
        match effect:
            case Read():
                return self._read()
            case PullLocal():
                assert self._local is not None  # noqa: S101  # as above
                return self._local.pull()
            case Send(request=LocalCall() as request):
                return self._open(request)
            case Send():
                return self._send(effect)
            case Close(is_reusable=is_reusable):
                self.close(is_reusable=is_reusable)
                return None
            case Sleep(seconds=seconds):
                return self._wait(lambda _: None, seconds)
            case Wait(wake_with=wake_with, seconds=seconds):
                return self._wait(wake_with, seconds)
            case Call(function=function):
                return self._call(function)

    def close(self, *, is_reusable: bool = False) -> None:
        """Let go of the connection or the model's thread, whichever is held."""
        answer, self._answer = self._answer, None
        local, self._local = self._local, None
        if answer is not None:
            if is_reusable:
                answer.drain()
            self._control.set_wake(None)  # before the connection can be another call's
            answer.close()
        if local is not None:
            local.close()
            self._control.set_wake(None)

    def read_failure(self, error: Exception) -> Failed:
        """Return what an exception of `read` stands for."""
        assert self._answer is not None  # noqa: S101  # something was read from it
        return self._answer.failure(error)

    def _read(self) -> Outcome:
        try:
            return self.read()
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001  # nothing of the HTTP library may escape
            return self.read_failure(error)

    def _send(self, effect: Send) -> Outcome:
        assert isinstance(effect.request, OutgoingRequest)  # noqa: S101  # of the two kinds
        sockets: list[object] = []
        if not self._control.set_wake(lambda: self._transport.cut(sockets)):
            return INTERRUPTED

        def watch(sock: object) -> None:
            sockets[:] = [sock]
            if self._control.interruption is not None:
                self._transport.cut(sockets)

        answer = self._transport.send(effect.request, effect.connect_limit, effect.read_limit, watch)
        if isinstance(answer, Failed):
            self._control.set_wake(None)
            return self._unless_interrupted(answer)
        if not self._control.set_wake(answer.shut_down):
            answer.shut_down()
        self._answer = answer
        self.read = answer.read
        return answer.head

    def _open(self, call: LocalCall) -> Outcome:
        local = LocalRun(call)
        if not self._control.set_wake(local.cancel):
            return INTERRUPTED
        self._local = local
        local.start()
        return None

    def _wait(self, wake_with: Callable[[Callable[[], None]], None], seconds: float) -> Outcome:
        woken = threading.Event()
        wake_with(woken.set)
        if self._control.set_wake(woken.set):
            woken.wait(min(seconds, threading.TIMEOUT_MAX))
        self._control.set_wake(None)
        return self._unless_interrupted(None)

    def _call(self, function: Callable[[], object]) -> Outcome:
        """Call it in a thread of its own: nothing can stop it, but nobody has to wait for it."""
        outcomes: list[Outcome] = []
        is_over = threading.Event()
        if not self._control.set_wake(is_over.set):
            return INTERRUPTED

        def work() -> None:
            outcomes.append(_called(function))
            is_over.set()

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work,), name="core-llm-call", daemon=True).start()
        is_over.wait()
        self._control.set_wake(None)
        return INTERRUPTED if self._control.interruption is not None else outcomes[0]

    def _unless_interrupted(self, outcome: Failed | None) -> Failed | Interrupted | None:
        return outcome if self._control.interruption is None else INTERRUPTED


def _called(function: Callable[[], object]) -> Outcome:
    try:
        value = function()
    except CoreLLMError as error:
        return Failed("error", error=error)
    except Exception as error:  # noqa: BLE001  # a caller's function; what it raises may hold anything
        return Failed("error", RedactedCause.of(error))
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        return Failed("error", RedactedCause("TypeError", "an async callable needs AsyncClient, or make it sync"))
    return Returned(value)


def _nothing_sent() -> bytes:
    raise StopIteration
