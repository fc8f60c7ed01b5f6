"""Retries, Fallback and Recovery: what a caller says of failure. Values only; who acts on them is in `_stream`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from core_llm import _errors
from core_llm._errors import CoreLLMError, InvalidSettingError
from core_llm._value import OF_A_LAYER, Value

Recovery = Literal["raise", "restart", "continue", "resume"]
"""What to do when an answer breaks after its first content."""
_CLIENT_ERRORS = range(400, 600)


class _Checked(Value):
    """A value whose mistakes are this package's own error, unless a layer of configuration names its origin itself."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, given: object, build: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        try:
            value = build(given)
        except ValidationError as error:
            if info.context == OF_A_LAYER:
                raise
            first = error.errors(include_url=False, include_context=False)[0]
        else:
            if (contradiction := value.contradiction()) is None:
                return value
            if info.context == OF_A_LAYER:
                raise ValueError(contradiction)
            raise InvalidSettingError(f"{cls.__name__}: {contradiction}")
        name = ".".join(map(str, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = f"there is no such field; there are {', '.join(cls.model_fields)}"
        # Not inside the block, so that nothing leads to pydantic's error.
        raise InvalidSettingError(f"{cls.__name__}: {name + ': ' if name else ''}{problem}")

    def contradiction(self) -> str | None:
        """Return what in it cannot be meant together; None if nothing."""
        return None


class Retries(_Checked):
    """How a failed call is tried again; how often is `max_retries`. None leaves a figure to the layer below.

    Raises:
        InvalidSettingError: A figure is negative or no number, or they contradict each other.
    """

    base_delay: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Seconds: the wait before the first retry is a random share of it, and each further one may be twice as long."""
    max_delay: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Seconds that such a wait never exceeds."""
    max_retry_after: float | None = Field(default=None, ge=0)
    """A provider that asks for a longer wait, in seconds, is not waited for: the caller gets its error."""
    statuses: tuple[int, ...] | None = None
    """The HTTP statuses that are tried again, in place of the usual ones."""
    budget: float | None = Field(default=None, ge=0)
    """How many retries a client has in hand for each provider; ``math.inf`` for as many as it likes, 0 for none."""
    refill: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What a call that succeeds at once gives back to the budget, in retries."""

    @field_validator("statuses")
    @classmethod
    def _some_errors(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and not value:
            msg = "statuses is empty; to try nothing again, set max_retries=0"
            raise ValueError(msg)
        if wrong := [status for status in value or () if status not in _CLIENT_ERRORS]:
            msg = f"statuses has {', '.join(map(str, wrong))}; errors have statuses from 400 to 599"
            raise ValueError(msg)
        return value

    def contradiction(self) -> str | None:
        """Return what in it cannot be meant together; None if nothing."""
        if self.base_delay is None or self.max_delay is None or self.base_delay <= self.max_delay:
            return None
        return f"base_delay ({self.base_delay:g} s) is longer than max_delay ({self.max_delay:g} s)"

    def merged(self, other: Retries | None) -> Retries:
        """Return these figures with those that `other` sets in their place.

        Raises:
            InvalidSettingError: Together they contradict each other.
        """
        if other is None or not (changes := other.model_dump(exclude_none=True)):
            return self
        return Retries.model_validate({**self.model_dump(exclude_none=True), **changes})


DEFAULT_RETRIES = Retries(base_delay=0.5, max_delay=8.0, max_retry_after=60.0, budget=100.0, refill=0.1)


class Fallback(_Checked):
    """Models that take over, in their order, when a call fails for good at the one before.

    Raises:
        InvalidSettingError: A model is named twice, or an error that there is not.
    """

    models: Sequence[str] = ()
    """Model ids, roles or routes."""
    on: Sequence[str | type[CoreLLMError]] | None = None
    """The errors that lead to the next model, or their names; None for those that are not your own doing."""

    @field_validator("on")
    @classmethod
    def _known(cls, value: Sequence[str | type[CoreLLMError]] | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        names = tuple(item if isinstance(item, str) else item.__name__ for item in value)
        if not names:
            msg = "on is empty, so that nothing would fall back; leave it out, or leave out the models"
            raise ValueError(msg)
        if unknown := [name for name in names if not _is_error(name)]:
            msg = f"on has {', '.join(unknown)}, which is no error of this package, such as RateLimitError"
            raise ValueError(msg)
        return names

    @field_validator("models")
    @classmethod
    def _each_once(cls, value: Sequence[str]) -> tuple[str, ...]:
        if empty := [name for name in value if not name.strip()]:
            msg = f"models has {empty[0]!r}, which names none"
            raise ValueError(msg)
        if twice := {name for name in value if value.count(name) > 1}:
            msg = f"models has {', '.join(sorted(twice))} more than once"
            raise ValueError(msg)
        return tuple(value)

    def errors(self) -> tuple[type[CoreLLMError], ...] | None:
        """Return the classes that `on` names."""
        return None if self.on is None else tuple(getattr(_errors, str(name)) for name in self.on)


def _is_error(name: str) -> bool:
    found = getattr(_errors, name, None)
    return isinstance(found, type) and issubclass(found, CoreLLMError)


def as_retries(value: object) -> Retries | None:
    """Return what a caller gave as the retries of a call.

    Raises:
        InvalidSettingError: It is something else, or has a budget, which is the client's.
    """
    if value is None:
        return None
    if not isinstance(value, Retries):
        msg = f"retries must be a Retries, such as Retries(max_delay=30), not {type(value).__name__}"
        raise InvalidSettingError(f"{msg}; how many there are is max_retries")
    if value.budget is not None or value.refill is not None:
        msg = (
            "the budget of retries is shared by all calls of a client; set it there: Client(retries=Retries(budget=…))"
        )
        raise InvalidSettingError(msg)
    return value


def as_recovery(value: object) -> Recovery | None:
    """Return what a caller gave as recovery.

    Raises:
        InvalidSettingError: There is no such.
    """
    match value:
        case None | "raise" | "restart" | "continue" | "resume":
            return value
    raise InvalidSettingError(f"recovery must be raise, restart, continue or resume, not {value!r}")


def as_fallback(value: object) -> Fallback | None:
    """Return what a caller gave as fallback: a Fallback, or its models alone.

    Raises:
        InvalidSettingError: It is something else, or contradicts itself.
    """
    if value is None or isinstance(value, Fallback):
        return value
    if isinstance(value, str) or not isinstance(value, list | tuple):
        msg = f"fallback must be a list of models, such as ['provider:model'], or a Fallback, not {value!r}"
        raise InvalidSettingError(msg)
    return Fallback(models=tuple(value))
