"""One way to make calls, whatever the client: sync, or async on asyncio or trio; on httpx or httpx2.

So that a test is written once, and says what must hold for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar, Unpack

import anyio

from core_llm import (
    AsyncClient,
    Client,
    CoreLLMError,
    Limits,
    Provider,
    Response,
    StreamEvent,
    StreamGrammarError,
    TextDelta,
    check_events,
)
from core_llm._calls import ClientOptions
from core_llm._config import Config
from core_llm._config_model import NO_LIMITS, TransportName
from core_llm._options import CallOptions, ExchangeOptions
from core_llm._stream.plan import Clock
from core_llm.wire import ModelInfo

from .tiny import at

Mode = Literal["sync", "asyncio", "trio"]
GUARD = 20.0
"""Seconds after which a call that hangs fails the test."""
NO_JITTER = Clock(random=lambda: 0.0)
"""Retries at once."""

T = TypeVar("T")


@dataclass
class Outcome:
    """What came of one call."""

    events: list[StreamEvent] = field(default_factory=list)
    response: Response = field(default_factory=Response)
    """The stream's `response` after it was left."""
    error: CoreLLMError | None = None

    @property
    def texts(self) -> list[str]:
        """The texts of its deltas."""
        return [event.text for event in self.events if isinstance(event, TextDelta)]

    @property
    def types(self) -> list[str]:
        """The types of its events."""
        return [event.type for event in self.events]

    def checked(self, *, is_whole: bool) -> Outcome:
        """Return it if its events follow the grammar, as far as they go."""
        try:
            for _ in check_events(self.events):
                pass
        except StreamGrammarError as broken:
            if is_whole or broken.rule != "finished":
                raise
        return self


def config() -> Config:
    """Return a configuration that nothing on this machine has a say in."""
    return Config.load(environ={"HOME": "/nonexistent"})


class Caller:
    """Makes calls in one mode over one transport."""

    def __init__(self, mode: Mode, transport: TransportName = "httpx") -> None:
        self.mode = mode
        self.transport = transport

    def options(self, provider: Provider, given: ClientOptions) -> ClientOptions:
        """Return the client's options: nothing from this machine, no waiting, and a guard against hanging."""
        defaults = ClientOptions(
            config=config(), providers=[provider], clock=NO_JITTER, transport=self.transport, limits=Limits(total=GUARD)
        )
        return {**defaults, **given}

    def stream(
        self,
        provider: Provider,
        *,
        take: int | None = None,
        client: ClientOptions | None = None,
        **call: Unpack[CallOptions],
    ) -> Outcome:
        """Stream one answer, or `take` events of it."""
        return self.streams(provider, [call], take=take, client=client)[0]

    def streams(
        self,
        provider: Provider,
        calls: Sequence[CallOptions],
        *,
        take: int | None = None,
        client: ClientOptions | None = None,
    ) -> list[Outcome]:
        """Stream one answer after the other with one client."""
        options = self.options(provider, client or {})
        model = f"{provider.endpoint}:m"
        if self.mode == "sync":
            with Client(**options) as sync:
                return [stream_sync(sync, model, take, **call) for call in calls]

        async def go() -> list[Outcome]:
            async with AsyncClient(**options) as clients:
                return [await stream_async(clients, model, take, **call) for call in calls]

        return self.run(go)

    def generate(
        self,
        provider: Provider,
        *,
        client: ClientOptions | None = None,
        via_stream: bool = False,
        **call: Unpack[CallOptions],
    ) -> Response:
        """Ask for one whole answer."""
        options = self.options(provider, client or {})
        model = f"{provider.endpoint}:m"
        if self.mode == "sync":
            with Client(**options) as sync:
                return sync.generate(model, "Hi", via_stream=via_stream, **call)

        async def go() -> Response:
            async with AsyncClient(**options) as clients:
                return await clients.generate(model, "Hi", via_stream=via_stream, **call)

        return self.run(go)

    def models(
        self, provider: Provider, *, client: ClientOptions | None = None, **call: Unpack[ExchangeOptions]
    ) -> tuple[ModelInfo, ...]:
        """List the models."""
        options = self.options(provider, client or {})
        if self.mode == "sync":
            with Client(**options) as sync:
                return sync.models(provider.endpoint, **call)

        async def go() -> tuple[ModelInfo, ...]:
            async with AsyncClient(**options) as clients:
                return await clients.models(provider.endpoint, **call)

        return self.run(go)

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run an async function on this mode's event loop."""

        async def guarded() -> T:
            with anyio.fail_after(2 * GUARD):
                return await function()

        return anyio.run(guarded, backend=self.mode)


def stream_sync(client: Client, model: str, take: int | None = None, **call: Unpack[CallOptions]) -> Outcome:
    """Stream one answer, or `take` events of it, with a client that is there."""
    outcome = Outcome()
    stream = client.stream(model, "Hi", **call)
    try:
        with stream:
            for event in stream:
                outcome.events.append(event)
                if len(outcome.events) == take:
                    break
    except CoreLLMError as error:
        outcome.error = error
    outcome.response = stream.response
    return outcome.checked(is_whole=outcome.error is None and take is None)


async def stream_async(
    client: AsyncClient, model: str, take: int | None = None, **call: Unpack[CallOptions]
) -> Outcome:
    """Stream one answer, or `take` events of it, with a client that is there."""
    outcome = Outcome()
    stream = client.stream(model, "Hi", **call)
    try:
        async with stream:
            async for event in stream:
                outcome.events.append(event)
                if len(outcome.events) == take:
                    break
    except CoreLLMError as error:
        outcome.error = error
    outcome.response = stream.response
    return outcome.checked(is_whole=outcome.error is None and take is None)


@contextmanager
def sync_client(url: str, transport: TransportName = "httpx") -> Iterator[Client]:
    """Give a client without limits, so that nothing but the cancellation ends a call."""
    with Client(config=config(), providers=[at(url)], limits=NO_LIMITS, transport=transport, max_retries=0) as client:
        yield client


def async_client(url: str, transport: TransportName = "httpx") -> AsyncClient:
    """Return an async client of the same kind."""
    return AsyncClient(config=config(), providers=[at(url)], limits=NO_LIMITS, transport=transport, max_retries=0)
