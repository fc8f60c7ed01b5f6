"""What the tests have in common: a clock that stands still, admissions as the core asks them, and ways to call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import anyio
import limits.storage.memory
import limits.strategies
import pytest

from core_llm import (
    Admission,
    AsyncClient,
    CallOptions,
    Client,
    CoreLLMError,
    Message,
    Provider,
    Request,
    Response,
    Settings,
    TextPart,
    Usage,
)
from plugin_limits import RateLimits, _store

GUARD = 30.0
"""Seconds after which something hangs."""


@dataclass
class Clock:
    """A time that passes when it is told to; it stands in for the module `time` in the library of the counters."""

    now: float = 1_800_000_000.0

    def time(self) -> float:
        """Return the seconds since 1970."""
        return self.now


def stopped(patch: pytest.MonkeyPatch) -> Clock:
    """Let the storage in memory go by a clock of ours."""
    clock = Clock()
    for module in (limits.storage.memory, limits.strategies, _store):
        patch.setattr(module, "time", clock)
    return clock


def request(text: str = "", *, max_tokens: int | None = None) -> Request:
    """Return a request that is estimated at a token for four characters, and those of its answer."""
    return Request(model="m", messages=(Message.user(text),), settings=Settings(max_tokens=max_tokens))


def turn(limits: RateLimits, model: str = "acme:m", sent: Request | None = None) -> Admission:
    """Return the admission of one attempt."""
    provider, _, name = model.partition(":")
    made = limits.core_llm_admit_call(provider, name, sent or request())
    assert made is not None
    return made


def asked(limits: RateLimits, *attempts: Request) -> list[float | None]:
    """Return what attempts are told that ask one after the other and leave at once if they have to wait."""
    answers = []
    for attempt in attempts:
        made = turn(limits, sent=attempt)
        answers.append(made.ask())
        if answers[-1] is not None:
            made.release(None)
    return answers


def answer(used: int = 3) -> Response:
    """Return an answer that used so many tokens."""
    usage = Usage(input_tokens=used, output_tokens=0)
    return Response(parts=(TextPart(text="Blue."),), finish_reason="stop", usage=usage, is_complete=True)


# ---- calls


Mode = Literal["sync", "asyncio", "trio"]
MODES: tuple[Mode, ...] = ("sync", "asyncio", "trio")


def outcomes(mode: Mode, provider: Provider, plugin: RateLimits, *calls: CallOptions) -> list[str]:
    """Make calls one after the other; return their texts, or the names of their errors."""
    if mode == "sync":
        with Client(providers=[provider], plugins=[plugin]) as client:
            return [_outcome(client, provider, options) for options in calls]

    async def go() -> list[str]:
        async with AsyncClient(providers=[provider], plugins=[plugin]) as client:
            return [await _async_outcome(client, provider, options) for options in calls]

    return anyio.run(go, backend=mode)


def _outcome(client: Client, provider: Provider, options: CallOptions) -> str:
    try:
        return client.generate(f"{provider.endpoint}:m", "Why?", **options).text
    except CoreLLMError as error:
        return type(error).__name__


async def _async_outcome(client: AsyncClient, provider: Provider, options: CallOptions) -> str:
    try:
        return (await client.generate(f"{provider.endpoint}:m", "Why?", **options)).text
    except CoreLLMError as error:
        return type(error).__name__


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to do its part."""
    ends = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.001)
