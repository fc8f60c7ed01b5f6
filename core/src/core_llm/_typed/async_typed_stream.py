"""AsyncTypedStream: an async call whose answer is wanted as a value of a type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from core_llm._events import Finish, Restarted, StreamEvent, TextDelta
from core_llm._output.following import Follower
from core_llm._output.items import Items
from core_llm._output.partial_objects import TypedBuilder
from core_llm._output.response import TypedResponse
from core_llm._response import Response
from core_llm._stream.handle import voided
from core_llm._typed.asked import TypedAsked, TypedHandle

if TYPE_CHECKING:
    from core_llm._stream.async_stream import AsyncStream

T_co = TypeVar("T_co", covariant=True)
I = TypeVar("I")  # noqa: E741  # an item
OpenStream = Callable[[TypedAsked], "AsyncStream"]
"""Makes the stream of one answer."""


class AsyncTypedStream(TypedHandle[T_co]):
    """A streamed answer whose value is of a type.

    Nothing is sent before the block is entered. However the block is left, the connection is free at once. An answer
    that does not fit is followed by a `Restarted` and by its correction.
    """

    def __init__(self, asked: TypedAsked, open_stream: OpenStream) -> None:
        super().__init__(asked)
        self._open_stream = open_stream
        self._stream: AsyncStream | None = open_stream(asked)

    @property
    def response(self) -> Response:
        """The answer as far as it has come; a `TypedResponse` once the stream has finished."""
        if self._stream is not None:
            return self._stream.response
        return self._response or Response()

    async def __aenter__(self) -> Self:
        """Send the request and wait for the head of the answer.

        Raises:
            CoreLLMError: It could not be sent, or was answered with an error.
        """
        self._begin()
        assert self._stream is not None  # noqa: S101  # it was made with this
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Free the connection."""
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Iterate over the events that are left."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            OutputError: The answer has no value of the type.
            CoreLLMError: The call failed.
        """
        if self._state == "done":
            raise StopAsyncIteration
        self._check_open()
        if self._stream is None:
            self._stream = self._open_stream(self._asked)
            self._check_open()  # an abort may have found no stream to stop
            await self._stream.__aenter__()
        async for event in self._stream:
            if not isinstance(event, Finish):
                return event
        response = self._stream.response
        await self._stream.aclose()
        self._stream = None
        return self._followed(response)

    def iter_text(self) -> AsyncIterator[str]:
        """Iterate over the answer's text as it arrives.

        Raises:
            CoreLLMError: The call failed; or the answer starts anew after some text, which texts alone cannot say.
        """
        return _Texts(self)

    def partial_objects(self) -> AsyncIterator[T_co]:
        """Iterate over the value as it grows: one object that is changed in place, and at the end the whole value.

        Members that have not come are their defaults, or None; each is checked when it is whole. An answer that starts
        anew begins another object. To keep one, copy it: ``copy.deepcopy(value)``.

        Raises:
            OutputError: The answer has no value of the type.
            CoreLLMError: The call failed.
        """
        return _Partials(self)

    def iter_items(self: AsyncTypedStream[Iterable[I]]) -> AsyncIterator[I]:
        """Iterate over the items of a list, each checked and handed out as soon as it is whole.

        Raises:
            InvalidRequestError: The type is no list.
            InvalidOutputError: An item does not fit, and others were handed out, which cannot be taken back.
            CoreLLMError: The call failed; or the answer starts anew after an item.
        """
        return _ItemsOf(self)

    async def finish(self) -> TypedResponse[T_co]:
        """Read to the end and return the whole response with its value."""
        async for _ in self:
            pass
        _ = self.output
        assert self._typed is not None  # noqa: S101  # the output is there
        return self._typed

    def abort(self, reason: str | None = None) -> None:
        """Stop the call, from any thread or task: its connection closes at once, its consumer gets an AbortedError."""
        self._aborted = (reason,)
        if (stream := self._stream) is not None:
            stream.abort(reason)

    async def aclose(self) -> None:
        """Free the connection and stop the call if it still runs. What arrived is kept."""
        if self._state != "done":
            self._state = "closed"
        if self._stream is not None:
            self._response = self._stream.response
            await self._stream.aclose()


class _Reading(Generic[T_co]):
    """What is read off a stream. No generators: trio warns of one that is left before its end, which is fine here."""

    def __init__(self, stream: AsyncTypedStream[object]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self


class _Texts(_Reading[str]):
    """The texts."""

    def __init__(self, stream: AsyncTypedStream[object]) -> None:
        super().__init__(stream)
        self._has_text = False

    async def __anext__(self) -> str:
        while True:
            event = await self._stream.__anext__()
            if isinstance(event, TextDelta):
                self._has_text = True
                return event.text
            if self._has_text and isinstance(event, Restarted):
                raise voided(event)


class _Partials(_Reading[T_co]):
    """The value as it grows."""

    def __init__(self, stream: AsyncTypedStream[T_co]) -> None:
        super().__init__(stream)
        self._builder = TypedBuilder(stream.task)
        self._follower = Follower(self._builder)
        self._is_over = False

    async def __anext__(self) -> T_co:
        if self._is_over:
            raise StopAsyncIteration
        async for event in self._stream:
            if self._follower.take(event):
                return cast("T_co", self._builder.root)
        self._is_over = True
        return cast("T_co", self._stream.output)


class _ItemsOf(_Reading[T_co]):
    """The items of a list."""

    def __init__(self, stream: AsyncTypedStream[Iterable[T_co]]) -> None:
        super().__init__(stream)
        self._items = Items(stream.task)
        self._ready: Iterator[object] = iter(())

    async def __anext__(self) -> T_co:
        while True:
            for item in self._ready:
                return cast("T_co", item)
            event = await self._stream.__anext__()
            self._ready = self._items.take(event, lambda: self._stream.response)
