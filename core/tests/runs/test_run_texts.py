"""The texts of a run: of all its answers, and of no answer twice."""

from __future__ import annotations

import anyio
import pytest

from core_llm import AsyncClient, Client, StreamInterruptedError
from core_llm.testing import Answer, Cut, FakeProvider

from .script import calls, weather


def texts(backend: str | None, *answers: Answer) -> list[str]:
    """Return the texts of a run, an answer that breaks being asked for anew."""
    model, read = FakeProvider(*answers), list[str]()

    async def go() -> None:
        async with (
            AsyncClient(providers=[model], recovery="restart") as client,
            client.run("fake:model", "Go.", tools=[weather]) as stream,
        ):
            async for text in stream.iter_text():
                read.append(text)

    if backend is not None:
        anyio.run(go, backend=backend)
        return read
    with (
        Client(providers=[model], recovery="restart") as client,
        client.run("fake:model", "Go.", tools=[weather]) as stream,
    ):
        return list(stream.iter_text())


on_every_loop = pytest.mark.parametrize("backend", [None, "asyncio", "trio"], ids=["sync", "asyncio", "trio"])


@on_every_loop
def test_an_answer_that_starts_anew_is_not_told_twice(backend: str | None) -> None:
    """Texts alone cannot say that those before are void, so that is an error, as it is for a stream."""
    with pytest.raises(StreamInterruptedError) as caught:
        texts(backend, ["Hello wor", Cut()], "Hello world")

    assert any("texts alone cannot say" in note for note in caught.value.__notes__)


@on_every_loop
def test_texts_of_an_earlier_turn_stay(backend: str | None) -> None:
    """A turn that starts anew before any text of its own makes nothing void."""
    looking: Answer = ["I look.", *calls(("weather", {"city": "Oslo"}))]

    assert texts(backend, looking, [Cut()], "Sunny.") == ["I", " look.", "Sunny."]
