"""What goes out and where: proxies, keys and addresses, TLS, and making a connection."""

from __future__ import annotations

import socket
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest
import trustme
from pydantic import SecretStr

from core_llm import (
    AbortedError,
    Client,
    ConfigError,
    ConnectError,
    Limits,
    ProviderConfig,
    Signal,
    TimeoutExceededError,
    TransportError,
)
from core_llm._config_model import NO_LIMITS, TransportName
from core_llm._provider import Provider
from core_llm._sockets import connect
from core_llm_conformance.script import Answer, Flood, Reset, Send, Stall, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, async_client, config, stream_async, stream_sync
from .tiny import HELLO, Locked, Tiny, at, hello

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
        ProviderConfig(headers={"X-Proxy-Key": SecretStr("k")})
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
        headers={"x-a": SecretStr("configured"), "x-b": SecretStr("configured")},
        query={"v": "1"},
        provider_options={"top": {"a": 1, "b": 1}},
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


def test_a_signal_stops_a_call_over_tls(wired: Caller, tls: ssl.SSLContext) -> None:
    """Before the head and in the body: the socket is shut down below the encryption."""
    with FaultServer(Answer(before=[Stall()]), sse_answer(HELLO[0], Stall()), tls=tls) as server:
        provider = at(localhost(server))
        outcomes = [wired.stream(provider, signal=Signal.timeout(0.3), limits=NO_LIMITS) for _ in range(2)]
        for connection in server.connections:
            connection.closed_by_client.wait()
    assert [type(outcome.error) for outcome in outcomes] == [AbortedError, AbortedError]
    assert outcomes[1].response.text == "Hel"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_a_signal_stops_a_call_over_tls_on_uvloop(transport: TransportName, tls: ssl.SSLContext) -> None:
    """Where the sockets are the loop's own, too."""

    async def main(url: str) -> str:
        async with async_client(url, transport) as client:
            outcome = await stream_async(client, "tiny:m", signal=Signal.timeout(0.3))
            assert isinstance(outcome.error, AbortedError)
            return outcome.response.text

    with FaultServer(sse_answer(HELLO[0], Stall()), tls=tls) as server:
        assert anyio.run(main, localhost(server), backend_options={"use_uvloop": True}) == "Hel"
        server.connections[0].closed_by_client.wait()


def test_a_handshake_that_gets_stuck_is_given_up(wired: Caller) -> None:
    """A server that takes the connection and never speaks TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = wired.stream(at(f"https://localhost:{silent.getsockname()[1]}"), limits=Limits(total=0.2))
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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not ignore who connects to a full queue")
def test_an_address_that_never_answers_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a network has IPv6 in name only."""
    with ExitStack() as left, socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        for _ in range(4):
            waiting = left.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  # its only argument
            waiting.connect_ex(silent.getsockname())
        left.enter_context(socket.create_server(("127.0.0.2", port)))
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)) for host in ("127.0.0.1", "127.0.0.2")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with connect("models.example", port, 1, nothing) as sock:
            assert sock.getpeername() == ("127.0.0.2", port)


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
