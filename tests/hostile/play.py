"""Plays a case with one runner: the spoilt call, then a good one on the same client, and what there is to object to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Literal

import anyio
import anyio.from_thread
import anyio.lowlevel
import httpx
import trio

from core_llm import AsyncClient, Client, CoreLLMError, Limits, Response, Retries, TextDelta, TimeoutExceededError
from core_llm_conformance.answering import answer_to
from core_llm_conformance.script import Answer, Gate
from core_llm_conformance.server import FaultServer, RecordedRequest

from .below import Below
from .case import GUARD, Case
from .wires import BEGUN, KEY, TEXT, Wire, words

Runner = Literal["sync", "asyncio", "trio"]
RUNNERS: tuple[Runner, ...] = ("sync", "asyncio", "trio")
LONG = Limits(connect=GUARD, first_event=GUARD, between_events=GUARD, total=GUARD)
NOW = Retries(base_delay=0)
ONE = httpx.Limits(max_connections=1)
SPOIL = "Spoil this."
"""What the call asks that is to be spoilt."""
BIG = "Why? " * 4_000_000


@dataclass
class Scene:
    """What one runner plays against.

    Attributes:
        wire: That which is spoken.
        has_pool_of_one: Whether the call goes through a client of the caller's with room for one connection.
        tls: The server's side of TLS.
        elsewhere: The address that nobody should speak to.
    """

    wire: Wire
    has_pool_of_one: bool
    tls: SSLContext
    elsewhere: str


@dataclass
class Seen:
    """What the caller saw of the spoilt call and of the good one after it."""

    error: CoreLLMError | None = None
    response: Response = field(default_factory=Response)
    next_text: str = ""
    tasks_left: int = 0


def objections(case: Case, scene: Scene, runner: Runner) -> list[str]:
    """Play a case; return what was not as it must be."""
    stage = Stage(case, scene)
    with stage.opened():
        seen = {"sync": _play_sync, "asyncio": _play_asyncio, "trio": _play_trio}[runner](stage)
        found = [*wrong_end(case, seen), *stage.found]
    if seen.next_text != TEXT:
        found.append(f"the next call on the client brought {seen.next_text!r}")
    if seen.tasks_left:
        found.append(f"{seen.tasks_left} tasks were left")
    return found


def wrong_end(case: Case, seen: Seen) -> Iterator[str]:
    """Yield what is not as it must be in what the caller saw of a spoilt call."""
    if type(seen.error) is not (case.error or type(None)):
        yield f"{case.error} was due, {seen.error!r} came"
        return
    if isinstance(seen.error, TimeoutExceededError) and seen.error.limit != case.limit:
        yield f"the limit {case.limit} was due, {seen.error.limit} struck"
    if case.text is not None and seen.response.text != case.text:
        yield f"{case.text!r} was due, {seen.response.text!r} was kept"
    partial = getattr(seen.error, "partial", None)
    if seen.response.text and seen.error is not None and (partial is None or partial.text != seen.response.text):
        yield f"the error has {partial!r} in place of {seen.response.text!r}"
    if seen.response.is_complete != (case.error is None):
        yield f"is_complete is {seen.response.is_complete}"
    if KEY in f"{seen.error!r} {seen.error} {vars(seen.error) if seen.error else ''}":
        yield "the key is in the error"


class Stage:
    """The servers of one play: the hostile one, which becomes a good one at the same address.

    Attributes:
        case: What is played.
        scene: Against what.
        url: Of the servers.
        gate: To be opened when the first words have come.
        found: What the servers have to object to.
    """

    def __init__(self, case: Case, scene: Scene) -> None:
        self.case = case
        self.scene = scene
        self.url = ""
        self.gate = Gate()
        self.found: list[str] = []
        self._said = Gate()
        self._spoilt = 0
        self._tls = scene.tls if case.tls else None
        self._server: FaultServer | None = None
        self._below: Below | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the hostile server listen."""
        if self.case.script is None:
            self._below = Below(self.case.below, is_full=self.case.is_full).__enter__()
            port = self._below.port
        else:
            self._server = FaultServer(*[self._answer] * (self.case.tries + 1), tls=self._tls).__enter__()
            port = int(self._server.url.rpartition(":")[2])
        self.url = f"https://localhost:{port}" if self.case.tls else f"http://127.0.0.1:{port}"
        try:
            yield
        finally:
            if self._below is not None:
                self._below.__exit__(None, None, None)
            if self._server is not None:
                self._server.__exit__(None, None, None)

    def _answer(self, request: RecordedRequest) -> Answer:
        """Spoil the call that is to be spoilt; where the case does no harm in the end, only its first request."""
        assert self.case.script is not None
        is_spoilt = SPOIL.encode() in request.body and (self.case.error is not None or not self._spoilt)
        if not is_spoilt:
            return answer_to(request)
        self._spoilt += 1
        return self.case.script(words(self.scene.wire, request, self.gate, self._said, self.scene.elsewhere))

    def turn_good(self) -> None:
        """Be a good server from now on, once the spoilt connection has come to its end."""
        if self._below is not None:
            below, self._below = self._below, None
            below.__exit__(None, None, None)
            self._server = FaultServer(answer_to, tls=self._tls, port=below.port).__enter__()
            return
        assert self._server is not None
        came = len(self._server.requests)
        if not came and self.case.limit == "first_event":
            return  # on a busy machine the limit may strike before the server has read anything
        if came != self.case.tries:
            self.found.append(f"{self.case.tries} requests were due, {came} came")
            return
        first = self._server.requests[0].connection
        causes = {"left": first.closed_by_client, "closed": first.closed, "said": self._said.reached}
        if self.case.then is not None:
            try:
                causes[self.case.then].wait()
            except TimeoutError as error:
                self.found.append(str(error))

    def prompt(self) -> str:
        """Return what is asked."""
        return BIG if self.case.is_big else SPOIL


def _play_sync(stage: Stage) -> Seen:
    seen, case, model = Seen(), stage.case, stage.scene.wire.model
    http = httpx.Client(limits=ONE) if stage.scene.has_pool_of_one else None
    with Client(config=stage.scene.wire.layer(stage.url), http_client=http, retries=NOW) as client:
        stream = client.stream(model, stage.prompt(), limits=case.limits(), max_retries=case.retries)
        try:
            with stream:
                for event in stream:
                    if isinstance(event, TextDelta) and stream.response.text.startswith(BEGUN):
                        stage.gate.open()
        except CoreLLMError as error:
            seen.error = error
        seen.response = stream.response
        stage.turn_good()
        good = client.generate(model, "Why?", via_stream=True, limits=LONG, max_retries=0)
        seen.next_text = good.text
    if http is not None:
        http.close()
    return seen


async def _play(stage: Stage) -> Seen:
    seen, case, model = Seen(), stage.case, stage.scene.wire.model
    http = httpx.AsyncClient(limits=ONE) if stage.scene.has_pool_of_one else None
    async with AsyncClient(config=stage.scene.wire.layer(stage.url), http_client=http, retries=NOW) as client:
        stream = client.stream(model, stage.prompt(), limits=case.limits(), max_retries=case.retries)
        try:
            async with stream:
                async for event in stream:
                    if isinstance(event, TextDelta) and stream.response.text.startswith(BEGUN):
                        stage.gate.open()
        except CoreLLMError as error:
            seen.error = error
        seen.response = stream.response
        await _in_thread(stage.turn_good)
        good = await client.generate(model, "Why?", via_stream=True, limits=LONG, max_retries=0)
        seen.next_text = good.text
    if http is not None:
        await http.aclose()
    return seen


def _play_asyncio(stage: Stage) -> Seen:
    async def main() -> Seen:
        with anyio.fail_after(3 * GUARD):
            seen = await _play(stage)
        seen.tasks_left = len(asyncio.all_tasks()) - 1
        return seen

    return anyio.run(main)


def _play_trio(stage: Stage) -> Seen:
    async def main() -> Seen:
        before = trio.lowlevel.current_statistics().tasks_living
        with anyio.fail_after(3 * GUARD):
            seen = await _play(stage)
        seen.tasks_left = trio.lowlevel.current_statistics().tasks_living - before
        return seen

    return anyio.run(main, backend="trio")


async def _in_thread(function: Callable[[], None]) -> None:
    """Call what blocks in a thread that is gone afterwards, as those of a pool are not."""
    over, token = anyio.Event(), anyio.lowlevel.current_token()

    def work() -> None:
        try:
            function()
        finally:
            anyio.from_thread.run_sync(over.set, token=token)

    thread = threading.Thread(target=work, name="blocks")
    thread.start()
    await over.wait()
    thread.join()


# ---- what a process holds


SHARED = ("core-llm-watchdog", "Trio thread")
"""How the names of threads begin that are the process's: the one watchdog, and those that trio keeps for a while."""


def held() -> tuple[list[str], list[str]]:
    """Return the sockets and other descriptors that this process has open, and its threads."""
    links = sorted(str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    threads = sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith(SHARED))
    return links, threads
