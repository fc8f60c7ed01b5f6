"""Drives steps to their value, sync and async, where no events are handed on: exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from core_llm._stream.control import Control
from core_llm._stream.exchange import ExchangeSteps

if TYPE_CHECKING:
    from core_llm._stream.async_runner import AsyncRunner
    from core_llm._stream.sync_runner import SyncRunner

T = TypeVar("T")


def drive(steps: ExchangeSteps[T], runner: SyncRunner, control: Control) -> T:
    """Run the steps and return their value."""
    outcome = None
    try:
        while True:
            effect = steps.send(outcome)
            outcome = None if isinstance(effect, list) else runner.perform(effect)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()  # where the runner was cancelled, they stand in the midst of it
        runner.close()
        control.finish()


async def drive_async(steps: ExchangeSteps[T], runner: AsyncRunner, control: Control) -> T:
    """Run the steps and return their value."""
    outcome = None
    try:
        while True:
            effect = steps.send(outcome)
            outcome = None if isinstance(effect, list) else await runner.perform(effect)
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()  # as above
        await runner.close()
        control.finish()
