"""Faults of a model in this process: it is stopped, it fails, it leaves off, nobody takes what it makes.

There is no wire and no cassette, so a prompt is all that is needed. The plugin's `run_local` runs as it is, in its own
thread, and the channel that it is given is spoilt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pydantic import JsonValue

from core_llm import (
    AbortedError,
    CallOptions,
    Capabilities,
    Client,
    CoreLLMError,
    FinishReason,
    Limits,
    LocalChannel,
    LocalProvider,
    MalformedResponseError,
    Request,
    Response,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    TimeoutExceededError,
    Usage,
    check_events,
)
from core_llm_conformance.each import Case
from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.subject import Asked
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.script import HANG_GUARD
from core_llm_conformance.target import Target

MOST_TOKENS = 16
"""Of an answer, where the model can be told: each takes its time."""
AFTER_STOP = 2
"""How often a model may still emit after it was told to stop: what it was about to hand on, and its last parts."""
SHORT = 0.05
"""Seconds of a limit that must hold."""
_POLL = 0.002
_BROKEN = "the conformance suite broke this model"


def local_models(target: Target) -> Iterator[Case]:
    """Yield what to ask of a model in this process; nothing for a provider with a wire."""
    if isinstance(target.loaded, LocalProvider):
        yield Case("text", BY_NAME["text"])


class _Broken(Exception):  # noqa: N818  # what the suite's own channel raises
    pass


@dataclass
class _Channel:
    """Stands between the plugin and the core's channel, and spoils what the plugin hands on.

    Attributes:
        inner: The core's.
        spoil: Is told the number of each `emit`, before it goes on; may raise, or wait.
        loses_finish: Whether `finish` goes nowhere.
        emits: How often the plugin emitted.
        emits_after_stop: How often after it was told to stop.
    """

    inner: LocalChannel
    spoil: Callable[[_Channel], None] | None = None
    loses_finish: bool = False
    emits: int = 0
    emits_after_stop: int = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was stopped."""
        return self.inner.is_cancelled

    def emit(self, events: Sequence[StreamEvent]) -> bool:
        """Spoil, then hand on."""
        self.emits_after_stop += self.inner.is_cancelled
        if self.spoil is not None:
            self.spoil(self)
        self.emits += bool(events)
        return self.inner.emit(events)

    def finish(
        self,
        finish_reason: FinishReason,
        *,
        raw_finish_reason: str | None = None,
        usage: Usage | None = None,
        id: str | None = None,  # noqa: A002  # the field's name
        model: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Say that the answer is complete, or lose that."""
        if not self.loses_finish:
            self.inner.finish(
                finish_reason,
                raw_finish_reason=raw_finish_reason,
                usage=usage,
                id=id,
                model=model,
                metadata=metadata,
            )


class _Spoilt(LocalProvider):
    """The plugin's provider, with a spoilt channel."""

    def __init__(self, inner: LocalProvider, make: Callable[[LocalChannel], _Channel]) -> None:
        super().__init__(inner.config.model_copy(update={"options": {}}), name=inner.endpoint)
        self._inner = inner
        self._make = make
        self.channel: _Channel | None = None

    def capabilities_for(self, model: str) -> Capabilities:
        """Return what the plugin declares."""
        return self._inner.capabilities_for(model)

    def prepare_local(self, request: Request, channel: LocalChannel) -> None:
        """Let the plugin get ready."""
        self._inner.prepare_local(request, channel)

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Let the plugin answer."""
        self.channel = self._make(channel)
        self._inner.run_local(request, self.channel)


class _Model:
    """A plugin's model behind a client, and the threads that it has."""

    def __init__(
        self,
        target: Target,
        scenario: Scenario,
        spoil: Callable[[_Channel], None] | None = None,
        *,
        loses: bool = False,
    ) -> None:
        inner = target.loaded
        assert isinstance(inner, LocalProvider)
        kind = type("Spoilt", (_Spoilt,), {"name": inner.name, "needs_api_key": False})
        self.provider: _Spoilt = kind(inner, lambda channel: _Channel(channel, spoil, loses))
        self.asked = Asked(replace(target, provider=self.provider), scenario)

    def client(self) -> Client:
        """Return a client of it."""
        return self.asked.target.client()

    def options(self, limits: Limits | None = None) -> CallOptions:
        """Return the options of a call, with a short answer where that can be asked for."""
        options = self.asked.options(limits)
        declared = self.asked.target.capabilities(self.asked.scenario)
        can_be_short = declared.support("settings.max_tokens") != "unsupported"
        return {**options, "max_tokens": MOST_TOKENS} if can_be_short else options

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads of its calls that still run."""
        name = f"core-llm-{self.provider.endpoint}"
        return [thread for thread in threading.enumerate() if thread.name == name]


@contextmanager
def _all_threads_end(model: _Model, how: str) -> Iterator[None]:
    """Check at the end that no call's thread is left, and that the model stopped when it was told."""
    yield
    ends = time.monotonic() + HANG_GUARD
    while model.threads and time.monotonic() < ends:
        time.sleep(_POLL)
    if model.threads:
        raise _failure(f"run_local still runs {HANG_GUARD:g} s after the call was over", how)
    channel = model.provider.channel
    if channel is not None and channel.emits_after_stop > AFTER_STOP:
        raise _failure(f"run_local emitted {channel.emits_after_stop} times after it was told to stop", how)


def _failure(found: str, how: str) -> ConformanceFailure:
    return fail(
        rules.LOCAL,
        f"{found}\ndone: {how}",
        look_at="run_local: it returns once emit returns False, or is_cancelled is true; what fails in it is raised",
    )


def _taken(model: _Model, limits: Limits | None = None) -> tuple[list[StreamEvent], Response, Exception | None]:
    """Return the events of a call, what its stream has at the end, and what it raised."""
    events: list[StreamEvent] = []
    with model.client() as client:
        stream = client.stream(model.asked.model_id, model.asked.prompt, **model.options(limits))
        try:
            with stream:
                for event in check_events(stream):
                    events.append(event)  # noqa: PERF402  # those before an error are kept
        except Exception as error:  # noqa: BLE001  # whatever comes out is judged
            return events, stream.response, error
        return events, stream.response, None


def _text(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def check_local_answer(target: Target, scenario: Scenario) -> None:
    """Check that an undisturbed answer is complete, keeps the grammar, and is made again by the next call."""
    model = _Model(target, scenario)
    for how in ("the first call", "the second call"):
        with _all_threads_end(model, how):
            events, response, error = _taken(model)
            if error is not None or not response.is_complete:
                raise _failure(f"no answer: {error!r}", how)
            if not response.text or response.text != _text(events):
                raise _failure(f"the text is {response.text!r}, its deltas say {_text(events)!r}", how)


def check_local_stop(target: Target, scenario: Scenario) -> None:
    """Check that leaving, aborting and cancelling end the model's thread soon, wherever it is in its answer."""
    plain = _Model(target, scenario)
    _taken(plain)
    emits = 0 if plain.provider.channel is None else plain.provider.channel.emits
    for at in sorted({1, 2, emits // 2, emits - 1} & set(range(1, emits))):
        # The model is held where it is, so that it cannot have said everything before it hears that it shall stop.
        model, how = _Model(target, scenario, _wait_from(at)), f"the loop was left when the model was at event {at}"
        with _all_threads_end(model, how), model.client() as client:
            taken: list[StreamEvent] = []
            with client.stream(model.asked.model_id, model.asked.prompt, **model.options()) as stream:
                for event in stream:
                    taken.append(event)
                    break
            if stream.response.is_complete or stream.response.text != _text(taken):
                raise _failure(f"the response has {stream.response.text!r}, taken was {_text(taken)!r}", how)
    _check_abort(target, scenario)


def _check_abort(target: Target, scenario: Scenario) -> None:
    how = "it was aborted by another thread while the model waited"
    model = _Model(target, scenario, _wait_from(1))
    with _all_threads_end(model, how), model.client() as client:
        stream = client.stream(model.asked.model_id, model.asked.prompt, **model.options())
        timer = threading.Timer(SHORT, stream.abort, ["enough"])
        timer.start()
        try:
            with stream:
                for _ in stream:
                    pass
        except AbortedError:
            return
        raise _failure("no AbortedError was raised", how)


def check_local_failure(target: Target, scenario: Scenario) -> None:
    """Check that a model that fails raises, and that one that leaves off is interrupted, with what had come."""
    for at in (0, 1, 2):
        how = f"what takes the model's events fails at number {at}"
        model = _Model(target, scenario, _raise_at(at))
        with _all_threads_end(model, how):
            events, _, error = _taken(model)
            if model.provider.channel is not None and model.provider.channel.emits < at:
                continue  # the answer is shorter
            if not isinstance(error, MalformedResponseError) or _BROKEN not in str(error):
                raise _failure(f"it must be a MalformedResponseError that says so, and is {error!r}", how)
            _check_partial(error, events, how)
    how = "the model returns without saying that the answer is complete"
    model = _Model(target, scenario, loses=True)
    with _all_threads_end(model, how):
        events, _, error = _taken(model)
        if not isinstance(error, StreamInterruptedError):
            raise _failure(f"it must be a StreamInterruptedError, and is {error!r}", how)
        _check_partial(error, events, how)


def _check_partial(error: CoreLLMError, events: Sequence[StreamEvent], how: str) -> None:
    partial = getattr(error, "partial", None)
    text = partial.text if isinstance(partial, Response) else ""
    if text != _text(events):
        raise _failure(f"the partial response has {text!r}, taken was {_text(events)!r}", how)


def check_local_deadline(target: Target, scenario: Scenario) -> None:
    """Check that the limits of time hold for a model that says nothing more, and end its thread."""
    for at, limits in ((0, Limits(first_event=SHORT)), (1, Limits(between_events=SHORT))):
        name = "between_events" if at else "first_event"
        how = f"the model says nothing more after {at} events, {name}={SHORT} s"
        model = _Model(target, scenario, _wait_from(at))
        with _all_threads_end(model, how):
            events, _, error = _taken(model, limits)
            if model.provider.channel is not None and model.provider.channel.emits < at:
                continue  # the answer is shorter
            if not isinstance(error, TimeoutExceededError) or error.limit != name:
                raise _failure(f"it must be a TimeoutExceededError of {name!r}, and is {error!r}", how)
            _check_partial(error, events, how)


def _wait_from(at: int) -> Callable[[_Channel], None]:
    """Return what lets a model wait, from its event `at` on, until the call is stopped."""

    def wait(channel: _Channel) -> None:
        ends = time.monotonic() + HANG_GUARD
        while channel.emits >= at and not channel.is_cancelled and time.monotonic() < ends:
            time.sleep(_POLL)

    return wait


def _raise_at(at: int) -> Callable[[_Channel], None]:
    def spoil(channel: _Channel) -> None:
        if channel.emits >= at:
            raise _Broken(_BROKEN)

    return spoil
