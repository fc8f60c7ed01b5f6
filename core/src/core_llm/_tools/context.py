"""ToolContext: what a handler may ask for and the model never sees. A parameter annotated with it is filled in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from core_llm._errors import InvalidRequestError
from core_llm._messages import ToolCallPart

if TYPE_CHECKING:
    from core_llm._signals import Signal

Deps = TypeVar("Deps")

LOGGER = logging.getLogger("core_llm.tools")


def _nowhere(message: str) -> None:
    """Refuse a message: the tool was not called by a run."""
    msg = f"there is no run to put the message into: {message[:100]!r}"
    raise InvalidRequestError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext(Generic[Deps]):
    """What surrounds one call of a tool.

    Attributes:
        deps: What the caller of `run` gave as ``deps=``: a database, a user, whatever handlers need.
        call: The call that is answered.
        turn: The number of the turn, from 1.
        attempt: How often this tool has asked the model to try again before this call; 0 at first.
        signal: Fires when the run is stopped, or nobody waits for this call any more since it took too long; a handler
            that takes long looks at it, or waits for it.
        logger: Where a handler may log; each record has ``tool`` and ``call_id``.
        inject: Puts a message into the conversation, which the model reads in its next turn.
        metadata: What the caller of `run` wants handlers to know, such as a request's id.
    """

    deps: Deps
    call: ToolCallPart
    turn: int = 1
    attempt: int = 0
    signal: Signal
    logger: logging.LoggerAdapter[logging.Logger]
    inject: Callable[[str], None] = _nowhere
    metadata: Mapping[str, object] = field(default_factory=dict)


def logger_of(call: ToolCallPart) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger that a handler is given."""
    return logging.LoggerAdapter(LOGGER, {"tool": call.name, "call_id": call.id})
