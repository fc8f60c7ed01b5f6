"""The adapters to ReactiveX of docs/how-to/reactive-streams.md: what subscribers get, and that disposing closes."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path

from reactivex import Observable, operators

from core_llm import AsyncClient, Client, Config, StreamEvent, StreamInterruptedError, TextDelta
from core_llm.testing import Cut, FakeProvider
from core_llm_conformance.script import Stall, sse_answer, sse_event
from core_llm_conformance.server import FaultServer

PAGE = Path(__file__).resolve().parents[1] / "docs/how-to/reactive-streams.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GUARD = 20.0

Adapter = Callable[[Callable[[], object]], "Observable[StreamEvent]"]


def adapter(name: str) -> Adapter:
    """Return one of the page's adapters."""
    namespace: dict[str, Adapter] = {}
    definitions = [code for code in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if "\ndef to_observable" in code]
    code = "\n".join(block.partition("async def main")[0] for block in definitions)
    exec(compile(code, PAGE.name, "exec", dont_inherit=True), namespace)  # noqa: S102  # the page is ours
    return namespace[name]


def config(**providers: object) -> Config:
    """Return a configuration that this machine has no say in."""
    return Config.load(environ={"HOME": "/nonexistent"}, arguments={"providers": providers} if providers else None)


def texts(events: Observable[StreamEvent]) -> Observable[str]:
    """Return the texts of its deltas."""
    return events.pipe(
        operators.filter(lambda event: isinstance(event, TextDelta)),
        operators.map(lambda event: event.text if isinstance(event, TextDelta) else ""),
    )


class Subscriber:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.errors: list[Exception] = []
        self.is_completed = False
        self.has_text = threading.Event()
        self.is_over = threading.Event()

    def subscribe(self, observable: Observable[str]) -> Callable[[], None]:
        """Subscribe; return what disposes of the subscription."""
        return observable.subscribe(self._next, self._error, self._completed).dispose

    def _next(self, text: str) -> None:
        self.said.append(text)
        self.has_text.set()

    def _error(self, error: Exception) -> None:
        self.errors.append(error)
        self.is_over.set()

    def _completed(self) -> None:
        self.is_completed = True
        self.is_over.set()


def test_a_subscriber_gets_every_event_and_the_end() -> None:
    """Each subscription is a request of its own."""
    provider = FakeProvider("The sky is blue.")
    client = Client(config=config(), providers=[provider])
    observable = texts(adapter("to_observable")(lambda: client.stream("fake:model", "Why?")))
    for _ in range(2):
        subscriber = Subscriber()
        subscriber.subscribe(observable)
        assert subscriber.is_over.wait(GUARD)
        assert ("".join(subscriber.said), subscriber.errors) == ("The sky is blue.", [])
        assert subscriber.is_completed
    assert len(provider.requests) == 2


def test_a_failure_is_told_with_what_came() -> None:
    """After the events before it, and instead of the end."""
    client = Client(config=config(), providers=[FakeProvider(["The sky", Cut()])], max_retries=0)
    subscriber = Subscriber()
    subscriber.subscribe(texts(adapter("to_observable")(lambda: client.stream("fake:model", "Why?"))))
    assert subscriber.is_over.wait(GUARD)
    [error] = subscriber.errors
    assert isinstance(error, StreamInterruptedError)
    assert error.partial is not None
    assert "".join(subscriber.said) == error.partial.text == "The sky"
    assert not subscriber.is_completed


FIRST = sse_answer(sse_event({"choices": [{"index": 0, "delta": {"content": "The"}}]}), Stall())
"""The beginning of an answer that then stands still."""


def standing_still(url: str) -> Config:
    """Return the configuration of a server that stands still."""
    return config(still={"type": "openai-compatible", "base_url": f"{url}/v1", "api_key": "sk-made-up-0123456789"})


def test_disposing_closes_the_stream() -> None:
    """Its connection, while the reading thread waits for the server; and no thread stays."""
    with FaultServer(FIRST) as server, Client(config=standing_still(server.url)) as client:
        subscriber = Subscriber()
        before = set(threading.enumerate())
        observable = adapter("to_observable")(lambda: client.stream("still:m", "Why?"))
        dispose = subscriber.subscribe(texts(observable))
        assert subscriber.has_text.wait(GUARD)
        readers = [thread for thread in set(threading.enumerate()) - before if "read" in thread.name]
        dispose()
        server.connections[0].closed_by_client.wait()
        for thread in readers:
            thread.join(GUARD)
            assert not thread.is_alive()
    assert (subscriber.said, subscriber.errors, subscriber.is_completed) == (["The"], [], False)


def test_so_it_is_in_async() -> None:
    """The events come in the event loop, and disposing cancels the task that reads."""

    async def main(server: FaultServer) -> Subscriber:
        async with AsyncClient(config=standing_still(server.url)) as client:
            subscriber = Subscriber()
            observable = adapter("to_observable_async")(lambda: client.stream("still:m", "Why?"))
            dispose = subscriber.subscribe(texts(observable))
            async with asyncio.timeout(GUARD):
                await asyncio.to_thread(subscriber.has_text.wait, GUARD)
                dispose()
                await asyncio.to_thread(server.connections[0].closed_by_client.wait)
            return subscriber

    with FaultServer(FIRST) as server:
        subscriber = asyncio.run(main(server))
    assert (subscriber.said, subscriber.errors, subscriber.is_completed) == (["The"], [], False)


def test_an_async_failure_is_told() -> None:
    """As in sync."""

    async def main() -> Subscriber:
        subscriber = Subscriber()
        async with AsyncClient(config=config(), providers=[FakeProvider(["The sky", Cut()])], max_retries=0) as client:
            observable = adapter("to_observable_async")(lambda: client.stream("fake:model", "Why?"))
            subscriber.subscribe(texts(observable))
            async with asyncio.timeout(GUARD):
                await asyncio.to_thread(subscriber.is_over.wait, GUARD)
        return subscriber

    subscriber = asyncio.run(main())
    assert [type(error) for error in subscriber.errors] == [StreamInterruptedError]
    assert "".join(subscriber.said) == "The sky"
