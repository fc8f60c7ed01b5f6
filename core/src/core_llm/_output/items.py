"""Items: those of a list that a stream brings, each checked as it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import pydantic_core
from pydantic import ValidationError

from core_llm._errors import CoreLLMError
from core_llm._events import Finish, Restarted, StreamEvent
from core_llm._json import JSONValue
from core_llm._output.builders import ItemBuilder
from core_llm._output.following import Follower
from core_llm._output.response import TypedResponse
from core_llm._output.task import MEMBER, OutputTask, mistakes_of
from core_llm._output_errors import InvalidOutputError
from core_llm._response import Response


class Items:
    """The items of one answer.

    One that does not fit, before any other was handed out, makes the rest of the answer void: it is corrected as a
    whole. After others it is an error, since they cannot be taken back.
    """

    __slots__ = ("_adapter", "_came", "_count", "_follower", "_is_void", "_task")

    def __init__(self, task: OutputTask) -> None:
        """Begin.

        Raises:
            InvalidRequestError: The type is no list.
        """
        self._task = task
        self._adapter = task.item()
        self._came: list[JSONValue] = []
        self._count = 0
        self._is_void = False
        self._follower = Follower(ItemBuilder(MEMBER, self._came.append))

    def take(self, event: StreamEvent, response: Callable[[], Response]) -> Iterator[object]:
        """Take an event, and yield the items that it made whole; those of a whole answer that has not shown any.

        Raises:
            CoreLLMError: An item does not fit after others did, or the answer starts anew after them.
        """
        self._follower.take(event)
        if isinstance(event, Restarted):
            if self._count:
                raise _anew(event)
            self._is_void = False
        if self._came:
            came, self._came[:] = list(self._came), []
            yield from self._checked(came, response)
        if isinstance(event, Finish) and not self._count:  # a list that was not where it was looked for
            yield from cast("TypedResponse[Iterable[object]]", event.response).output

    def _checked(self, came: list[JSONValue], response: Callable[[], Response]) -> Iterator[object]:
        for item in came:
            if self._is_void:
                return
            try:
                checked = self._adapter.validate_json(pydantic_core.to_json(item))
            except ValidationError as error:
                if self._count:
                    raise self._unfit(error, response()) from None
                self._is_void = True
            else:
                self._count += 1
                yield checked

    def _unfit(self, error: ValidationError, response: Response) -> InvalidOutputError:
        found = mistakes_of(error).found
        msg = f"item {self._count} does not fit: {'; '.join(found)}"
        return InvalidOutputError(msg, response=response, text=response.text, mistakes=found)


def _anew(event: Restarted) -> CoreLLMError:
    event.error.add_note("the answer starts anew, and items of it were handed out: read .output in place of them")
    return event.error
