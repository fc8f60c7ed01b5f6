"""Pipeline: runs a call's observers and transforms over its batches. A call that nobody observes has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial as partial_call
from typing import TypeVar

from core_llm._errors import CoreLLMError, PluginError, RedactedCause
from core_llm._events import (
    AttemptEvent,
    Finish,
    PartEnd,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    StreamStart,
    TextDelta,
)
from core_llm._logging import logger
from core_llm._messages import ReasoningPart, RefusalPart, TextPart
from core_llm._request import Request
from core_llm._response import Response
from core_llm._stream.plan import CallPlan
from core_llm.hookspecs import EventTransform, StreamObserver

_T = TypeVar("_T")


class Pipeline:
    """The observers and transforms of one call."""

    __slots__ = ("_observers", "_pieces", "_transforms")

    def __init__(self, observers: Sequence[StreamObserver], transforms: Sequence[EventTransform]) -> None:
        self._observers = observers
        self._transforms = transforms
        self._pieces: dict[int, list[str]] = {}

    @classmethod
    def of(cls, plan: CallPlan) -> Pipeline | None:
        """Return the pipeline of a call, or None where there is nothing to run."""
        return cls(plan.observers, plan.transforms) if plan.observers or plan.transforms else None

    def events(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Return the batch as transformed, after showing it to the observers."""
        events = self.transformed(events)
        for observer in self._observers:
            for event in events:
                _safely(observer.on_event, event)
        return events

    def transformed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Return the batch as transformed.

        Raises:
            PluginError: A transform raised: what it would have changed must not be handed on as it was.
        """
        if not self._transforms:
            return events
        for transform in self._transforms:
            events = [new for event in events for new in _applied(transform, event)]
        return [self._whole_again(event) for event in events]

    def start(self, request: Request) -> None:
        """Tell the observers that the call starts."""
        for observer in self._observers:
            _safely(observer.on_start, request)

    @property
    def has_transforms(self) -> bool:
        """Whether what the consumer gets may differ from what the provider said."""
        return bool(self._transforms)

    def retry(self, event: AttemptEvent) -> None:
        """Tell the observers that another attempt follows."""
        for observer in self._observers:
            _safely(observer.on_retry, event)

    def begin_anew(self, transforms: Sequence[EventTransform]) -> None:
        """Forget what the transforms made: the answer starts anew, with fresh ones."""
        self._transforms = transforms
        self._pieces.clear()

    def reopen(self, part_index: int, text: str) -> None:
        """Let a part grow on that was ended with `text`."""
        self._pieces[part_index] = [text]

    def error(self, error: CoreLLMError, partial: Response) -> None:
        """Tell the observers that the call failed."""
        for observer in self._observers:
            _safely(partial_call(observer.on_error, partial=partial), error)

    def finish(self, finish: Finish) -> None:
        """Tell the observers that the call succeeded."""
        for observer in self._observers:
            _safely(observer.on_event, finish)
            _safely(observer.on_finish, finish.response)

    def _whole_again(self, event: StreamEvent) -> StreamEvent:
        """Let a part's end say what its transformed deltas said."""
        match event:
            case TextDelta(part_index=index, text=text) | ReasoningDelta(part_index=index, text=text):
                self._pieces.setdefault(index, []).append(text)
            case RefusalDelta(part_index=index, text=text):
                self._pieces.setdefault(index, []).append(text)
            case PartEnd(part_index=index, part=TextPart() | ReasoningPart() | RefusalPart() as part):
                text = "".join(self._pieces.pop(index, ()))
                if text != part.text:
                    return PartEnd(index, part.model_copy(update={"text": text}))
            case _:
                pass
        return event


def _applied(transform: EventTransform, event: StreamEvent) -> Sequence[StreamEvent]:
    if isinstance(event, StreamStart):
        return (event,)
    try:
        return tuple(transform(event))
    except CoreLLMError:
        raise
    except Exception as error:  # noqa: BLE001  # a stranger's code
        cause = RedactedCause.of(error)
        raise PluginError(f"a plugin that transforms events failed on a {event.type}: {cause}") from cause


def _safely(function: Callable[[_T], object], value: _T) -> None:
    """Call an observer; what it raises is logged, for it must not harm the stream."""
    try:
        function(value)
    except Exception as error:  # noqa: BLE001  # a stranger's code
        logger.warning("a stream observer raised %s: %s", type(error).__name__, error)
