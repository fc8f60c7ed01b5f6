"""Ledger: what became of a call's attempts, and what they cost together. A call that needs one attempt pays nothing."""

from __future__ import annotations

from core_llm._attempts import Attempt
from core_llm._errors import CoreLLMError
from core_llm._response import AttemptRecord, Response, Usage
from core_llm._stream.plan import CallPlan


class Ledger:
    """The attempts of one call that failed, and the sum of their usage."""

    __slots__ = ("_records", "_spent")

    def __init__(self) -> None:
        self._records: tuple[AttemptRecord, ...] = ()
        self._spent: Usage | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the present attempt is the first."""
        return not self._records

    def note(self, record: AttemptRecord) -> None:
        """Add an attempt that is followed by another."""
        self._records = (*self._records, record)
        if record.usage is not None:
            self._spent = record.usage if self._spent is None else self._spent + record.usage

    def whole(self, response: Response, last: AttemptRecord) -> Response:
        """Return the response of the attempt `last` with those before it, and with the usage of all."""
        if not self._records:
            return response
        usage = response.usage
        if self._spent is not None:
            usage = self._spent if usage is None else self._spent + usage
        return response.model_copy(update={"usage": usage, "attempts": (*self._records, last)})


def record_of(
    plan: CallPlan, attempt: Attempt, usage: Usage | None, error: CoreLLMError | None = None, voided_text: str = ""
) -> AttemptRecord:
    """Return what is kept of an attempt."""
    return AttemptRecord(
        provider=plan.provider.endpoint,
        model=plan.request.model,
        mode=attempt.mode,
        error=None if error is None else type(error).__name__,
        message=None if error is None else error.message,
        usage=usage,
        voided_text=voided_text,
    )
