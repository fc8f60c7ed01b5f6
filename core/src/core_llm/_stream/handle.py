"""Handle: what the sync and the async stream share: state, the growing response, the off switch. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from core_llm._errors import AbortedError, CoreLLMError, InvalidRequestError
from core_llm._events import Restarted, StreamEvent
from core_llm._response import Response, ResumePoint
from core_llm._stream.control import Control
from core_llm._stream.effects import Steps
from core_llm._stream.engine import run
from core_llm._stream.plan import CallPlan
from core_llm._stream.state import CallState

CLOSED = "the stream was closed"


def voided(event: Restarted) -> CoreLLMError:
    """Return the error for who has taken texts alone of an answer that starts anew."""
    event.error.add_note("the answer starts anew, which texts alone cannot say: iterate over the events instead")
    return event.error


class Handle:
    """One call, from its making to its end."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._control = Control()
        self._call = CallState(plan, self._control)
        self._steps: Steps | None = None
        self._state: Literal["new", "open", "done", "closed"] = "new"
        self._error: BaseException | None = None
        self._is_closing = False
        self._batch: Sequence[StreamEvent] = ()
        self._pending: Iterator[StreamEvent] = iter(())

    @property
    def response(self) -> Response:
        """The response as far as its events were taken; whole once the stream has finished."""
        call = self._call
        if call.response is None:
            left = self._pending.__length_hint__()  # type: ignore[attr-defined]  # a list's iterator
            call.accumulator.advance(len(self._batch) - left)
        return call.partial()

    @property
    def resume_point(self) -> ResumePoint | None:
        """Where a stream that broke can be taken up again (``stream(..., resume=point)``); None where it cannot.

        Ask when the stream has raised: events that it brought and that were not taken yet are not brought again.
        """
        decoder, given = self._call.decoder, self._plan.resume
        known = (decoder.id if decoder is not None else None) or (given.response_id if given is not None else None)
        cursor = decoder.cursor if decoder is not None else None
        return None if known is None or cursor is None else ResumePoint(response_id=known, cursor=cursor)

    def abort(self, reason: str | None = None) -> None:
        """Stop the call, from any thread or task: its connection closes at once, its consumer gets an AbortedError."""
        self._control.abort(reason)

    def _begin(self) -> None:
        if self._state != "new":
            msg = "a stream can be entered once; make another for another answer"
            raise InvalidRequestError(msg)
        self._call.begin()
        self._steps = run(self._call)
        self._state = "open"

    def _running(self) -> Steps:
        """Return the call's steps.

        Raises:
            CoreLLMError: It was not begun, was closed before its end, or failed before.
        """
        if self._state == "open" and self._steps is not None:
            return self._steps
        if self._error is not None:
            raise self._error
        if self._state == "new":
            msg = "the stream is not open; use it as `with client.stream(...) as stream:`"
            raise InvalidRequestError(msg)
        raise self._closed_error()

    def _closed_error(self) -> AbortedError:
        msg = "the stream was closed before its end; .response has what arrived"
        return AbortedError(msg, reason=CLOSED, partial=self.response)

    def _ended(self, error: BaseException | None) -> None:
        """Note how the call ended; an error of ours is raised again whenever the stream is asked for more."""
        self._state = "done" if error is None else "closed"
        self._error = error if isinstance(error, CoreLLMError) else None
        if error is not None:
            if self._steps is not None:
                self._steps.close()  # where the runner was cancelled, they stand in the midst of it
            self._give_up()
        self._control.finish()

    def _give_up(self) -> None:
        if self._call.pipeline is not None:
            _ = self.response  # takes what the consumer has had into it
            self._call.given_up()

    def _unfinished_steps(self) -> Steps | None:
        """Return the steps that follow the last event (giving the connection back), if the call has come so far."""
        return self._steps if self._state == "open" and self._call.response is not None else None

    def _closed(self) -> None:
        """Note that the call was given up, or is over."""
        if self._state in ("new", "open"):
            if self._state == "open":
                self._give_up()
            self._state = "done" if self._call.response is not None else "closed"
        if self._steps is not None:
            self._steps.close()
        self._control.finish()
