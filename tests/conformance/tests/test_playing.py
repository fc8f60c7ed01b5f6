"""Cassettes are played back in their order, read-only, by our own transport and by stock vcrpy for both libraries."""

from __future__ import annotations

from pathlib import Path

import httpx
import httpx2
import pytest

from core_llm_conformance.conversation import converse
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.playing import (
    Library,
    Playback,
    check_seen,
    doors,
    played_by_vcrpy,
    unconnected_async_client,
    unconnected_client,
)
from core_llm_conformance.replay import ReplayTransport
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.script import ScriptError
from core_llm_conformance.target import Target

from .twin.acme import Acme

TARGET = Target(Acme, "acme-1", cassettes=Path(__file__).parent / "twin/cassettes/acme")
TOOL_RESULT = BY_NAME["tool_result"]
INTERACTIONS = TARGET.cassette(TOOL_RESULT).of("plain")
URL = "https://api.acme.example/v1/chat/completions"
LIBRARIES: tuple[Library, ...] = ("httpx", "httpx2")


def client_of(playback: Playback) -> httpx.Client:
    """Return a client that is answered by a playback."""
    return httpx.Client(transport=ReplayTransport(playback))


def test_turns_are_played_in_their_order_and_compared() -> None:
    """Each request is compared with its own turn's, which needs what came before."""
    playback = Playback(*INTERACTIONS)
    with client_of(playback) as http, TARGET.client(http) as client:
        played = converse(client, TARGET, TOOL_RESULT, "plain")
    playback.check_requests(TARGET, TOOL_RESULT, played.responses)
    assert played.response.text == "It is 14 °C and raining in Oslo."


def test_another_address_is_refused() -> None:
    """The failure says what was called, and what the cassette has."""
    with (
        pytest.raises(ConformanceFailure, match=r"path is '/v2/chat', not '/v1/chat/completions'"),
        Playback(*INTERACTIONS) as playback,
        client_of(playback) as http,
    ):
        http.post("https://api.acme.example/v2/chat")


def test_one_request_too_many_is_refused() -> None:
    """A retry, say, that nobody asked for."""
    with (
        pytest.raises(ConformanceFailure, match="after the last interaction had been played"),
        Playback(INTERACTIONS[0]) as playback,
        client_of(playback) as http,
    ):
        http.post(URL)
        http.post(URL)


def test_what_is_not_asked_for_fails() -> None:
    """An interaction that no request plays shows nothing."""
    with (
        pytest.raises(ConformanceFailure, match="1 of 2 interactions were not asked for, the first: POST /v1/chat"),
        Playback(*INTERACTIONS) as playback,
        client_of(playback) as http,
    ):
        http.post(URL)


def test_a_request_that_says_something_else_fails_afterwards() -> None:
    """It is answered, in order; then the leaves that differ are shown."""
    playback = Playback(INTERACTIONS[0])
    with client_of(playback) as http, TARGET.client(http) as client:
        client.generate("acme:acme-2", "What is the weather in Oslo? Use the tool.")
    with pytest.raises(ConformanceFailure, match=r"\$\.model: the cassette has 'acme-1', sent was nothing"):
        playback.check_requests(TARGET, TOOL_RESULT)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("scenario", ["text", "tool_result", "unicode", "error_429", "embeddings"])
def test_stock_vcrpy_plays_what_we_write(library: Library, scenario: str) -> None:
    """With our head in the file, whichever library sends."""
    chosen, cassette = BY_NAME[scenario], TARGET.cassette(scenario)
    with played_by_vcrpy(cassette, library), unconnected_client(library) as http, TARGET.client(http) as client:
        modes = dict.fromkeys(interaction.head.mode for interaction in cassette.interactions)
        for mode in modes:
            played = converse(client, TARGET, chosen, mode)
            assert (played.error is not None) == (chosen.kind == "error")
    assert cassette.path.read_bytes() == TARGET.cassette(scenario).path.read_bytes()


@pytest.mark.parametrize("library", LIBRARIES)
def test_stock_vcrpy_plays_to_the_real_transport(library: Library) -> None:
    """The one with sockets, which is what an application has: vcrpy sees it too."""
    with played_by_vcrpy(TARGET.cassette("text"), library), TARGET.client(transport=library) as client:
        assert converse(client, TARGET, BY_NAME["text"], "stream").response.text == "Hello, it is good to meet you!"
        assert converse(client, TARGET, BY_NAME["text"], "plain").response.text == "Hello, it is good to meet you!"


@pytest.mark.anyio
@pytest.mark.parametrize("library", LIBRARIES)
async def test_stock_vcrpy_plays_to_async_clients(library: Library) -> None:
    """On asyncio and trio."""
    with played_by_vcrpy(TARGET.cassette("model_listing"), library):
        async with unconnected_async_client(library) as http, TARGET.async_client(http) as client:
            assert [model.id for model in await client.models("acme")] == ["acme-one", "acme-two"]


def test_vcrpy_must_play_everything() -> None:
    """A cassette with an interaction that nobody asks for shows less than it says."""
    with (
        pytest.raises(ConformanceFailure, match="1 of 2 were"),
        played_by_vcrpy(TARGET.cassette("text")),
        unconnected_client() as http,
        TARGET.client(http) as client,
    ):
        converse(client, TARGET, BY_NAME["text"], "stream")


@pytest.mark.parametrize("module", [httpx, httpx2], ids=LIBRARIES)
def test_a_vcrpy_that_does_not_see_a_library_is_found_out(module: object) -> None:
    """As older ones do not see httpx2: every door is as it was, so a request would go live."""
    library: Library = "httpx" if module is httpx else "httpx2"
    same = doors(httpx if module is httpx else httpx2)
    with pytest.raises(ConformanceFailure, match=f"does not see {library}: its requests would go live"):
        check_seen(library, same, same, "text")


def test_an_unconnected_client_reaches_nobody() -> None:
    """So that a vcrpy that looks away fails the test and sends nothing."""
    with unconnected_client() as http, pytest.raises(ScriptError, match="vcrpy did not answer GET /v1"):
        http.get("https://api.acme.example/v1")
