"""RunLimits: how far a run may go. Each names itself in the error that it ends a run with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import Field, ValidationError, model_validator

from core_llm._errors import InvalidSettingError
from core_llm._response import Response
from core_llm._value import Value

Price = Callable[[Response], float | None]
"""What an answer cost, in the currency of the limit; None if that is not known."""


class RunLimits(Value):
    """How far a run may go. None lifts a limit."""

    max_turns: int | None = Field(default=20, gt=0)
    """Requests to the model."""
    max_calls: int | None = Field(default=200, gt=0)
    """Calls of tools, all turns together."""
    max_repeats: int | None = Field(default=3, gt=0)
    """Calls of one tool with the same arguments: a model that asks for more goes round in circles."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Input and output tokens of all turns, as reported; looked at between turns."""
    max_cost: float | None = Field(default=None, gt=0)
    """What all turns may cost, by `price`; an answer of unknown cost counts as nothing. Looked at between turns."""
    price: Price | None = Field(default=None, exclude=True)
    """Says what an answer cost."""
    seconds: float | None = Field(default=None, gt=0, lt=float("inf"))
    """How long the whole run may take, tools included."""

    def __init__(self, **limits: object) -> None:
        try:
            super().__init__(**limits)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"])) or "limits"
            raise InvalidSettingError(f"RunLimits: {name}: {first['msg']}") from None

    @model_validator(mode="after")
    def _cost_has_a_price(self) -> Self:
        if self.max_cost is not None and self.price is None:
            msg = "max_cost needs price=, a function that says what a response cost"
            raise ValueError(msg)
        return self
