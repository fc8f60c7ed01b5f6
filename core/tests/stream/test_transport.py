"""Connections: which are used again, what is left behind, whose client sends, and what goes out."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import httpx2
import pytest
import trustme

from core_llm import (
    AsyncClient,
    Client,
    ConfigError,
    ConnectError,
    Limits,
    ProviderConfig,
    TimeoutExceededError,
    TransportError,
)
from core_llm._config_model import NO_LIMITS
from core_llm._provider import Provider
from core_llm._sockets import connect
from core_llm_conformance.script import Answer, Flood, Reset, Send, Stall, json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config, stream_async, stream_sync
from .tiny import HELLO, Locked, Tiny, at, event, hello

LIBRARIES = [httpx, httpx2]
either_library = pytest.mark.parametrize("lib", LIBRARIES, ids=["httpx", "httpx2"])


def sockets_open() -> int:
    """Return how many sockets this process holds, those left to the garbage collector included."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(link).startswith("socket:") for link in links)


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are counted in /proc")


# ---- which connections are used again


def test_one_connection_serves_many_calls(wired: Caller) -> None:
    """After each success the connection is used again, plain calls included."""
    with FaultServer(*[hello()] * 4) as server:
        outcomes = wired.streams(at(server.url), [{}] * 4)
        assert len(server.connections) == 1
    assert [outcome.response.text for outcome in outcomes] == ["Hello"] * 4


def test_a_connection_that_was_left_early_is_not_used_again(wired: Caller) -> None:
    """What an unfinished answer may still send must not meet the next call."""
    endless = sse_answer(HELLO[0], Flood(b": ping\n\n", 0.01))
    with FaultServer(endless, endless) as server:
        outcomes = wired.streams(at(server.url), [{}] * 2, take=3)
        assert len(server.connections) == 2
    assert [outcome.response.text for outcome in outcomes] == ["Hel", "Hel"]


def test_a_connection_is_used_again_after_an_error_status(wired: Caller) -> None:
    """The body of the error was read to its end."""
    with FaultServer(json_answer({"error": "busy"}, 503), hello()) as server:
        wired.stream(at(server.url))
        assert len(server.connections) == 1


def test_a_server_that_lingers_after_the_end_costs_the_connection_only(caller: Caller) -> None:
    """The answer is whole; what does not come to its end soon is closed."""
    with FaultServer(hello(Stall()), hello()) as server:
        outcomes = caller.streams(at(server.url), [{}] * 2)
        server.connections[0].closed_by_client.wait()
        assert len(server.connections) == 2
    assert [outcome.error for outcome in outcomes] == [None, None]


def test_a_kept_connection_that_the_server_closed_is_replaced(wired: Caller) -> None:
    """A server may close an idle connection; the next call does not notice."""
    closing = Answer(200, {"content-type": "text/event-stream"}, [Send(b"".join(HELLO))], framing="close")
    with FaultServer(closing, hello()) as server:
        outcomes = wired.streams(at(server.url), [{}] * 2)
    assert [outcome.error for outcome in outcomes] == [None, None]


@needs_proc
@pytest.mark.parametrize(
    ("answer", "limits"),
    [
        (json_answer({"error": "no"}, 400), NO_LIMITS),
        (sse_answer(HELLO[0]), NO_LIMITS),
        (sse_answer(HELLO[0], Reset()), NO_LIMITS),
        (sse_answer(event(error={"message": "no"})), NO_LIMITS),
        (sse_answer(HELLO[0], b"data: {not json\n\n"), NO_LIMITS),
        (Answer(before=[Stall()]), Limits(first_event=0.02)),
        (sse_answer(HELLO[0], Stall()), Limits(between_events=0.02)),
    ],
    ids=["status", "cut", "reset", "error object", "malformed", "no head", "stuck"],
)
def test_calls_that_fail_leak_neither_sockets_nor_threads(wired: Caller, answer: Answer, limits: Limits) -> None:
    """After as many failures as you like, the client holds at most the one connection that it keeps, and works."""
    calls = 5
    with FaultServer(*[answer] * calls, hello()) as server:
        options = wired.options(at(server.url), {"max_retries": 0, "limits": limits})
        before = threading.active_count()

        def check(failed: list[object], open_before: int) -> None:
            assert len(failed) == calls
            assert sockets_open() - open_before <= 2  # both ends of one, for the server is in this process
            assert threading.active_count() <= before + 1  # the watchdog

        if wired.mode == "sync":
            with Client(**options) as client:
                open_before = sockets_open()
                failed: list[object] = [stream_sync(client, "tiny:m").error for _ in range(calls)]
                for connection in server.connections[:-1]:
                    connection.closed.wait()
                check([error for error in failed if error], open_before)
                assert stream_sync(client, "tiny:m").response.text == "Hello"
            return

        async def go() -> None:
            async with AsyncClient(**options) as clients:
                open_before = sockets_open()
                failed: list[object] = [(await stream_async(clients, "tiny:m")).error for _ in range(calls)]
                for connection in server.connections[:-1]:
                    while not connection.closed:  # noqa: ASYNC110  # the server lives in a thread
                        await anyio.sleep(0.001)
                check([error for error in failed if error], open_before)
                assert (await stream_async(clients, "tiny:m")).response.text == "Hello"

        wired.run(go)


@needs_proc
def test_a_closed_client_holds_nothing() -> None:
    """`close` closes the pooled connections, and the client can be used again."""
    with FaultServer(hello(), hello()) as server:
        before = sockets_open()
        client = Client(config=config(), providers=[at(server.url)])
        assert stream_sync(client, "tiny:m").response.text == "Hello"
        client.close()
        server.connections[0].closed_by_client.wait()
        server.connections[0].closed.wait()
        assert sockets_open() == before
        assert stream_sync(client, "tiny:m").response.text == "Hello"
        client.close()


# ---- who shares a client


def test_one_client_serves_many_threads() -> None:
    """Eight threads, twenty-five calls each, every answer its own."""

    def echo(text: str) -> Answer:
        return sse_answer(event(text=text), event(finish="stop"), b"data: [DONE]\n\n")

    with FaultServer() as server, Client(config=config(), providers=[at(server.url)]) as client:
        server.route("/chat", lambda request: echo(request.json["texts"][0]))  # type: ignore[index, call-overload, arg-type]

        def work(thread: int) -> list[str]:
            return [client.generate("tiny:m", f"{thread}-{call}", via_stream=True).text for call in range(25)]

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(work, range(8)))
        assert len(server.connections) <= 8
    assert answers == [[f"{thread}-{call}" for call in range(25)] for thread in range(8)]


def test_many_tasks_share_an_async_client(caller: Caller) -> None:
    """Each call has a connection of its own while it runs."""
    if caller.mode == "sync":
        return

    async def go() -> list[str]:
        texts: list[str] = []
        async with AsyncClient(**caller.options(at(server.url), {})) as client, anyio.create_task_group() as tasks:

            async def work() -> None:
                texts.append((await stream_async(client, "tiny:m")).response.text)

            for _ in range(20):
                tasks.start_soon(work)
        return texts

    with FaultServer(*[hello()] * 20) as server:
        assert caller.run(go) == ["Hello"] * 20


def test_an_async_client_serves_one_event_loop_after_another() -> None:
    """A client made once can be used in several `asyncio.run`; each has its own connections."""
    with FaultServer(*[hello()] * 4) as server:
        client = AsyncClient(config=config(), providers=[at(server.url)])

        async def go() -> list[str]:
            async with client:
                return [(await stream_async(client, "tiny:m")).response.text for _ in range(2)]

        assert [asyncio.run(go()), anyio.run(go, backend="trio")] == [["Hello"] * 2] * 2
        assert len(server.connections) == 2


def test_a_stream_made_before_the_loop_runs_is_entered_in_it() -> None:
    """Making a stream needs no event loop."""
    with FaultServer(hello()) as server:
        client = AsyncClient(config=config(), providers=[at(server.url)])
        stream = client.stream("tiny:m", "Hi")

        async def go() -> str:
            async with client, stream:
                return (await stream.finish()).text

        assert asyncio.run(go()) == "Hello"


# ---- a caller's own client


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


@either_library
def test_limits_hold_where_the_sockets_cannot_be_reached(lib: type[httpx]) -> None:  # type: ignore[valid-type]
    """Through a transport that hides its sockets, the library's own timeout ends the wait."""

    class Hiding(lib.BaseTransport):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self._hidden = lib.HTTPTransport()  # type: ignore[attr-defined]

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer: httpx.Response = self._hidden.handle_request(request)
            return answer

        def close(self) -> None:
            self._hidden.close()

    with FaultServer(Answer(before=[Stall()])) as server, lib.Client(transport=Hiding()) as own:  # type: ignore[attr-defined]
        client = Client(
            config=config(),
            providers=[at(server.url)],
            http_client=own,
            limits=Limits(first_event=0.2, between_events=0.2),
        )
        error = stream_sync(client, "tiny:m", max_retries=0).error
    assert isinstance(error, TimeoutExceededError)
    assert error.limit == "first_event"


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


# ---- proxies


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give an environment without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_the_proxy_of_the_environment_is_used(wired: Caller, environment: pytest.MonkeyPatch, variable: str) -> None:
    """The proxy sees the request for the other host."""
    with FaultServer(hello()) as proxy:
        environment.setenv(variable, proxy.url)
        outcome = wired.stream(at("http://models.test/v1"))
        assert proxy.last_request.headers["host"] == "models.test"
        assert proxy.last_request.path == "/v1/chat"
    assert outcome.response.text == "Hello"


def test_a_host_that_the_environment_exempts_is_asked_directly(caller: Caller, environment: pytest.MonkeyPatch) -> None:
    """`no_proxy` holds."""
    with FaultServer() as proxy:
        environment.setenv("http_proxy", proxy.url)
        environment.setenv("no_proxy", "models.invalid")
        outcome = caller.stream(at("http://models.invalid"), max_retries=0)
        assert proxy.connections == []
    assert isinstance(outcome.error, ConnectError)


def test_this_machine_is_never_asked_through_a_proxy(wired: Caller, environment: pytest.MonkeyPatch) -> None:
    """A key may go unencrypted to this machine, but not past it."""
    with FaultServer() as proxy, FaultServer(hello()) as server:
        environment.setenv("http_proxy", proxy.url)
        outcome = wired.stream(at(server.url, Locked), client={"api_keys": {"tiny": "secret-key"}})
        assert proxy.connections == []
    assert outcome.response.text == "Hello"


@pytest.mark.parametrize("proxy", ["nonsense://127.0.0.1:1", "socks5://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_a_matter_of_set_up(
    caller: Caller, environment: pytest.MonkeyPatch, proxy: str
) -> None:
    """It is not tried again."""
    environment.setenv("http_proxy", proxy)
    outcome = caller.stream(at("http://models.test"))
    assert isinstance(outcome.error, ConfigError)
    assert outcome.types == []


# ---- keys and addresses


@pytest.mark.parametrize(
    "host",
    ["models.test", "192.168.1.7", "127.0.0.1.models.test", "127.models.test", "[2001:db8::1]", "0.0.0.0"],  # noqa: S104  # hosts
)
def test_a_key_does_not_go_unencrypted_to_another_machine(caller: Caller, host: str) -> None:
    """Refused before anything is sent, whatever the host's name looks like."""
    outcome = caller.stream(at(f"http://{host}", Locked), client={"api_keys": {"tiny": "secret-key"}})
    assert isinstance(outcome.error, ConfigError)
    assert "plain http" in outcome.error.message


def test_a_key_in_a_header_is_a_key_too(caller: Caller) -> None:
    """A proxy's key in the configured headers, or one that the call adds."""
    configured = type("Proxied", (Tiny,), {"base_url": "http://models.test"})(
        ProviderConfig(headers={"X-Proxy-Key": "k"})
    )
    for provider, headers in ((configured, {}), (at("http://models.test"), {"Authorization": "Bearer k"})):
        outcome = caller.stream(provider, extra_headers=headers)
        assert isinstance(outcome.error, ConfigError)
        assert "plain http" in outcome.error.message


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "models.localhost"])
def test_a_key_goes_to_this_machine(host: str) -> None:
    """By each of its names: the call fails only because nobody listens."""
    outcome = Caller("sync").stream(
        at(f"http://{host}:9", Locked), client={"api_keys": {"tiny": "secret-key"}, "max_retries": 0}
    )
    assert isinstance(outcome.error, ConnectError)


@pytest.mark.parametrize("url", ["ftp://models.test", "http://", "http://models.test:notaport", "http://[::"])
def test_an_address_that_is_none_is_a_matter_of_set_up(wired: Caller, url: str) -> None:
    """Said at once, and not tried again."""
    outcome = wired.stream(at(url))
    assert isinstance(outcome.error, ConfigError)
    assert outcome.types == []


@pytest.mark.parametrize("value", ["ü", "a\nb", "a\x00b"])
def test_a_header_that_cannot_be_sent_is_a_matter_of_set_up(wired: Caller, value: str) -> None:
    """It is not tried again, and its value, which may be a key, is not shown."""
    with FaultServer() as server:
        outcome = wired.stream(at(server.url), extra_headers={"x-note": f"secret-value-{value}"})
    assert isinstance(outcome.error, ConfigError)
    assert outcome.types == []
    assert "secret-value" not in repr(outcome.error) + repr(outcome.error.__cause__)


def test_a_password_in_the_address_is_not_shown(caller: Caller) -> None:
    """An error names the host without it."""
    outcome = caller.stream(at("http://user:hunter2@127.0.0.1:9"), max_retries=0)
    assert isinstance(outcome.error, ConnectError)
    assert "http://127.0.0.1:9" in outcome.error.message
    assert "hunter2" not in repr(outcome.error)


def test_what_goes_out_is_what_was_asked_for(wired: Caller) -> None:
    """Body, headers and query of wire, configuration and call, those nearer to the call winning."""
    given = ProviderConfig(
        headers={"x-a": "configured", "x-b": "configured"}, query={"v": "1"}, provider_options={"top": {"a": 1, "b": 1}}
    )
    with FaultServer(hello()) as server:
        provider: Provider = type("Set", (Tiny,), {"base_url": server.url, "headers": {"x-a": "provider"}})(given)
        wired.stream(
            provider,
            extra_headers={"X-B": "call"},
            extra_query={"w": "2"},
            provider_options={"tiny": {"top": {"b": 2}, "more": True}, "other": {"never": 1}},
        )
        request = server.last_request
    assert request.json == {"texts": ["Hi"], "stream": True, "top": {"a": 1, "b": 2}, "more": True}
    assert (request.headers["x-a"], request.headers["x-b"]) == ("configured", "call")
    assert (request.method, request.path, request.query) == ("POST", "/chat", {"v": ["1"], "w": ["2"]})
    assert request.headers["content-type"] == "application/json"


# ---- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Give a certificate authority."""
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Give a server's context whose authority this process trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return context


def localhost(server: FaultServer) -> str:
    """Return the server's address by the name that its certificate has."""
    return server.url.replace("127.0.0.1", "localhost")


def test_https_works_and_its_connection_is_used_again(wired: Caller, tls: ssl.SSLContext) -> None:
    """The same over TLS, with a key."""
    with FaultServer(hello(), hello(), tls=tls) as server:
        outcomes = wired.streams(at(localhost(server), Locked), [{}] * 2, client={"api_keys": {"tiny": "secret-key"}})
        assert len(server.connections) == 1
    assert [outcome.response.text for outcome in outcomes] == ["Hello"] * 2


def test_limits_and_leaving_hold_over_tls(wired: Caller, tls: ssl.SSLContext) -> None:
    """A stuck server is given up, and one that goes on is left."""
    endless = sse_answer(HELLO[0], Flood(b": ping\n\n", 0.01))
    with FaultServer(sse_answer(HELLO[0], Stall()), endless, tls=tls) as server:
        stuck = wired.stream(at(localhost(server)), limits=Limits(between_events=0.2))
        left = wired.stream(at(localhost(server)), take=3)
        for connection in server.connections:
            connection.closed_by_client.wait()
    assert isinstance(stuck.error, TimeoutExceededError)
    assert (stuck.response.text, left.response.text) == ("Hel", "Hel")


def test_a_handshake_that_gets_stuck_is_given_up(wired: Caller) -> None:
    """A server that takes the connection and never speaks TLS."""
    import socket  # noqa: PLC0415  # only here

    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = wired.stream(at(f"https://localhost:{silent.getsockname()[1]}"), limits=Limits(total=0.3))
    assert isinstance(outcome.error, TimeoutExceededError)
    assert outcome.error.limit == "total"


def test_a_certificate_that_nobody_trusts_is_refused(wired: Caller, authority: trustme.CA) -> None:
    """The key is not sent to a server that cannot show who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with FaultServer(tls=context) as server:
        outcome = wired.stream(at(localhost(server), Locked), client={"api_keys": {"tiny": "k" * 8}, "max_retries": 0})
        assert server.requests == []
    assert isinstance(outcome.error, ConnectError)
    assert "certificate" in outcome.error.message.lower()


# ---- connecting, sync


def nothing(_: object) -> None:
    """Watch nothing."""


def test_the_next_address_of_a_name_is_tried() -> None:
    """`localhost` may be ::1 first, where nobody listens."""
    with FaultServer() as server:
        sock = connect("localhost", int(server.url.rpartition(":")[2]), 5, nothing)
        sock.close()


def test_a_name_that_does_not_exist_is_no_connection() -> None:
    """The system's own words say what is wrong."""
    with pytest.raises(OSError, match=r"(?i)name|address|temporary"):
        connect("models.invalid", 80, 5, nothing)


def test_looking_up_a_name_can_be_stopped() -> None:
    """Who is told of the look-up can end the wait for it."""
    told: list[object] = []

    def stop(waited_for: object) -> None:
        told.append(waited_for)
        waited_for.shutdown(2)  # type: ignore[attr-defined]

    with pytest.raises(OSError, match="stopped"):
        connect("models.invalid", 80, None, stop)
    assert len(told) == 1


def test_errors_of_every_kind_are_of_this_package(wired: Caller) -> None:
    """Nothing of the HTTP library escapes, and nothing of its exceptions hangs on ours."""
    answers: list[Answer] = [
        Answer(before=[Reset()]),
        sse_answer(Reset()),
        Answer(framing="raw", steps=[Send(b"?\r\n\r\n")]),
    ]
    with FaultServer(*answers) as server:
        outcomes = wired.streams(at(server.url), [{}] * 3, client={"max_retries": 0})
    for outcome in outcomes:
        assert isinstance(outcome.error, TransportError)
        assert outcome.error.__context__ is None
        cause = outcome.error.__cause__
        assert cause is None or type(cause).__name__ == "RedactedCause"


def test_a_client_that_nobody_closes_closes_its_connections_when_it_goes() -> None:
    """A script that only calls leaves no open socket for Python to warn of."""
    with FaultServer(hello()) as server:
        client = Client(config=config(), providers=[at(server.url)])
        assert stream_sync(client, "tiny:m").response.text == "Hello"
        del client
        server.connections[0].closed_by_client.wait()
