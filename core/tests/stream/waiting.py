"""What tests of calls that wait for their turn have in common: a client with one slot, and a plugin that holds back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core_llm import (
    Admission,
    AsyncClient,
    Client,
    Request,
    Usage,
    hookimpl,
)
from core_llm._admission import Slots
from core_llm_conformance.script import Stall, json_answer, sse_answer

from .calls import GUARD, config
from .tiny import HELLO, at

BUSY = json_answer({"error": "busy"}, 503)
FIRST = sse_answer(HELLO[0], Stall())
"""The beginning of an answer that then stands still."""


def slots(client: Client | AsyncClient, name: str = "tiny") -> Slots:
    """Return the slots of a client that were used."""
    found = client._calls._gate._slots[name]
    assert found is not None
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to do its part."""
    ends = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.001)


def limited(url: str, **options: object) -> Client:
    """Return a client that makes one call at a time."""
    return Client(config=config(), providers=[at(url)], **{"max_concurrency": 1, **options})  # type: ignore[arg-type]


@dataclass
class Turnstile(Admission):
    """An admission that says what it is told to, and notes what it is told."""

    answers: list[object] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    may_block: bool = False
    blocked: threading.Event = field(default_factory=threading.Event)
    wake: Callable[[], None] | None = None

    def ask(self) -> float | None:
        """Give the next answer; None when there are no more."""
        self.told.append("ask")
        answer = self.answers.pop(0) if self.answers else None
        if answer == "block":
            self.blocked.wait(GUARD)
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # a wrong one is part of the tests

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Keep it."""
        self.wake = wake

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the status and a header."""
        self.told.append(f"answered {status} {headers.get('content-type', '').partition(';')[0]}")

    def release(self, usage: Usage | None) -> None:
        """Note what was used."""
        self.told.append(f"release {None if usage is None else usage.output_tokens}")


class Limiting:
    """A plugin that admits every attempt by one turnstile."""

    def __init__(self, turnstile: object) -> None:
        self.turnstile = turnstile
        self.asked: list[tuple[str, str, str]] = []

    @hookimpl
    def core_llm_admit_call(self, provider: str, model: str, request: Request) -> object:
        self.asked.append((provider, model, request.messages[0].text if request.messages else ""))
        return self.turnstile
