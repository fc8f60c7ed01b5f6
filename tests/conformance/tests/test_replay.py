"""The replay transport plays answers whole, cut, reset or stalled, for both HTTP libraries, sync and async."""

from __future__ import annotations

from pathlib import Path

import httpx
import httpx2
import pytest

from core_llm_conformance import cuts
from core_llm_conformance.corpus import Recording, read_cassette
from core_llm_conformance.replay import Replay, ReplayAnswer, ReplayTransport
from core_llm_conformance.replay_httpx2 import Httpx2ReplayTransport
from core_llm_conformance.script import ScriptError

URL = "https://api.example/v1/chat/completions"
STREAM = b"data: 1\n\ndata: 2\n\n"
SSE = {"content-type": "text/event-stream"}


def test_a_sync_client_reads_the_body_as_it_is_cut() -> None:
    """Each piece of the cut is one read, and the request is kept."""
    replay = Replay(ReplayAnswer(STREAM, headers=SSE, cut=cuts.per_event))
    with (
        httpx.Client(transport=ReplayTransport(replay)) as http,
        http.stream("POST", URL, json={"q": 1}, headers={"X-A": "b"}) as response,
    ):
        assert list(response.iter_raw()) == [b"data: 1\n\n", b"data: 2\n\n"]
    (request,) = replay.requests
    assert (request.method, request.url, request.json, request.headers["x-a"]) == ("POST", URL, {"q": 1}, "b")
    assert (replay.bodies[0].is_exhausted, replay.bodies[0].is_closed, replay.unused) == (True, True, 0)


@pytest.mark.anyio
async def test_an_async_client_reads_the_same_pieces() -> None:
    """The transport serves asyncio and trio alike."""
    transport = ReplayTransport([ReplayAnswer(STREAM, headers=SSE, cut=cuts.one_byte_at_a_time)])
    async with httpx.AsyncClient(transport=transport) as http, http.stream("GET", URL) as response:
        pieces = [piece async for piece in response.aiter_raw()]
    assert pieces == [STREAM[at : at + 1] for at in range(len(STREAM))]


def test_the_other_library_is_served_sync() -> None:
    """httpx2 has base classes of its own and gets a transport of its own."""
    transport = Httpx2ReplayTransport([ReplayAnswer(STREAM, cut=cuts.per_event)])
    with httpx2.Client(transport=transport) as http, http.stream("GET", URL) as response:
        assert list(response.iter_raw()) == [b"data: 1\n\n", b"data: 2\n\n"]


@pytest.mark.anyio
async def test_the_other_library_is_served_async() -> None:
    """The same on asyncio and trio, with the library's own errors."""
    transport = Httpx2ReplayTransport([ReplayAnswer(STREAM), ReplayAnswer(b"x", ending="reset")])
    async with httpx2.AsyncClient(transport=transport) as http:
        assert (await http.get(URL)).content == STREAM
        with pytest.raises(httpx2.ReadError):
            await http.get(URL)


def test_a_reset_comes_after_the_bytes() -> None:
    """The library's own error follows what was sent."""
    replay = Replay(ReplayAnswer(b"part", ending="reset"))
    with httpx.Client(transport=ReplayTransport(replay)) as http, http.stream("GET", URL) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"part"
        with pytest.raises(httpx.ReadError):
            next(pieces)
    assert not replay.bodies[0].is_exhausted


def test_a_stall_lasts_until_the_read_timeout() -> None:
    """What never comes is the library's read timeout, as from a real server."""
    transport = ReplayTransport([ReplayAnswer(b"part", ending="stall")])
    with httpx.Client(transport=transport, timeout=0.01) as http, pytest.raises(httpx.ReadTimeout):
        http.get(URL)


def test_a_body_can_be_shorter_than_was_said() -> None:
    """The library's own error for it follows what was sent."""
    transport = ReplayTransport([ReplayAnswer(b"part", ending="short")])
    with httpx.Client(transport=transport) as http, pytest.raises(httpx.RemoteProtocolError):
        http.get(URL)


def test_shutting_the_socket_down_wakes_a_stalled_read() -> None:
    """As a watchdog does it: the read breaks off, long before the guard against hanging."""
    replay = Replay(ReplayAnswer(b"part", ending="stall"))
    with (
        httpx.Client(transport=ReplayTransport(replay), timeout=60) as http,
        http.stream("GET", URL) as response,
        pytest.raises(httpx.ReadError, match="shut down"),
    ):
        pieces = response.iter_raw()
        assert next(pieces) == b"part"
        response.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        next(pieces)


@pytest.mark.anyio
async def test_pieces_can_come_slowly() -> None:
    """An interval goes before each, and other tasks run meanwhile."""
    replay = Replay(ReplayAnswer(STREAM, cut=cuts.per_event, interval=0.001))
    async with httpx.AsyncClient(transport=ReplayTransport(replay)) as http:
        assert (await http.get(URL)).content == STREAM
    with httpx.Client(transport=ReplayTransport([ReplayAnswer(STREAM, cut=cuts.per_event, interval=0.001)])) as http:
        assert http.get(URL).content == STREAM


@pytest.mark.anyio
async def test_a_stall_of_an_async_client_lasts_until_the_read_timeout() -> None:
    """The same without blocking the loop."""
    transport = ReplayTransport([ReplayAnswer(b"part", ending="stall")])
    async with httpx.AsyncClient(transport=transport, timeout=0.01) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(URL)


def test_answers_go_to_the_requests_they_are_for() -> None:
    """An answer with a method or a path waits for its request, whatever the order."""
    answers = [ReplayAnswer(b"m", method="GET", path="/models"), ReplayAnswer(b"1", path="/chat"), ReplayAnswer(b"2")]
    with httpx.Client(transport=ReplayTransport(answers), base_url="https://x") as http:
        contents = [http.post("/chat").content, http.post("/chat").content, http.get("/models").content]
    assert contents == [b"1", b"2", b"m"]


def test_a_request_without_an_answer_fails_the_test() -> None:
    """It raises at once, and again when the replay is left, so that no client can swallow it."""
    with (
        pytest.raises(ScriptError, match="no answer left for GET /x; 1 answers unused"),
        Replay(ReplayAnswer(b"", path="/y")) as replay,
        httpx.Client(transport=ReplayTransport(replay)) as http,
        pytest.raises(ScriptError, match="no answer left for GET /x"),
    ):
        http.get("https://h/x")


def test_a_recording_becomes_an_answer() -> None:
    """Status, headers and body are the recorded ones; a truncated body may stand in."""
    recording = Recording(
        file="f/a.yaml", family="f", interaction_index=0, method="POST", url=URL, request_headers={}, request_body=b"",
        status=429, headers={"retry-after": "2"}, body=b"slow down", is_streaming=False, format="vcr-yaml",
        provenance="recorded", tags=frozenset(), models=(),
    )  # fmt: skip
    transport = ReplayTransport([ReplayAnswer.of(recording), ReplayAnswer.of(recording, body=b"slow")])
    with httpx.Client(transport=transport) as http:
        first, second = http.post(URL), http.post(URL)
    assert (first.status_code, first.headers["retry-after"], first.content) == (429, "2", b"slow down")
    assert second.content == b"slow"


def test_a_cassette_of_a_plugin_is_read_from_anywhere(tmp_path: Path) -> None:
    """One function reads one vcrpy file, and its exchanges can be played."""
    cassette = tmp_path / "text.yaml"
    cassette.write_text(
        "version: 1\ninteractions:\n"
        "- request: {method: POST, uri: 'https://h/v1/chat/completions', headers: {}, body: '{}'}\n"
        "  response: {status: {code: 200, message: OK}, headers: {}, body: {string: '1'}}\n"
    )
    (recording,) = read_cassette(cassette)
    assert (recording.file, recording.is_chat_completions, recording.body) == ("text.yaml", True, b"1")
