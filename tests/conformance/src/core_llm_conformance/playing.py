"""Playing a cassette back, read-only: through our own transport, and through stock vcrpy for the plain pass.

Both answer in the cassette's order, never ask anybody else, and fail if something was not asked for. Neither compares
more than the address while it plays; bodies are compared afterwards, when the responses of earlier turns are known.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Literal

from core_llm import Response
from core_llm_conformance._replay_core import Replay, ReplayAnswer, ReplayedRequest
from core_llm_conformance.cassette import Cassette, Interaction
from core_llm_conformance.cuts import Cut, whole
from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.matching import address, check_request, owned_by
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.script import ScriptError
from core_llm_conformance.target import Target

if TYPE_CHECKING:
    import httpx

Library = Literal["httpx", "httpx2"]
_ADDRESS_RULE = "a plugin makes the calls of its cassette, in their order, and no others"


def answer_of(interaction: Interaction, *, cut: Cut = whole) -> ReplayAnswer:
    """Return an interaction's answer, to whatever request comes."""
    return ReplayAnswer(interaction.body, interaction.status, interaction.headers, cut=cut)


class Playback(Replay):
    """The interactions of one mode, played in their order to requests of the same method, path and query.

    As a context manager it raises, when left, what did not fit, in place of the error that came of it.
    """

    def __init__(self, *interactions: Interaction, scenario: str = "", cut: Cut = whole) -> None:
        super().__init__(*(answer_of(interaction, cut=cut) for interaction in interactions))
        self._interactions = interactions
        self._scenario = scenario
        self._failure: ConformanceFailure | None = None

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise what did not fit; what was not asked for only if nothing else failed."""
        if self._failure is not None:
            raise self._failure from None
        super().__exit__(exc_type, exc, traceback)

    def answer(self, request: ReplayedRequest) -> ReplayAnswer:
        """Take the next answer off the list.

        Raises:
            ScriptError: There is none, or it belongs to another address; `check` says which.
        """
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
            if self._failure is None:
                self._failure = self._misfit(number, request)
            if self._failure is not None:
                raise ScriptError(self._failure.finding.found)
            return self._answers.pop(0)

    def check(self) -> None:
        """Raise what did not fit, and what was not asked for.

        Raises:
            ConformanceFailure: Says which call was another, one too many, or missing.
        """
        if self._failure is not None:
            raise self._failure
        if self.unused:
            missing = self._interactions[len(self.requests)]
            found = f"{self.unused} of {len(self._interactions)} interactions were not asked for, the first: "
            raise self._fail(f"{found}{missing.method} {missing.path} of turn {missing.head.turn}")

    def check_requests(self, target: Target, scenario: Scenario, responses: Sequence[Response] = ()) -> None:
        """Check that every request is the one of its interaction, and that there was one for each.

        Args:
            target: What was played to.
            scenario: What it was asked.
            responses: What came of each turn; that of the last is not needed.

        Raises:
            ConformanceFailure: A request differs, or is missing.
        """
        self.check()
        for interaction, request in zip(self._interactions, self.requests, strict=True):
            owned = owned_by(target, scenario, responses[: interaction.head.turn])
            check_request(interaction, request, owned, scenario=scenario.name)

    def _misfit(self, number: int, request: ReplayedRequest) -> ConformanceFailure | None:
        called = f"{request.method} {request.url.partition('?')[0]}"
        if number >= len(self._interactions):
            return self._fail(f"{called} after the last interaction had been played")
        wanted = self._interactions[number]
        here, there = address(request.method, request.url), address(wanted.method, wanted.url)
        if here == there:
            return None
        differing = [name for name in {**there, **here} if here.get(name) != there.get(name)]
        told = "; ".join(f"{name} is {here.get(name)!r}, not {there.get(name)!r}" for name in differing)
        return self._fail(f"{called} where the cassette has {wanted.method} {wanted.path}: {told}")

    def _fail(self, found: str) -> ConformanceFailure:
        look_at = "what the wire makes of the request; if it is right now, record or compose the cassette anew"
        return fail(_ADDRESS_RULE, found, scenario=self._scenario or None, look_at=look_at)


@contextmanager
def played_by_vcrpy(cassette: Cassette, library: Library = "httpx") -> Iterator[None]:
    """Let stock vcrpy answer whatever `library` sends, from the file and in its order; nothing is written.

    Older versions of vcrpy pass over ``httpx2`` in silence, and then a test would go live: that is found out before
    anything is sent. Send with the clients of `unconnected_client`, which could not, even so.

    Raises:
        ConformanceFailure: vcrpy does not load the file or does not see the library, or not everything was asked for.
    """
    vcr = importlib.import_module("vcr")
    module = importlib.import_module(library)
    real = doors(module)
    player = vcr.VCR(record_mode="none", match_on=("method", "path"))
    name = cassette.head.scenario
    try:
        played = player.use_cassette(str(cassette.path))
        cassette_of_vcr = played.__enter__()
    except Exception as error:  # vcrpy raises anything at all
        raise fail("stock vcrpy loads a cassette", f"{type(error).__name__}: {error}", scenario=name) from error
    try:
        check_seen(library, real, doors(module), name)
        yield
    finally:
        played.__exit__(None, None, None)
    if (count := cassette_of_vcr.play_count) != len(cassette.interactions):
        found = f"{count} of {len(cassette.interactions)} were"
        raise fail("every interaction of a cassette is played", found, scenario=name, look_at=str(cassette.path))


def unconnected_client(library: Library = "httpx") -> httpx.Client:
    """Return a client that vcrpy can answer and that reaches nobody where it does not."""
    module = importlib.import_module(library)
    client: httpx.Client = module.Client(transport=module.MockTransport(_refuse))
    return client


def unconnected_async_client(library: Library = "httpx") -> httpx.AsyncClient:
    """Return the same as an async client."""
    module = importlib.import_module(library)
    client: httpx.AsyncClient = module.AsyncClient(transport=module.MockTransport(_refuse))
    return client


def _refuse(request: httpx.Request) -> httpx.Response:
    raise ScriptError(f"vcrpy did not answer {request.method} {request.url.path}")


def doors(module: ModuleType) -> dict[str, object]:
    """Return the functions in place of which a vcrpy, old or new, puts its own."""
    return {
        f"{kind}.{name}": getattr(getattr(module, kind), name, None)
        for kind in ("HTTPTransport", "AsyncHTTPTransport", "MockTransport", "Client", "AsyncClient")
        for name in ("handle_request", "handle_async_request", "_send_single_request")
    }


def check_seen(library: Library, before: dict[str, object], now: dict[str, object], scenario: str) -> None:
    """Check that vcrpy has put functions of its own in place of a library's.

    Args:
        library: Its name.
        before: Its `doors` without vcrpy.
        now: Its `doors` inside of vcrpy's context.
        scenario: For the failure.

    Raises:
        ConformanceFailure: It has not: whatever is sent goes live.
    """
    replaced = {door.partition(".")[0] for door, function in before.items() if function is not now[door]}
    if (
        not {"HTTPTransport", "AsyncHTTPTransport", "MockTransport"} <= replaced
        and not {"Client", "AsyncClient"} <= replaced
    ):
        raise fail(
            "vcrpy stands between the client and the network",
            f"this version of vcrpy does not see {library}: its requests would go live",
            scenario=scenario,
            look_at="upgrade vcrpy: pip install --upgrade vcrpy",
        )
