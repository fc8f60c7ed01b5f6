"""A real model goes on from its own words: what llama.cpp really does with the beginning of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from core_llm import Client, FinishReason, LocalChannel, Request, Resumed, StreamEvent, TextDelta, Usage
from core_llm.wire import JSONValue
from plugin_local import Local

PROMPT = "List five colours."


class Breaking(Local):
    """Loses the first answer after some of its texts."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left: int | None = after
        self.requests: list[Request] = []

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer; the first time, not to the end."""
        self.requests.append(request)
        left, self.left = self.left, None
        super().run_local(request, channel if left is None else _Cut(channel, left))


class _Cut:
    """A channel that ends early, as a worker does that is killed."""

    def __init__(self, channel: LocalChannel, left: int) -> None:
        self._channel = channel
        self._left = left

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing more is taken."""
        return self._left <= 0 or self._channel.is_cancelled

    def emit(self, events: Sequence[StreamEvent]) -> bool:
        """Pass on as many batches as are left that say something."""
        if self.is_cancelled:
            return False
        self._left -= any(isinstance(event, TextDelta) for event in events)
        return self._channel.emit(events)

    def finish(
        self,
        finish_reason: FinishReason,
        *,
        raw_finish_reason: str | None = None,
        usage: Usage | None = None,
        id: str | None = None,  # noqa: A002  # the contract's name
        model: str | None = None,
        metadata: Mapping[str, JSONValue] | None = None,
    ) -> None:
        """Say nothing."""


@pytest.mark.parametrize("after", [3, 6, 9])
def test_a_broken_answer_is_continued_by_the_model(model_file: Path, after: int) -> None:
    """The model is given what it said, and says neither that again nor a greeting."""
    provider = Breaking(after)
    with Client(providers=[provider]) as client:
        stream = client.stream(f"local:{model_file}", PROMPT, temperature=0, seed=1, max_tokens=60, recovery="continue")
        with stream:
            events = list(stream)
    cut = next(number for number, event in enumerate(events) if isinstance(event, Resumed))
    before = "".join(event.text for event in events[:cut] if isinstance(event, TextDelta))
    after_ = "".join(event.text for event in events[cut:] if isinstance(event, TextDelta))
    assert provider.requests[1].messages[-1].text == before.rstrip()
    assert stream.response.text == before + after_
    assert stream.response.is_complete
    assert not after_.lstrip().startswith(before[:8])
