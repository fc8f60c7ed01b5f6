"""Pipeline: what a call's batches pass through: transforms, then its audience. A call without either has none."""

from __future__ import annotations

from collections.abc import Sequence

from core_llm._callbacks import EventTransform
from core_llm._ends import PartEnds
from core_llm._errors import CoreLLMError, PluginError, RedactedCause
from core_llm._events import StreamEvent, StreamStart
from core_llm._stream.audience import Audience
from core_llm._stream.plan import CallPlan


class Pipeline:
    """The transforms and the audience of one call."""

    __slots__ = ("_ends", "_transforms", "audience")

    def __init__(self, audience: Audience, transforms: Sequence[EventTransform]) -> None:
        self.audience = audience
        self._transforms = transforms
        self._ends = PartEnds()

    @classmethod
    def of(cls, plan: CallPlan) -> Pipeline | None:
        """Return the pipeline of a call, or None where there is nothing to run."""
        if not (plan.observers or plan.callbacks or plan.transforms):
            return None
        return cls(Audience(plan.observers, plan.callbacks), plan.transforms)

    @property
    def needs_events(self) -> bool:
        """Whether the events have to pass through, not only the call's start and end."""
        return bool(self._transforms) or self.audience.hears_events

    def events(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Return the batch as transformed, after showing it to the audience."""
        events = self.transformed(events)
        if self.audience.hears_events:
            self.audience.events(events)
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
        return [self._ends.told(event) for event in events]

    @property
    def has_transforms(self) -> bool:
        """Whether what the consumer gets may differ from what the provider said."""
        return bool(self._transforms)

    def begin_anew(self, transforms: Sequence[EventTransform]) -> None:
        """Forget what the transforms made: the answer starts anew, with fresh ones."""
        self._transforms = transforms
        self._ends.clear()

    def reopen(self, part_index: int, text: str) -> None:
        """Let a part grow on that was ended with `text`."""
        self._ends.reopen(part_index, text)


def _applied(transform: EventTransform, event: StreamEvent) -> Sequence[StreamEvent]:
    if isinstance(event, StreamStart):
        return (event,)
    try:
        return tuple(transform(event))
    except CoreLLMError:
        raise
    except Exception as error:  # noqa: BLE001  # a stranger's code
        cause = RedactedCause.of(error)
        raise PluginError(f"what transforms events failed on a {event.type}: {cause}") from cause
