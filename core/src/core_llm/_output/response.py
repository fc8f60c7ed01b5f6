"""TypedResponse: an answer together with the value that was asked for."""

from __future__ import annotations

from typing import Generic, Self, TypeVar, cast

from pydantic import PrivateAttr

from core_llm._response import Response

T_co = TypeVar("T_co", covariant=True)


class TypedResponse(Response, Generic[T_co]):
    """An answer with its value. Stored as JSON it is a `Response`: the value is in its text."""

    _output: object = PrivateAttr(default=None)

    @property
    def output(self) -> T_co:
        """The value: checked, and of the type that was asked for."""
        return cast("T_co", self._output)

    @classmethod
    def of(cls, response: Response, output: object, **changes: object) -> Self:
        """Return an answer with its value, and with what is told otherwise of it."""
        made = cls.model_construct(response.model_fields_set | set(changes), **{**response.__dict__, **changes})
        made._output = output  # noqa: SLF001  # its own
        return made
