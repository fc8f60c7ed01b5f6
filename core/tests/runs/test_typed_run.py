"""Runs whose last answer is a value of a type."""

from __future__ import annotations

import anyio
import pytest
from pydantic import BaseModel

from core_llm import (
    AsyncClient,
    Capabilities,
    Client,
    InvalidOutputError,
    InvalidRequestError,
    InvalidSettingError,
    OutputSchema,
    ToolResultPart,
)
from core_llm.testing import FakeProvider

from .script import calls, weather


class Report(BaseModel):
    """A report."""

    city: str
    sunny: bool


OSLO = Report(city="Oslo", sunny=True)
GOOD, BAD = '{"city": "Oslo", "sunny": true}', '{"city": "Oslo"}'
NO_SCHEMA = Capabilities(structured_output="unsupported")
ASKED = calls(("weather", {"city": "Oslo"}))


def test_a_run_ends_with_a_value() -> None:
    """Tools run first; every turn says which value is wanted."""
    model = FakeProvider(ASKED, GOOD)
    with (
        Client(providers=[model]) as client,
        client.run("fake:model", "Go.", tools=[weather], output=Report) as run,
    ):
        run.finish()
        assert run.output == OSLO
    assert all(isinstance(request.output, OutputSchema) for request in model.requests)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_run_does_too(backend: str) -> None:
    """On either loop."""

    async def go() -> Report:
        async with (
            AsyncClient(providers=[FakeProvider(ASKED, BAD, GOOD)]) as client,
            client.run("fake:model", "Go.", tools=[weather], output=Report) as run,
        ):
            await run.finish()
            return run.output

    assert anyio.run(go, backend=backend) == OSLO


def test_the_call_that_gives_the_value_ends_the_run() -> None:
    """The conversation stays whole: every call has its result."""
    given = calls(("give_output", {"city": "Oslo", "sunny": True}), ("weather", {"city": "Rome"}))
    model = FakeProvider(ASKED, given, capabilities=NO_SCHEMA)
    with (
        Client(providers=[model]) as client,
        client.run("fake:model", "Go.", tools=[weather], output=Report) as run,
    ):
        run.finish()

    assert run.output == OSLO
    assert model.requests[0].tool_choice == "required"
    results = [part for part in run.messages[-1].parts if isinstance(part, ToolResultPart)]
    assert [(result.name, result.is_error) for result in results] == [("give_output", False), ("weather", True)]


def test_a_value_that_does_not_fit_is_corrected_in_another_turn() -> None:
    """It counts as one, and the model is told what is wrong."""
    model = FakeProvider(BAD, GOOD)
    with Client(providers=[model]) as client, client.run("fake:model", "Go.", tools=[], output=Report) as run:
        run.finish()
    assert (run.output, run.turns) == (OSLO, 2)
    assert model.requests[1].messages[-1].text.endswith("- sunny: is required")


def test_a_call_that_does_not_fit_is_corrected_as_a_call() -> None:
    """Its result says what is wrong."""
    wrong = calls(("give_output", {"city": "Oslo"}))
    right = calls(("give_output", {"city": "Oslo", "sunny": True}))
    model = FakeProvider(wrong, right, capabilities=NO_SCHEMA)
    with Client(providers=[model]) as client, client.run("fake:model", "Go.", tools=[], output=Report) as run:
        run.finish()
    (result,) = [part for part in model.requests[1].messages[-1].parts if isinstance(part, ToolResultPart)]
    assert result.is_error
    assert str(result.content).endswith("- sunny: is required")


def test_corrections_of_a_run_come_to_an_end() -> None:
    """The error is that of a single call, and asking for the value raises it again."""
    with (
        Client(providers=[FakeProvider(BAD)]) as client,
        client.run("fake:model", "Go.", tools=[], output=Report, output_retries=2) as run,
    ):
        with pytest.raises(InvalidOutputError) as caught:
            run.finish()
        with pytest.raises(InvalidOutputError):
            _ = run.output
    assert (caught.value.tries, caught.value.mistakes) == (3, ("sunny: is required",))


def test_a_run_without_an_answer_has_no_value() -> None:
    """One that waits for approval, or was ended by a tool."""
    with Client(providers=[FakeProvider(ASKED)]) as client:
        stopping = [type(weather)(weather.handler, ends_run=True)]
        with client.run("fake:model", "Go.", tools=stopping, output=Report) as run:
            with pytest.raises(InvalidRequestError, match="is not over"):
                _ = run.output
            run.finish()
            with pytest.raises(InvalidRequestError, match="ended without an answer"):
                _ = run.output


def test_the_output_of_a_run_is_a_type() -> None:
    """A schema alone would check nothing."""
    with Client(providers=[FakeProvider(GOOD)]) as client, pytest.raises(InvalidSettingError, match="is a type"):
        client.run("fake:model", "Go.", tools=[], output=OutputSchema(json_schema={}))  # type: ignore[call-overload]
