"""The fault server does what its script says, and sees what the client does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from core_llm_conformance.script import (
    Answer,
    Close,
    Drip,
    End,
    Flood,
    Gate,
    Pause,
    Reset,
    ScriptError,
    Send,
    Stall,
    Wait,
    json_answer,
    sse_answer,
    sse_event,
)
from core_llm_conformance.server import FaultServer, RecordedRequest


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Give an HTTP client with a guard against hanging."""
    with httpx.Client(timeout=10) as http:
        yield http


def dial(server: FaultServer, request: bytes = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") -> socket.socket:
    """Open a raw connection to the server and send a request."""
    host, port = server.url.removeprefix("http://").split(":")
    raw = socket.create_connection((host, int(port)), timeout=10)
    raw.sendall(request)
    return raw


def read_all(raw: socket.socket) -> bytes:
    """Read until the server closes."""
    pieces = []
    while piece := raw.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def test_a_plain_answer_and_the_request_as_it_came(client: httpx.Client) -> None:
    """The request is recorded whole, the answer is sent whole."""
    with FaultServer(json_answer({"ok": True}, headers={"x-request-id": "r1"})) as server:
        response = client.post(f"{server.url}/v1/a%20b?x=1&x=2&y=", json={"q": "ä"}, headers={"X-Key": "k"})
    assert (response.status_code, response.json(), response.headers["x-request-id"]) == (200, {"ok": True}, "r1")
    request = server.last_request
    assert (request.method, request.path, request.query) == ("POST", "/v1/a b", {"x": ["1", "2"], "y": [""]})
    assert request.json == {"q": "ä"}
    assert request.headers["x-key"] == "k"


def test_a_chunked_request_body_is_put_together(client: httpx.Client) -> None:
    """A body that the client sends in chunks arrives as one."""
    with FaultServer(json_answer(1)) as server:
        client.post(server.url, content=iter([b"ab", b"", b"cde"]))
    assert server.last_request.body == b"abcde"


def test_each_send_is_one_chunk_of_a_stream() -> None:
    """A chunked answer is on the wire as the script has it, and the connection stays open for the next request."""
    with FaultServer(Answer(200, {"a": "b"}, [Send(b"hello"), Send(b""), Send(b"!")])) as server, dial(server) as raw:
        expected = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\na: b\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
        received = b""
        while len(received) < len(expected):
            received += raw.recv(65536)
        assert received == expected
        assert not server.connections[0].closed


def test_two_requests_on_one_connection(client: httpx.Client) -> None:
    """Requests that share a connection are seen to share it."""
    with FaultServer(json_answer(1), json_answer(2)) as server:
        assert [client.get(server.url).json() for _ in range(2)] == [1, 2]
    assert [request.connection.id for request in server.requests] == [1, 1]
    assert len(server.connections) == 1


def test_an_answer_that_wants_the_connection_closed(client: httpx.Client) -> None:
    """After ``connection: close`` the next request comes on another connection."""
    with FaultServer(json_answer(1, headers={"connection": "close"}), json_answer(2)) as server:
        assert [client.get(server.url).json() for _ in range(2)] == [1, 2]
    assert [request.connection.id for request in server.requests] == [1, 2]


def test_routes_answer_again_and_again_and_may_be_functions(client: httpx.Client) -> None:
    """A route stands beside the queue and may look at the request."""

    def echo(request: RecordedRequest) -> Answer:
        return json_answer(request.query["say"][0])

    with FaultServer(json_answer("queued")) as server:
        server.route("/echo", echo)
        answers = [client.get(f"{server.url}{path}").json() for path in ("/echo?say=a", "/other", "/echo?say=b")]
    assert answers == ["a", "queued", "b"]
    assert server.unused == 0


def test_server_sent_events_are_composed() -> None:
    """Events are JSON or text, with or without a name."""
    assert sse_event({"a": 1}) == b'data: {"a": 1}\n\n'
    assert sse_event("[DONE]", "end") == b"event: end\ndata: [DONE]\n\n"


def test_the_server_waits_at_a_gate(client: httpx.Client) -> None:
    """What stands behind a gate comes only after the test has opened it."""
    gate = Gate()
    with (
        FaultServer(sse_answer(b"one", Pause(gate), b"two")) as server,
        client.stream("GET", server.url) as response,
    ):
        chunks = response.iter_raw()
        assert next(chunks) == b"one"
        gate.reached.wait()
        sent_before = server.connections[0].bytes_written
        gate.open()
        assert next(chunks) == b"two"
        assert server.connections[0].bytes_written > sent_before


def test_dripped_bytes_all_arrive(client: httpx.Client) -> None:
    """A drip is the same bytes in pieces."""
    with FaultServer(Answer(steps=[Drip(b"abcdefg", size=3, interval=0.001), Wait(0.001), End()])) as server:
        assert client.get(server.url).content == b"abcdefg"


def test_a_reset_is_a_read_error_after_the_bytes_that_came(client: httpx.Client) -> None:
    """The client gets what was sent, then the operating system's reset."""
    gate = Gate()
    with (
        FaultServer(sse_answer(b"part", Pause(gate), Reset())) as server,
        client.stream("GET", server.url) as response,
    ):
        chunks = response.iter_raw()
        assert next(chunks) == b"part"
        gate.open()
        with pytest.raises(httpx.ReadError):
            next(chunks)


@pytest.mark.parametrize(
    "answer",
    [
        sse_answer(b"part", Close()),
        Answer(steps=[Send(b"part"), Close()], framing="content-length", content_length=100),
    ],
    ids=["without the last chunk", "short of the content length"],
)
def test_a_body_closed_too_early_breaks_the_protocol(client: httpx.Client, answer: Answer) -> None:
    """A close that HTTP does not allow is seen by the client's HTTP library."""
    with FaultServer(answer) as server, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)


def test_a_body_that_ends_with_the_connection(client: httpx.Client) -> None:
    """Without length or chunks, the close is the end."""
    with FaultServer(Answer(steps=[Send(b"all"), Send(b" there")], framing="close")) as server:
        assert client.get(server.url).content == b"all there"


def test_an_answer_that_is_not_http() -> None:
    """A raw answer has no head but what the script sends."""
    with FaultServer(Answer(steps=[Send(b"nonsense\r\n")], framing="raw")) as server, dial(server) as raw:
        assert read_all(raw) == b"nonsense\r\n"


def test_a_head_that_never_comes(client: httpx.Client) -> None:
    """A stall before the head runs into the client's own limit, and the server sees the client go."""
    with FaultServer(Answer(before=[Stall()])) as server:
        with pytest.raises(httpx.ReadTimeout):
            client.get(server.url, timeout=0.2)
        server.connections[0].closed_by_client.wait()
    assert server.connections[0].bytes_written == 0


def test_the_server_sees_the_client_leave_a_stream(client: httpx.Client) -> None:
    """Leaving the block of a stalled stream closes the connection at once, seen from the server."""
    with FaultServer(sse_answer(b"x", Stall())) as server:
        with client.stream("GET", server.url) as response:
            chunks = response.iter_raw()
            assert next(chunks) == b"x"
            connection = server.connections[0]
            assert not connection.closed_by_client
        connection.closed_by_client.wait()
        assert connection.closed_by_client.at is not None


def test_the_servers_own_close_is_not_the_clients(client: httpx.Client) -> None:
    """A connection that the script closed is never said to be closed by the client."""
    with FaultServer(Answer(steps=[Send(b"x")], framing="close")) as server:
        client.get(server.url)
        server.connections[0].closed.wait()
    assert not server.connections[0].closed_by_client


def test_a_client_that_does_not_read_holds_the_server_back() -> None:
    """An endless answer stops at what the kernel's buffers take, and goes on when the client reads."""
    with FaultServer(Answer(steps=[Flood(b"x" * 16_384)]), send_buffer=8_192) as server, dial(server) as raw:
        server.wait_for_requests(1)
        connection = server.connections[0]
        connection.held_back.wait()
        assert connection.is_writer_blocked
        taken = connection.bytes_written
        for _ in range(100):
            raw.recv(1_000_000)
        assert connection.bytes_written > taken


@pytest.mark.anyio
async def test_an_async_test_waits_for_the_same_causes() -> None:
    """The waiting functions have twins for tests that are coroutines."""
    with FaultServer(sse_answer(b"x", Stall())) as server:
        async with httpx.AsyncClient(timeout=10) as http:
            async with http.stream("GET", server.url):
                (request,) = await server.wait_for_requests_async(1)
                assert not request.connection.closed_by_client
            await request.connection.closed_by_client.wait_async()


def test_a_request_too_many_fails_the_test(client: httpx.Client) -> None:
    """A request that the script has no answer for breaks the connection, and leaving the server raises."""
    with (
        pytest.raises(ScriptError, match="no answer left for request 1: GET /x"),
        FaultServer() as server,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.get(f"{server.url}/x")


def test_a_script_that_lies_about_its_length_fails_the_test(client: httpx.Client) -> None:
    """An answer that ends before the length that it claimed is a mistake of the script, not a fault to test."""
    answer = Answer(steps=[Send(b"abc")], framing="content-length", content_length=5)
    with (
        pytest.raises(ScriptError, match="claimed 5 bytes, the steps sent 3"),
        FaultServer(answer) as server,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.get(server.url)


def test_a_test_that_fails_keeps_its_own_error(client: httpx.Client) -> None:
    """What went wrong with the script is a note on the error that the test failed with."""
    with pytest.raises(httpx.RemoteProtocolError) as caught, FaultServer() as server:
        client.get(server.url)
    assert "no answer left for request 1" in caught.value.__notes__[0]


def test_a_request_that_is_not_http_fails_the_test() -> None:
    """Bytes that are no request are reported."""
    with (
        pytest.raises(ScriptError, match="not an HTTP request: 'hello'"),
        FaultServer() as server,
        dial(server, b"hello\r\n\r\n") as raw,
    ):
        assert read_all(raw) == b""


def test_waiting_in_vain_names_what_did_not_happen() -> None:
    """The guard's error says what was waited for."""
    with pytest.raises(TimeoutError, match=r"the server came to the gate: did not happen within 0\.01 s"):
        Gate().reached.wait(0.01)
    with FaultServer() as server, pytest.raises(TimeoutError, match="0 of 1 requests came"):
        server.wait_for_requests(1, timeout=0.01)


def test_leaving_ends_the_thread_and_what_is_open() -> None:
    """With a stream stalled and a connection idle, leaving ends both and the thread."""
    with FaultServer(sse_answer(b"x", Stall())) as server:
        stalled = dial(server)
        idle = dial(server, b"")
        server.wait_for_requests(1)
    assert "fault-server" not in {thread.name for thread in threading.enumerate()}
    assert all(connection.closed for connection in server.connections)
    stalled.close()
    idle.close()
