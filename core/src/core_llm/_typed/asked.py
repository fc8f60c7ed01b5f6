"""What a caller of `stream` or `generate` wants with ``output=``, and what follows each answer. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar

from core_llm._errors import AbortedError, CoreLLMError, InvalidRequestError
from core_llm._events import Finish, Restarted
from core_llm._messages import Message
from core_llm._options import Prompt, as_messages
from core_llm._output.judging import Calls, Value, Wrong, correction, judge, no_output
from core_llm._output.response import TypedResponse
from core_llm._output.task import OutputTask
from core_llm._output.wanted import output_options
from core_llm._response import AttemptRecord, Response, Usage

T_co = TypeVar("T_co", covariant=True)

OWN_OPTIONS = frozenset(("output", "output_mode", "output_retries"))


class TypedAsked:
    """What was asked for.

    Attributes:
        wanted: The value, and how it is asked for.
        options: Of the calls.
        messages: The conversation, which corrections are added to.
    """

    def __init__(self, prompt: Prompt | None, options: Mapping[str, object]) -> None:
        """Read what a caller wrote.

        Raises:
            InvalidRequestError: The prompt is empty, or the type has no JSON schema.
            InvalidSettingError: An option has a wrong value.
        """
        self.wanted = output_options(options)
        self.options = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
        self.messages: list[Message] = list(as_messages(prompt))


class TypedHandle(Generic[T_co]):
    """One typed answer, from its making to its end: one call, and one more for each correction."""

    def __init__(self, asked: TypedAsked) -> None:
        self._asked = asked
        self._state: Literal["new", "open", "done", "closed"] = "new"
        self._response: Response | None = None
        self._typed: TypedResponse[T_co] | None = None
        self._error: CoreLLMError | None = None
        self._aborted: tuple[str | None] | None = None
        self._attempts: list[AttemptRecord] = []
        self._usage: Usage | None = None
        self._tries = 0

    @property
    def task(self) -> OutputTask:
        """The type that is wanted."""
        return self._asked.wanted.task

    @property
    def output(self) -> T_co:
        """The value, checked; there once the stream has finished.

        Raises:
            CoreLLMError: The answer is not whole, or has no value.
        """
        if self._error is not None:
            raise self._error
        if self._typed is None:
            msg = "the answer is not whole yet; read the stream to its end, or look at partial_objects()"
            raise InvalidRequestError(msg)
        return self._typed.output

    def _begin(self) -> None:
        if self._state != "new":
            msg = "a stream can be entered once; make another for another answer"
            raise InvalidRequestError(msg)
        self._state = "open"

    def _check_open(self) -> None:
        """Raise if nothing more can be read."""
        if self._error is not None:
            raise self._error
        if self._aborted is not None:
            reason = self._aborted[0]
            self._state = "closed"
            self._error = AbortedError(
                f"the call was stopped: {reason}" if reason else "the call was stopped",
                reason=reason,
                partial=self._response,
            )
            raise self._error
        if self._state == "new":
            msg = "the stream is not open; use it as `with client.stream(...) as stream:`"
            raise InvalidRequestError(msg)
        if self._state == "closed":
            raise AbortedError("the stream was closed before its end; .response has what arrived")

    def _followed(self, response: Response) -> Finish | Restarted:
        """Return the event that follows a whole answer: the end, or that another answer is asked for.

        Raises:
            OutputError: The answer has no value, and no correction is left, or none would help.
        """
        self._tries += 1
        self._response = response
        try:
            verdict = judge(self._asked.wanted.task, response, tries=self._tries)
            if isinstance(verdict, Calls):
                raise no_output(response)  # raised here as everywhere below `judge`
            if isinstance(verdict, Wrong) and self._tries > self._asked.wanted.retries:
                raise verdict.error
        except CoreLLMError as error:
            self._state, self._error = "closed", error
            raise
        if isinstance(verdict, Value):
            return self._finished(response, verdict.output)
        return self._corrected(response, verdict)

    def _finished(self, response: Response, output: object) -> Finish:
        changes: dict[str, object] = {}
        if self._tries > 1:
            changes["attempts"] = (*self._attempts, *self._records(response, None))
            changes["usage"] = _sum(self._usage, response.usage)
        self._typed = TypedResponse.of(response, output, **changes)
        self._response, self._state = self._typed, "done"
        return Finish(response.finish_reason or "other", self._typed.usage, self._typed)

    def _corrected(self, response: Response, wrong: Wrong) -> Restarted:
        self._attempts += self._records(response, wrong)
        self._usage = _sum(self._usage, response.usage)
        self._asked.messages += correction(wrong)
        return Restarted(len(self._attempts) + 1, 0.0, wrong.error, response.provider or "")

    def _records(self, response: Response, wrong: Wrong | None) -> list[AttemptRecord]:
        """Return the attempts of one answer; the last one of an answer that does not fit says so."""
        last = AttemptRecord(
            provider=response.provider or "",
            model=response.model or "",
            mode="correct" if self._tries > 1 else "retry",
            usage=response.usage,
        )
        records = list(response.attempts) or [last]
        if wrong is not None:
            update = {"error": type(wrong.error).__name__, "message": wrong.error.message, "voided_text": response.text}
            records[-1] = records[-1].model_copy(update=update)
        return records


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    return other if one is None else one if other is None else one + other
