"""Transforms: what can happen to the events of a stream on their way, as functions that compose.

    from core_llm import transforms

    with client.stream("openai:gpt-5-mini", "Tell me a story") as stream:
        for sentence in stream | transforms.sentences() | transforms.text():
            print(sentence)

They work on any iterator of events, sync or async. What they hand on follows the grammar of events: deltas add up to
their parts, and the parts to the response in Finish. `stream.response` stays what the provider said; given to a call
(``transforms=[...]``), they change that too.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, get_args, overload

from core_llm._errors import InvalidSettingError
from core_llm._events import StreamEvent
from core_llm._messages import PartKind
from core_llm.transforms._holding import Debounced, Sentences
from core_llm.transforms._reading import AsyncTransformed, Transformed
from core_llm.transforms._sharing import OnLag, Sharing
from core_llm.transforms._stages import Filter, Mapping, OnlyParts, Texts
from core_llm.transforms._tee import Branch, Tee
from core_llm.transforms._transform import Step, Transform

if TYPE_CHECKING:
    from core_llm.transforms._async_tee import AsyncBranch, AsyncTee

__all__ = [
    "AsyncBranch",
    "AsyncTee",
    "AsyncTransformed",
    "Branch",
    "OnLag",
    "Tee",
    "Transform",
    "Transformed",
    "debounce",
    "filter",
    "map",
    "parts",
    "pipe",
    "sentences",
    "tee",
    "text",
]

MAX_HELD_CHARS = 4096
"""Characters of one part that are held back at most."""
MAX_SECONDS = 3600.0
"""A longer time is taken for a mistake, such as milliseconds for seconds."""


def map(function: Callable[[StreamEvent], StreamEvent]) -> Transform[StreamEvent]:  # noqa: A001  # it is transforms.map
    """Put what a function returns in the place of each event.

    It is not asked about the events that hold the others together: starts and ends, retries, Finish. Those follow what
    it did. It must return an event of the same type, for the same part. A delta whose text it takes away is left out.
    """
    return Transform([Step(lambda: Mapping(function), changes=True)])


def filter(predicate: Callable[[StreamEvent], bool]) -> Transform[StreamEvent]:  # noqa: A001  # it is transforms.filter
    """Leave out the events for which a function says no.

    It is not asked about the events that hold the others together, nor about whole calls of tools, see `parts`.
    """
    return Transform([Step(lambda: Filter(predicate), changes=True)])


def parts(*kinds: PartKind) -> Transform[StreamEvent]:
    """Leave out all parts but those of these kinds, with all that belongs to them.

    Raises:
        InvalidSettingError: There is no such kind, or none is named.
    """
    known = get_args(PartKind)
    if not kinds or not set(kinds) <= set(known):
        raise InvalidSettingError(f"parts takes kinds of parts ({', '.join(known)}), not {kinds!r}")
    return Transform([Step(lambda: OnlyParts(frozenset(kinds)), changes=True)])


def sentences(*, max_chars: int = MAX_HELD_CHARS) -> Transform[StreamEvent]:
    """Hand text on sentence by sentence, each with the blanks behind it; reasoning and refusals too.

    A sentence ends with its mark and a blank, or with its line. That is a rule of thumb, which knows no abbreviations.

    Args:
        max_chars: What is longer is handed on in pieces.

    Raises:
        InvalidSettingError: That is no number of characters.
    """
    _check_count("max_chars", max_chars)
    return Transform([Step(lambda: Sentences(max_chars))])


def debounce(
    seconds: float, *, max_chars: int = MAX_HELD_CHARS, clock: Callable[[], float] = time.monotonic
) -> Transform[StreamEvent]:
    """Hand on the deltas of so much time as one; a piece of text is held back no longer than that.

    Whether its time is over is looked at when an event arrives. To have it handed on while nothing arrives, enter the
    iterator (``with``, ``async with``): a thread or a task then reads a few events ahead.

    Args:
        seconds: How long.
        max_chars: What is longer is handed on at once.
        clock: What time it is.

    Raises:
        InvalidSettingError: A figure is none.
    """
    if not _is_number(seconds) or not 0 < seconds < MAX_SECONDS:
        raise InvalidSettingError(f"debounce takes seconds above 0, and below {MAX_SECONDS:.0f}, not {seconds!r}")
    _check_count("max_chars", max_chars)
    return Transform([Step(lambda: Debounced(seconds, max_chars, clock))])


def text() -> Transform[str]:
    """Hand on nothing but the texts, as `Stream.iter_text` does."""
    return Transform([Step(Texts, makes_events=False)])


def pipe(first: Transform[StreamEvent], *others: Transform[StreamEvent]) -> Transform[StreamEvent]:
    """Return the transform that does these, one after the other, as ``first | second | …`` does."""
    return reduce(or_, others, first)


@overload
def tee(
    source: AsyncIterable[StreamEvent], count: int = 2, *, max_lag: int = 1024, on_lag: OnLag = "raise"
) -> AsyncTee: ...
@overload
def tee(source: Iterable[StreamEvent], count: int = 2, *, max_lag: int = 1024, on_lag: OnLag = "raise") -> Tee: ...
def tee(
    source: Iterable[StreamEvent] | AsyncIterable[StreamEvent],
    count: int = 2,
    *,
    max_lag: int = 1024,
    on_lag: OnLag = "raise",
) -> Tee | AsyncTee:
    """Give a stream to several consumers, each of which gets every event: in threads, or in tasks.

    ``with tee(stream, 3) as (one, two, three):``, and ``async with`` for an async stream; transforms can be used on
    each of them. Closing the last of them closes the stream, and leaving the block closes all.

    Args:
        source: The stream.
        count: How many consumers.
        max_lag: How many events are kept for the slowest of them.
        on_lag: What happens when one lags further behind: ``raise``: it gets a `LaggedError`, and the others go on;
            ``block``: the others wait for it, which is for ever if nobody reads it: for threads and tasks of their own.

    Raises:
        InvalidSettingError: A figure is none.
    """
    _check_count("count", count)
    _check_count("max_lag", max_lag)
    if on_lag not in ("raise", "block"):
        raise InvalidSettingError(f"on_lag must be raise or block, not {on_lag!r}")
    sharing = Sharing(count, max_lag, on_lag)
    if isinstance(source, AsyncIterable):
        from core_llm.transforms._async_tee import AsyncTee  # noqa: PLC0415  # a sync program does without anyio

        return AsyncTee(source, count, sharing)
    return Tee(source, count, sharing)


def _is_number(figure: object) -> bool:
    return isinstance(figure, int | float) and not isinstance(figure, bool)


def _check_count(name: str, figure: object) -> None:
    if not isinstance(figure, int) or isinstance(figure, bool) or figure < 1:
        raise InvalidSettingError(f"{name} must be a whole number of 1 or more, not {figure!r}")


if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        """Import what is for async programs only when it is used."""
        if name not in ("AsyncBranch", "AsyncTee"):
            msg = f"module 'core_llm.transforms' has no attribute {name!r}"
            raise AttributeError(msg)
        from core_llm.transforms import _async_tee  # noqa: PLC0415  # brings an event loop with it

        return getattr(_async_tee, name)
