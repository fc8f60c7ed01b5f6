"""LocalRun: the thread of a model in this process, and the bounded channel between it and the consumer."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from core_llm._errors import CoreLLMError, MalformedResponseError, RedactedCause
from core_llm._events import StreamEvent
from core_llm._json import JSONValue
from core_llm._response import FinishReason, Usage
from core_llm._stream.effects import INTERRUPTED, Failed, Interrupted, LocalCall, LocalEnd

MAX_WAITING = 64
"""Emitted batches that may wait for the consumer before the model's thread has to."""
READY: list[StreamEvent] = []
"""What the thread puts into the channel when the model is ready: no events, so that a pull returns without any."""
JOIN_SECONDS = 2.0
"""How long closing waits for the model's thread to notice that it is not wanted any more."""


class LocalRun:
    """One answer of a local model; the model's side is the `LocalChannel` that its thread is given."""

    def __init__(self, call: LocalCall) -> None:
        self._call = call
        self._condition = threading.Condition()
        self._waiting: list[Sequence[StreamEvent]] = []
        self._end: LocalEnd | Failed | None = None
        self._finished = LocalEnd(None)
        self._is_cancelled = False
        self._thread = threading.Thread(target=self._run, name=f"core-llm-{call.provider.endpoint}", daemon=True)

    def start(self) -> None:
        """Start the model's thread."""
        self._thread.start()

    def pull(self) -> list[StreamEvent] | LocalEnd | Failed | Interrupted:
        """Wait for what the model makes next; everything that waits is taken at once."""
        with self._condition:
            while not self._waiting and self._end is None and not self._is_cancelled:
                self._condition.wait()
            if self._is_cancelled:  # whatever the model says now, part of its answer may have been dropped
                return INTERRUPTED
            if self._waiting:
                batches, self._waiting = self._waiting, []
                self._condition.notify_all()
                return [event for batch in batches for event in batch]
            assert self._end is not None  # noqa: S101  # the last thing that ends the wait
            return self._end

    def cancel(self) -> None:
        """Stop the answer, from any thread: a blocked `pull` returns, and the model is told at its next `emit`."""
        with self._condition:
            self._is_cancelled = True
            self._condition.notify_all()

    def close(self) -> None:
        """Stop the answer and wait, not for ever, until its thread has gone."""
        self.cancel()
        self._thread.join(JOIN_SECONDS)

    # ---- the model's side

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was stopped."""
        return self._is_cancelled

    def emit(self, events: Sequence[StreamEvent]) -> bool:
        """Hand on events; wait while too much waits already."""
        with self._condition:
            while len(self._waiting) >= MAX_WAITING and not self._is_cancelled:
                self._condition.wait()
            if (events or events is READY) and not self._is_cancelled:
                self._waiting.append(events)
                self._condition.notify_all()
            return not self._is_cancelled

    def finish(
        self,
        finish_reason: FinishReason,
        *,
        raw_finish_reason: str | None = None,
        usage: Usage | None = None,
        id: str | None = None,  # noqa: A002  # the field's name
        model: str | None = None,
        metadata: Mapping[str, JSONValue] | None = None,
    ) -> None:
        """Say that the answer is complete."""
        self._finished = LocalEnd(finish_reason, raw_finish_reason, usage, id, model, dict(metadata or {}))

    def _failure(self, error: Exception) -> CoreLLMError:
        cause = RedactedCause.of(error)
        failure = MalformedResponseError(f"{self._call.provider.endpoint} failed while it made the answer: {cause}")
        failure.__cause__ = cause
        return failure

    def _run(self) -> None:
        end: LocalEnd | Failed
        try:
            self._call.provider.prepare_local(self._call.request, self)
            if self.emit(READY):
                self._call.provider.run_local(self._call.request, self)
            end = self._finished
        except CoreLLMError as error:
            end = Failed("error", error=error)
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises must reach the consumer, as an error of ours
            end = Failed("error", error=self._failure(error))
        with self._condition:
            self._end = end
            self._condition.notify_all()
