"""Faults of the caller's own: it breaks off, raises, forgets the stream, aborts it, is cancelled."""

from __future__ import annotations

import gc
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from weakref import ref

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from core_llm import AbortedError, AsyncStream, Response, StreamEvent, TextDelta
from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import BACKENDS, AsyncPlayer, Backend, Player, in_loop, subjects
from core_llm_conformance.replay import PlayedBody, Replay, ReplayAnswer
from core_llm_conformance.scenario import Shown
from core_llm_conformance.script import HANG_GUARD
from core_llm_conformance.target import Target

REASON = "the conformance suite has seen enough"


class _Enough(Exception):  # noqa: N818  # what a consumer of the suite's own raises
    pass


@dataclass(frozen=True, slots=True)
class _Left:
    """What is there after a stream was left.

    Attributes:
        how: How it was left.
        taken: The events that were taken before.
        response: What the stream kept, or the error's partial.
        bodies: What became of the answer's body.
    """

    how: str
    taken: Sequence[StreamEvent]
    response: Response | None
    bodies: Sequence[PlayedBody]


def check_early_break(target: Target, shown: Shown) -> None:
    """Check that a stream that is left in the middle frees its connection and keeps what was taken."""
    for subject in subjects(target, shown):
        with Player(subject) as player:
            for count in _counts(subject):
                for leave in (_break, _raise, _iterate_text):
                    _judge(subject, leave(subject, player, count))
        for left in _in_each_loop(subject, _breaks_async):
            _judge(subject, left)


def check_forgotten_stream(target: Target, shown: Shown) -> None:
    """Check that nothing holds a stream that its caller has forgotten without closing it."""
    for subject in subjects(target, shown):
        with Player(subject) as player:
            _judge(subject, _forget(subject, player, 1))


def check_abort(target: Target, shown: Shown) -> None:
    """Check that a stream that is aborted, or whose task is cancelled, stops at once and keeps what was taken."""
    for subject in subjects(target, shown):
        with Player(subject) as player:
            for count in _counts(subject)[:2]:
                _judge(subject, _abort(subject, player, count))
            _judge(subject, _abort_from_a_thread(subject, player))
        for left in _in_each_loop(subject, _stops_async):
            _judge(subject, left)


def _counts(subject: Subject) -> list[int]:
    """Return after how many events to leave: the first, one in the middle, the last before Finish."""
    last = len(subject.events) - 1
    return sorted({min(1, last), last // 2, last} - {0})


def _judge(subject: Subject, left: _Left) -> None:
    if not left.bodies or not all(body.is_closed for body in left.bodies):
        raise _failure(subject, left, rules.RELEASED, "the body of the answer is not closed")
    text = "".join(event.text for event in left.taken if isinstance(event, TextDelta))
    if left.response is None:
        return
    if left.response.is_complete:  # only the Finish was not taken
        if left.response != subject.whole:
            raise _failure(subject, left, rules.LEAVING, "the response says that it is complete, and is not")
    elif left.response.text != text:
        found = f"the response has {rules.shortened(left.response.text)}, taken was {rules.shortened(text)}"
        raise _failure(subject, left, rules.LEAVING, found)


def _failure(subject: Subject, left: _Left, rule: str, found: str) -> ConformanceFailure:
    return fail(
        rule,
        f"{found}\ndone: {left.how} after {len(left.taken)} of {len(subject.events)} events",
        scenario=subject.test_id,
        look_at="what the decoder does when it is closed before its end",
    )


def _halting(subject: Subject) -> ReplayAnswer:
    """Return the answer as far as before its terminal marker, frame by frame; then nothing comes."""
    body = subject.framed.first(min(subject.marker, len(subject.framed.pieces)))
    return subject.answer(body, cut=body.per_frame, ending="hang")


# ---- sync ------------------------------------------------------------------------------------------------------------


def _break(subject: Subject, player: Player, count: int) -> _Left:
    replay, taken = player.script(subject.answer(subject.framed)), []
    with player.client.stream(subject.model_id, subject.prompt, **subject.options()) as stream:
        for event in stream:
            taken.append(event)
            if len(taken) == count:
                break
    return _Left("the loop was left", taken, stream.response, replay.bodies)


def _raise(subject: Subject, player: Player, count: int) -> _Left:
    replay, taken = player.script(subject.answer(subject.framed)), []
    stream = player.client.stream(subject.model_id, subject.prompt, **subject.options())
    with suppress(_Enough), stream:
        for event in stream:
            taken.append(event)
            if len(taken) == count:
                raise _Enough
    return _Left("the consumer raised", taken, stream.response, replay.bodies)


def _forget(subject: Subject, player: Player, count: int) -> _Left:
    """Enter a stream without `with`, and let it be collected as garbage: nothing of the plugin's may hold it."""
    replay = player.script(subject.answer(subject.framed))
    stream = player.client.stream(subject.model_id, subject.prompt, **subject.options())
    stream.__enter__()
    taken = [event for event, _ in zip(stream, range(count), strict=False)]
    reference, body = ref(stream), replay.bodies[0]
    del stream
    gc.collect()
    if reference() is None:
        body.close()  # garbage cannot be seen to close anything here
    return _Left("the stream was forgotten", taken, None, replay.bodies)


def _iterate_text(subject: Subject, player: Player, count: int) -> _Left:
    replay, texts = player.script(subject.answer(subject.framed)), []
    with player.client.stream(subject.model_id, subject.prompt, **subject.options()) as stream:
        for text, _ in zip(stream.iter_text(), range(count), strict=False):
            texts.append(TextDelta(0, text))
    return _Left("iter_text was left", texts, None, replay.bodies)


def _abort(subject: Subject, player: Player, count: int) -> _Left:
    replay, taken = player.script(subject.answer(subject.framed, cut=subject.framed.per_frame)), []
    stream = player.client.stream(subject.model_id, subject.prompt, **subject.options())
    error: BaseException | None = None
    try:
        with stream:
            for event in stream:
                taken.append(event)
                if len(taken) == count:
                    stream.abort(REASON)
    except AbortedError as raised:
        error = raised
    return _aborted(subject, _Left("it was aborted", taken, stream.response, replay.bodies), error)


def _abort_from_a_thread(subject: Subject, player: Player) -> _Left:
    replay = player.script(_halting(subject))
    taken: list[StreamEvent] = []
    stream = player.client.stream(subject.model_id, subject.prompt, **subject.options())
    error: BaseException | None = None

    def stop() -> None:
        replay.fell_silent.wait(HANG_GUARD)
        stream.abort(REASON)

    stopper = threading.Thread(target=stop, daemon=True)
    stopper.start()
    try:
        with stream:
            taken.extend(stream)
    except AbortedError as raised:
        error = raised
    stopper.join(HANG_GUARD)
    left = _Left("it was aborted by another thread", taken, stream.response, replay.bodies)
    return _aborted(subject, left, error)


def _aborted(subject: Subject, left: _Left, error: BaseException | None) -> _Left:
    """Return what was left by an abort; without an AbortedError only an answer that was whole already is right."""
    if isinstance(error, AbortedError):
        if error.reason != REASON or error.partial is None:
            raise _failure(subject, left, rules.LEAVING, f"the error lacks the reason or the partial: {error!r}")
        return replace(left, response=error.partial)
    if left.response is None or not left.response.is_complete:
        raise _failure(subject, left, rules.LEAVING, "no AbortedError was raised")
    return left


# ---- async -----------------------------------------------------------------------------------------------------------


def _in_each_loop(subject: Subject, leave: Callable[[Subject, Backend], Awaitable[list[_Left]]]) -> Iterator[_Left]:
    for backend in BACKENDS:
        yield from in_loop(partial(leave, subject, backend), backend)


async def _breaks_async(subject: Subject, backend: Backend) -> list[_Left]:
    found: list[_Left] = []
    async with AsyncPlayer(subject, backend) as player:
        for count in _counts(subject)[:2]:
            replay, taken = player.script(subject.answer(subject.framed)), []
            async with player.client.stream(subject.model_id, subject.prompt, **subject.options()) as stream:
                async for event in stream:
                    taken.append(event)
                    if len(taken) == count:
                        break
            found.append(_Left(f"the loop was left ({backend})", taken, stream.response, replay.bodies))
    return found


async def _stops_async(subject: Subject, backend: Backend) -> list[_Left]:
    """Abort a stalled stream from another task, and cancel the task of another."""
    found: list[_Left] = []
    async with AsyncPlayer(subject, backend) as player:
        for how in ("it was aborted by another task", "its task was cancelled"):
            replay, taken = player.script(_halting(subject)), []
            stream = player.client.stream(subject.model_id, subject.prompt, **subject.options())
            error: BaseException | None = None
            async with anyio.create_task_group() as group:

                async def stop(
                    how: str = how, stream: AsyncStream = stream, group: TaskGroup = group, replay: Replay = replay
                ) -> None:
                    await anyio.to_thread.run_sync(replay.fell_silent.wait, HANG_GUARD)
                    if how.endswith("another task"):
                        stream.abort(REASON)
                    else:
                        group.cancel_scope.cancel()

                group.start_soon(stop)
                try:
                    async with stream:
                        async for event in stream:
                            taken.append(event)  # noqa: PERF401  # those before the end are kept
                except AbortedError as raised:
                    error = raised
                group.cancel_scope.cancel()
            left = _Left(f"{how} ({backend})", taken, stream.response, replay.bodies)
            found.append(_aborted(subject, left, error) if how.endswith("another task") else left)
    return found
