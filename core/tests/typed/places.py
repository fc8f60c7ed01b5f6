"""What the tests of typed calls share: a type, answers that fit it or do not, and one way to read for all callers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic import BaseModel

from core_llm import AsyncClient, AsyncTypedStream, Capabilities, Client, ToolCallPart, TypedStream
from core_llm.testing import FakeProvider


class City(BaseModel):
    """A city."""

    name: str
    population: int


OSLO = City(name="Oslo", population=709000)
GOOD = '{"name": "Oslo", "population": 709000}'
BAD = '{"name": "Oslo", "population": "many"}'
MISTAKE = "population: Input should be a valid integer, unable to parse string as an integer (got 'many')"
NO_SCHEMA = Capabilities(structured_output="unsupported")
ONLY_WORDS = Capabilities(structured_output="unsupported", tools="unsupported")


def given(text: str, call_id: str = "c1") -> ToolCallPart:
    """Return the call that gives an output."""
    return ToolCallPart(id=call_id, name="give_output", arguments=json.loads(text))


@dataclass(frozen=True)
class Caller:
    """One way to call: sync, or async on a loop.

    Attributes:
        backend: The loop; None for sync.
    """

    backend: str | None

    def read(
        self,
        model: FakeProvider,
        output: type[object],
        what: Callable[[TypedStream[Any] | AsyncTypedStream[Any]], Iterator[object] | AsyncIterator[object]],
        **options: object,
    ) -> tuple[list[object], object]:
        """Return all that one of a stream's iterators gives, and the output."""
        if self.backend is None:
            with (
                Client(providers=[model]) as client,
                client.stream("fake:model", "Hi", output=output, **options) as stream,  # type: ignore[call-overload]
            ):
                return list(what(stream)), stream.output  # type: ignore[arg-type]

        async def go() -> tuple[list[object], object]:
            async with (
                AsyncClient(providers=[model]) as client,
                client.stream("fake:model", "Hi", output=output, **options) as stream,  # type: ignore[call-overload]
            ):
                return [item async for item in what(stream)], stream.output  # type: ignore[union-attr]

        return anyio.run(go, backend=self.backend)

    def generate(self, model: FakeProvider, output: type[object], **options: object) -> object:
        """Return the output of a whole answer."""
        if self.backend is None:
            with Client(providers=[model]) as client:
                return client.generate("fake:model", "Hi", output=output, **options).output  # type: ignore[call-overload]

        async def go() -> object:
            async with AsyncClient(providers=[model]) as client:
                answer = await client.generate("fake:model", "Hi", output=output, **options)  # type: ignore[call-overload]
                return answer.output

        return anyio.run(go, backend=self.backend)
