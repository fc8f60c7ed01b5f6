"""A case of the matrix: what a server does in place of a good answer, and the one thing that may come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, Unpack

from core_llm import CoreLLMError, Limits, StreamInterruptedError, TimeoutExceededError, TransportError
from core_llm._errors import Limit
from core_llm_conformance.script import Answer, Pause, Send, Step

from .below import Behaviour
from .wires import BEGUN, TEXT, Words

GUARD = 30.0
"""Seconds after which a call that hangs fails by a limit that no case expects."""
SHORT = 0.06
"""Seconds of the limit that a case is about; every other one is `GUARD`."""
FIRST = 0.2
"""The same of the one that counts from the beginning, so that the request can reach the server before."""
PACE = 0.004
"""Seconds between two bytes, or frames, of a server that is alive and brings nothing: many fit into `SHORT`."""

Script = Callable[[Words], Answer]


Then = Literal["left", "closed", "said"]


class Facts(TypedDict, total=False):
    """What a case may say of itself."""

    limit: Limit | None
    seconds: float
    text: str | None
    tls: bool
    below: Behaviour | None
    is_full: bool
    retries: int
    tries: int
    is_big: bool
    then: Then | None


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        name: ``family: what the server does``.
        script: Makes the spoilt answer; None for a server that is hostile `below` HTTP.
        error: The exact type of what is raised; None for a success.
        limit: The limit that must strike, which is set to `seconds`.
        seconds: See `limit`.
        text: What the response, or the partial one, must have; None where it depends on the moment.
        tls: Whether the server speaks TLS.
        below: How the server behaves, where it never comes to HTTP.
        is_full: Whether its queue of connections is full.
        retries: How many the call is allowed.
        tries: How many requests the server must see.
        is_big: Whether the request is too big for the buffers between.
        then: What must happen before the next call: the server sees that it was ``left``, or its own end ``closed``, or
            it has ``said`` all.
    """

    name: str
    script: Script | None
    error: type[CoreLLMError] | None = None
    limit: Limit | None = None
    seconds: float = SHORT
    text: str | None = ""
    tls: bool = False
    below: Behaviour | None = None
    is_full: bool = False
    retries: int = 0
    tries: int = 1
    is_big: bool = False
    then: Then | None = None

    @property
    def family(self) -> str:
        """What the matrix sums it up under."""
        return self.name.partition(":")[0]

    def limits(self, guard: float = GUARD) -> Limits:
        """Return those of the call: all are as long as `guard`, but for the one that the case is about."""
        long = Limits(connect=guard, first_event=guard, between_events=guard, total=guard)
        return long if self.limit is None else long.model_copy(update={self.limit: self.seconds})


def broken(name: str, script: Script | None, **facts: Unpack[Facts]) -> Case:
    """Return a case in which the connection breaks before there is a head."""
    return replace(Case(name, script, TransportError, then="closed"), **facts)


def cut(name: str, script: Script, **facts: Unpack[Facts]) -> Case:
    """Return a case in which an answer ends before its marker, after the first words if not said otherwise."""
    return replace(Case(name, script, StreamInterruptedError, text=BEGUN, then="closed"), **facts)


def limited(which: Limit, name: str, script: Script | None, **facts: Unpack[Facts]) -> Case:
    """Return a case that a limit must end, with the first words if it is the one between events."""
    text = BEGUN if which == "between_events" else ""
    then: Then | None = None if which == "connect" else "left"
    seconds = FIRST if which == "first_event" else SHORT
    case = Case(name, script, TimeoutExceededError, limit=which, seconds=seconds, text=text, then=then)
    return replace(case, **facts)


def whole(name: str, script: Script, **facts: Unpack[Facts]) -> Case:
    """Return a case that does no harm."""
    return replace(Case(name, script, text=TEXT, then="closed"), **facts)


# ---- pieces of answers, byte by byte


def raw(*steps: Step | bytes) -> Answer:
    """Return an answer whose every byte is given."""
    return Answer(framing="raw", steps=[Send(step) if isinstance(step, bytes) else step for step in steps])


def head(words: Words, *fields: str, status: str = "200 OK") -> bytes:
    """Return a head with the wire's media type and these fields; without any, of a chunked answer."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {words.wire.media}", *(fields or ["transfer-encoding: chunked"])]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def chunk(data: bytes) -> bytes:
    """Return a chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


def begun(words: Words, *steps: Step | bytes) -> Answer:
    """Return a chunked answer that goes on by these steps once its first words were read."""
    return raw(head(words), chunk(words.begun), Pause(words.gate), *steps)
