"""Transform: the recipe of what happens to a stream. It makes its stages anew for each stream that it is used on."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Generic, TypeVar, cast, overload

from core_llm._callbacks import EventTransform
from core_llm._errors import InvalidSettingError
from core_llm._events import StreamEvent
from core_llm.transforms._reading import AsyncTransformed, Transformed
from core_llm.transforms._stages import Chain, Settled, Stage

T = TypeVar("T")
Out = TypeVar("Out")


class Step:
    """One transform's part of a recipe.

    Attributes:
        make: Makes its stage.
        changes: Whether what the stage hands on says something else than what it takes.
        makes_events: Whether it hands on events.
    """

    __slots__ = ("changes", "make", "makes_events")

    def __init__(self, make: Callable[[], Stage[object]], *, changes: bool = False, makes_events: bool = True) -> None:
        self.make = make
        self.changes = changes
        self.makes_events = makes_events


class Transform(Generic[Out]):
    """What happens to a stream: call it with one, sync or async, or with what another transform has made of it.

    ``stream | sentences() | text()`` is the same as ``text()(sentences()(stream))``, and ``sentences() | text()`` is a
    transform itself. One transform may be used on any number of streams. As an option of a call
    (``transforms=[sentences()]``) it changes the events where they arise, and the response with them.
    """

    __slots__ = ("_steps",)

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    @overload
    def __call__(self, source: AsyncIterable[StreamEvent]) -> AsyncTransformed[Out]: ...
    @overload
    def __call__(self, source: Iterable[StreamEvent]) -> Transformed[Out]: ...
    def __call__(
        self, source: Iterable[StreamEvent] | AsyncIterable[StreamEvent]
    ) -> Transformed[Out] | AsyncTransformed[Out]:
        """Return the iterator over what becomes of the stream; closing it closes the stream."""
        if isinstance(source, Transformed | AsyncTransformed) and source.recipe is not None:
            # Nobody has read it yet: one iterator does for both, and entering it keeps the time of both.
            return cast("Transform[StreamEvent]", source.recipe).__or__(self)(source.source)
        if isinstance(source, AsyncIterable):
            return AsyncTransformed(source, self._stage(), recipe=self)
        return Transformed(source, self._stage(), recipe=self)

    def __or__(self: Transform[StreamEvent], other: Transform[T]) -> Transform[T]:
        """Return the transform that is this one, and then the other."""
        if not isinstance(other, Transform):
            return NotImplemented
        return Transform((*self._steps, *other._steps))

    @overload
    def __ror__(self, source: AsyncIterable[StreamEvent]) -> AsyncTransformed[Out]: ...
    @overload
    def __ror__(self, source: Iterable[StreamEvent]) -> Transformed[Out]: ...
    def __ror__(
        self, source: Iterable[StreamEvent] | AsyncIterable[StreamEvent]
    ) -> Transformed[Out] | AsyncTransformed[Out]:
        """Return the iterator over what becomes of the stream."""
        return self(source)

    def for_one_answer(self) -> EventTransform:
        """Return what the engine lets the events of one answer pass through.

        Raises:
            InvalidSettingError: It does not make events.
        """
        stage = self._stage()
        if any(not step.makes_events for step in self._steps):
            raise InvalidSettingError(
                "text() makes texts, not events, so it cannot be an option; put it after the stream"
            )
        return cast("Stage[StreamEvent]", stage).feed

    def _stage(self) -> Stage[Out]:
        """Return a stage that does all steps; after the last that changes something the ends are made to agree."""
        stages = [step.make() for step in self._steps]
        changing = [number for number, step in enumerate(self._steps) if step.changes]
        if changing:
            stages.insert(changing[-1] + 1, Settled())
        *first, last = stages
        whole = Chain(cast("Sequence[Stage[StreamEvent]]", first), last) if first else last
        return cast("Stage[Out]", whole)
