"""A caller's own HTTP client: it sends, and what it cannot do is told."""

from __future__ import annotations

import anyio
import httpx
import httpx2
import pytest

from core_llm import (
    AsyncClient,
    Client,
    ConfigError,
    Limits,
    TimeoutExceededError,
)
from core_llm_conformance.script import Answer, Stall, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import config, stream_async, stream_sync
from .tiny import HELLO, at, hello

LIBRARIES = [httpx, httpx2]
either_library = pytest.mark.parametrize("lib", LIBRARIES, ids=["httpx", "httpx2"])


@either_library
def test_a_callers_own_client_sends(lib: type[httpx]) -> None:  # type: ignore[valid-type]
    """Its headers are not added, for the request is built here; it stays open, being the caller's."""
    with FaultServer(hello(), hello()) as server, lib.Client() as own:  # type: ignore[attr-defined]
        with Client(config=config(), providers=[at(server.url)], http_client=own) as client:
            assert stream_sync(client, "tiny:m").response.text == "Hello"
        assert not own.is_closed
        assert stream_sync(Client(config=config(), providers=[at(server.url)], http_client=own), "tiny:m").error is None
        assert len(server.connections) == 1


@either_library
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_callers_own_async_client_sends(lib: type[httpx], backend: str) -> None:  # type: ignore[valid-type]
    """The same under async."""

    async def go(url: str) -> str:
        async with lib.AsyncClient() as own:  # type: ignore[attr-defined]
            async with AsyncClient(config=config(), providers=[at(url)], http_client=own) as client:
                outcome = await stream_async(client, "tiny:m")
            assert not own.is_closed
        return outcome.response.text

    with FaultServer(hello()) as server:
        assert anyio.run(go, server.url, backend=backend) == "Hello"


@either_library
def test_a_call_through_a_callers_client_can_be_stopped(lib: type[httpx]) -> None:  # type: ignore[valid-type]
    """Its sockets are reached too: limits and aborts hold before the head and in the body."""
    stuck = [Answer(before=[Stall()]), sse_answer(HELLO[0], Stall())]
    limits = Limits(first_event=0.1, between_events=0.1)
    with FaultServer(*stuck) as server, lib.Client() as own:  # type: ignore[attr-defined]
        client = Client(config=config(), providers=[at(server.url)], http_client=own, limits=limits, max_retries=0)
        errors = [stream_sync(client, "tiny:m").error for _ in stuck]
        server.connections[1].closed_by_client.wait()
    assert [error.limit for error in errors if isinstance(error, TimeoutExceededError)] == [
        "first_event",
        "between_events",
    ]


def hiding(lib: type[httpx]) -> httpx.BaseTransport:  # type: ignore[valid-type]
    """Return a transport whose sockets cannot be reached."""

    class Hiding(lib.BaseTransport):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self._hidden = lib.HTTPTransport()  # type: ignore[attr-defined]

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer: httpx.Response = self._hidden.handle_request(request)
            return answer

        def close(self) -> None:
            self._hidden.close()

    made: httpx.BaseTransport = Hiding()
    return made


@either_library
@pytest.mark.parametrize(
    ("limits", "limit"),
    [(Limits(first_event=0.2, between_events=0.2), "first_event"), (Limits(total=0.2), "total")],
    ids=["first-event", "total"],
)
def test_limits_hold_where_the_sockets_cannot_be_reached(
    lib: type[httpx],  # type: ignore[valid-type]
    limits: Limits,
    limit: str,
) -> None:
    """The library's own timeout ends the wait, and the error names the limit that was broken."""
    with FaultServer(Answer(before=[Stall()])) as server, lib.Client(transport=hiding(lib)) as own:  # type: ignore[attr-defined]
        client = Client(config=config(), providers=[at(server.url)], http_client=own, limits=limits)
        error = stream_sync(client, "tiny:m", max_retries=0).error
    assert isinstance(error, TimeoutExceededError)
    assert error.limit == limit


@either_library
def test_a_client_that_only_pretends_is_taken(lib: type[httpx]) -> None:  # type: ignore[valid-type]
    """A test's `MockTransport` needs no socket."""
    mock = lib.MockTransport(lambda _: lib.Response(200, content=b"".join(HELLO)))  # type: ignore[attr-defined]
    with lib.Client(transport=mock) as own:  # type: ignore[attr-defined]
        client = Client(config=config(), providers=[at("https://api.test")], http_client=own)
        assert stream_sync(client, "tiny:m").response.text == "Hello"


@either_library
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_client_that_only_pretends_is_taken(lib: type[httpx], backend: str) -> None:  # type: ignore[valid-type]
    """The same under async, where its endless answer can be left and limited."""

    async def endless() -> object:
        yield HELLO[0]
        await anyio.sleep_forever()

    async def go() -> list[object]:
        mock = lib.MockTransport(lambda _: lib.Response(200, content=endless()))  # type: ignore[attr-defined]
        async with lib.AsyncClient(transport=mock) as own:  # type: ignore[attr-defined]
            client = AsyncClient(config=config(), providers=[at("https://api.test")], http_client=own)
            stuck = await stream_async(client, "tiny:m", limits=Limits(between_events=0.1))
            left = await stream_async(client, "tiny:m", take=3)
        return [type(stuck.error), left.response.text]

    assert anyio.run(go, backend=backend) == [TimeoutExceededError, "Hel"]


@pytest.mark.parametrize("wrong", ["a text", object(), httpx.HTTPTransport()])
def test_what_is_no_client_is_refused(wrong: object) -> None:
    """Told when the client is made, not when it is used."""
    with pytest.raises(ConfigError, match="http_client must be a client of httpx or httpx2"):
        Client(http_client=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="http_client must be a client of httpx or httpx2"):
        AsyncClient(http_client=wrong)  # type: ignore[arg-type]


@either_library
def test_a_client_of_the_other_kind_is_refused(lib: type[httpx]) -> None:  # type: ignore[valid-type]
    """An async client in the sync one, and the other way round."""
    with pytest.raises(ConfigError, match="give it to AsyncClient"):
        Client(http_client=lib.AsyncClient())  # type: ignore[attr-defined]
    with lib.Client() as own, pytest.raises(ConfigError, match="give it to Client"):  # type: ignore[attr-defined]
        AsyncClient(http_client=own)


def test_a_closed_client_of_the_caller_is_no_network_failure() -> None:
    """It would fail again, so it is not tried again."""
    own = httpx.Client()
    own.close()
    outcome = stream_sync(Client(config=config(), providers=[at("http://127.0.0.1:9")], http_client=own), "tiny:m")
    assert isinstance(outcome.error, ConfigError)
    assert "closed" in outcome.error.message
