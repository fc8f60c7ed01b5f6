"""TypedStream: a sync call whose answer is wanted as a value of a type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, cast

from core_llm._events import Finish, Restarted, StreamEvent, TextDelta
from core_llm._output.following import Follower
from core_llm._output.items import Items
from core_llm._output.partial_objects import TypedBuilder
from core_llm._output.response import TypedResponse
from core_llm._response import Response
from core_llm._stream.handle import voided
from core_llm._typed.asked import TypedAsked, TypedHandle

if TYPE_CHECKING:
    from core_llm._stream.stream import Stream

T_co = TypeVar("T_co", covariant=True)
I = TypeVar("I")  # noqa: E741  # an item
OpenStream = Callable[[TypedAsked], "Stream"]
"""Makes the stream of one answer."""


class TypedStream(TypedHandle[T_co]):
    """A streamed answer whose value is of a type.

    Nothing is sent before the block is entered. However the block is left, the connection is free at once. An answer
    that does not fit is followed by a `Restarted` and by its correction.
    """

    def __init__(self, asked: TypedAsked, open_stream: OpenStream) -> None:
        super().__init__(asked)
        self._open_stream = open_stream
        self._stream: Stream | None = open_stream(asked)

    @property
    def response(self) -> Response:
        """The answer as far as it has come; a `TypedResponse` once the stream has finished."""
        if self._stream is not None:
            return self._stream.response
        return self._response or Response()

    def __enter__(self) -> Self:
        """Send the request and wait for the head of the answer.

        Raises:
            CoreLLMError: It could not be sent, or was answered with an error.
        """
        self._begin()
        assert self._stream is not None  # noqa: S101  # it was made with this
        self._stream.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Free the connection."""
        self.close()

    def __iter__(self) -> Iterator[StreamEvent]:
        """Iterate over the events that are left."""
        return self

    def __next__(self) -> StreamEvent:
        """Return the next event.

        Raises:
            OutputError: The answer has no value of the type.
            CoreLLMError: The call failed.
        """
        if self._state == "done":
            raise StopIteration
        self._check_open()
        if self._stream is None:
            self._stream = self._open_stream(self._asked)
            self._check_open()  # an abort may have found no stream to stop
            self._stream.__enter__()
        for event in self._stream:
            if not isinstance(event, Finish):
                return event
        response = self._stream.response
        self._stream.close()
        self._stream = None
        return self._followed(response)

    def iter_text(self) -> Iterator[str]:
        """Iterate over the answer's text as it arrives.

        Raises:
            CoreLLMError: The call failed; or the answer starts anew after some text, which texts alone cannot say.
        """
        has_text = False
        for event in self:
            if isinstance(event, TextDelta):
                has_text = True
                yield event.text
            elif has_text and isinstance(event, Restarted):
                raise voided(event)

    def partial_objects(self) -> Iterator[T_co]:
        """Iterate over the value as it grows: one object that is changed in place, and at the end the whole value.

        Members that have not come are their defaults, or None; each is checked when it is whole. An answer that starts
        anew begins another object. To keep one, copy it: ``copy.deepcopy(value)``.

        Raises:
            OutputError: The answer has no value of the type.
            CoreLLMError: The call failed.
        """
        builder = TypedBuilder(self.task)
        follower = Follower(builder)
        for event in self:
            if follower.take(event):
                yield cast("T_co", builder.root)
        yield self.output

    def iter_items(self: TypedStream[Iterable[I]]) -> Iterator[I]:
        """Iterate over the items of a list, each checked and handed out as soon as it is whole.

        Raises:
            InvalidRequestError: The type is no list.
            InvalidOutputError: An item does not fit, and others were handed out, which cannot be taken back.
            CoreLLMError: The call failed; or the answer starts anew after an item.
        """
        items = Items(self.task)
        for event in self:
            for item in items.take(event, lambda: self.response):
                yield cast("I", item)

    def finish(self) -> TypedResponse[T_co]:
        """Read to the end and return the whole response with its value."""
        for _ in self:
            pass
        _ = self.output
        assert self._typed is not None  # noqa: S101  # the output is there
        return self._typed

    def abort(self, reason: str | None = None) -> None:
        """Stop the call, from any thread: its connection closes at once, its consumer gets an AbortedError."""
        self._aborted = (reason,)
        if (stream := self._stream) is not None:
            stream.abort(reason)

    def close(self) -> None:
        """Free the connection and stop the call if it still runs. What arrived is kept."""
        if self._state != "done":
            self._state = "closed"
        if self._stream is not None:
            self._response = self._stream.response
            self._stream.close()
