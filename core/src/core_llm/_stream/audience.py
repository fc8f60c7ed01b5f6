"""Audience: who is told of one call: the observers of plugins and the callbacks of the caller.

What one of them raises is logged and cannot harm the call, but for callbacks whose owner wants it raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from core_llm._callbacks import Callbacks
from core_llm._errors import CoreLLMError
from core_llm._events import AttemptEvent, Finish, StreamEvent, TextDelta, ToolCall
from core_llm._logging import logger
from core_llm._request import Request
from core_llm._response import Response
from core_llm.hookspecs import StreamObserver

Tell = Callable[[StreamEvent], None]
_NOBODY: tuple[Tell, ...] = ()


class Audience:
    """Those who are told of one call, sorted by what they want to hear, so that nobody else costs anything.

    Attributes:
        hears_events: Whether somebody wants to be told of more than the call's start and end.
        hears_answers: Whether a callback does, who is told of a plain answer as of a stream.
    """

    __slots__ = (
        "_by_type",
        "_callbacks",
        "_each",
        "_has_raised",
        "_observers",
        "_told",
        "hears_answers",
        "hears_events",
    )

    def __init__(self, observers: Sequence[StreamObserver], callbacks: Sequence[Callbacks]) -> None:
        self._observers = observers
        self._callbacks = callbacks
        self._has_raised = False
        self._told: CoreLLMError | None = None
        self._each: list[Tell] = [partial(_safely, observer.on_event) for observer in observers]
        self._by_type: dict[type, list[Tell]] = {}
        for who in callbacks:
            if who.on_event is not None:
                self._each.append(partial(self._tell, who, "on_event"))
            if who.on_chunk is not None:
                self._by_type.setdefault(TextDelta, []).append(partial(self._chunk, who))
            if who.on_tool_call is not None:
                self._by_type.setdefault(ToolCall, []).append(partial(self._tool_call, who))
        self.hears_events = bool(self._each or self._by_type)
        self.hears_answers = len(self._each) > len(observers) or bool(self._by_type)

    def start(self, request: Request) -> None:
        """Tell them that the call starts."""
        for observer in self._observers:
            _safely(observer.on_start, request)
        for who in self._callbacks:
            self._tell(who, "on_start", request)

    def events(self, events: Iterable[StreamEvent]) -> None:
        """Tell them of a batch."""
        each, by_type = self._each, self._by_type
        for event in events:
            for tell in each:
                tell(event)
            for tell in by_type.get(type(event), _NOBODY):
                tell(event)

    def answer(self, events: Iterable[StreamEvent]) -> None:
        """Tell the callbacks of a plain answer; observers are told of its start and end only."""
        mine = self._each[len(self._observers) :]
        for event in events:
            for tell in (*mine, *self._by_type.get(type(event), _NOBODY)):
                tell(event)

    def retry(self, event: AttemptEvent) -> None:
        """Tell them that another attempt follows."""
        for observer in self._observers:
            _safely(observer.on_retry, event)
        is_news, self._told = event.error is not self._told, event.error  # a fall back after content has two events
        for who in self._callbacks:
            if is_news:
                self._tell(who, "on_error", event.error, True)  # noqa: FBT003  # the callback's own form
            self._tell(who, "on_retry", event)

    def error(self, error: CoreLLMError, partial_response: Response) -> None:
        """Tell them that the call failed. It is the call's error that is raised, whatever a callback raises here."""
        self._has_raised = True
        for observer in self._observers:
            _safely(partial(observer.on_error, partial=partial_response), error)
        for who in self._callbacks:
            self._tell(who, "on_error", error, False)  # noqa: FBT003  # as above

    def finish(self, finish: Finish) -> None:
        """Tell them that the call succeeded."""
        for observer in self._observers:
            _safely(observer.on_event, finish)
            _safely(observer.on_finish, finish.response)
        for who in self._callbacks:
            self._tell(who, "on_event", finish)
            self._tell(who, "on_complete", finish.response)

    def _chunk(self, who: Callbacks, event: StreamEvent) -> None:
        assert isinstance(event, TextDelta)  # noqa: S101  # for nothing else is it called
        self._tell(who, "on_chunk", event.text)

    def _tool_call(self, who: Callbacks, event: StreamEvent) -> None:
        assert isinstance(event, ToolCall)  # noqa: S101  # the same
        self._tell(who, "on_tool_call", event.call)

    def _tell(self, who: Callbacks, name: str, *what: object) -> None:
        """Call a callback, if it is set. Only the first that fails can raise: what follows from that must not."""
        function: Callable[..., object] | None = getattr(who, name)
        if function is None:
            return
        try:
            function(*what)
        except Exception as error:
            if who.errors == "raise" and not self._has_raised:
                self._has_raised = True
                raise
            logger.warning("the callback %s raised %s: %s", name, type(error).__name__, error)


def _safely(function: Callable[..., object], value: object) -> None:
    """Call an observer; what it raises is logged, for it must not harm the stream."""
    try:
        function(value)
    except Exception as error:  # noqa: BLE001  # a stranger's code
        logger.warning("a stream observer raised %s: %s", type(error).__name__, error)
