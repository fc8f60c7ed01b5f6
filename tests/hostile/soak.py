"""Many streams at once, each spoilt as a seed says: what became of every one, and what was left when all were over."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from itertools import repeat

from core_llm import AsyncClient, CoreLLMError, TextDelta
from core_llm_conformance.answering import answer_to
from core_llm_conformance.script import Answer, Gate, Reset
from core_llm_conformance.server import FaultServer, RecordedRequest

from .case import Case, raw, whole
from .cases_ending import all_endings
from .cases_http import all_http
from .play import Seen, held, wrong_end
from .wires import BEGUN, WIRES, Wire, words

WELL = whole("well: nothing is wrong", lambda _: Answer(), then=None)
"""Stands for the good answer of each wire."""
LONG = 300.0
"""Seconds of the limits that no stream is about: how long a busy machine may take."""
HEAVY = re.compile(r"a line of 100 MB|a bomb|words without end|fast|endless|flood|never ends")
"""Cases in which a server sends as fast as it can: a crowd of those would measure the machine."""
ENDED_AFTERWARDS = re.compile(
    r"^(kept|compressed|storm|TLS|accepting)|^redirect: (204|304)|^body: (nothing|the last|chunked)|^head: (some|line)"
)
"""Cases whose server closes a connection that it had just promised to keep: whether another stream has taken it by then
is chance, and so would be what becomes of that stream."""
NUMBER = re.compile(rb"stream (\d+)")


@dataclass
class Soaked:
    """What a soak came to.

    Attributes:
        wrong: What was not as it must be, stream by stream.
        kinds: How many ended in each way.
        grown: Bytes that are held more than before, of all that Python allocated but for the servers.
        left: Descriptors, threads and tasks that are held more than before.
    """

    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    grown: int = 0
    left: list[str] = field(default_factory=list)


def menu() -> list[Case]:
    """Return the cases that streams may meet side by side."""
    return [
        case
        for case in [*all_endings(), *all_http()]
        if not HEAVY.search(case.name) and not ENDED_AFTERWARDS.match(case.name)
    ]


class Soak:
    """One soak: the client stays the same from its warming up to its end."""

    def __init__(self, seed: int, at_once: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # no secret
        self._menu = menu()
        self._at_once = at_once
        self._plays: dict[int, tuple[Case, Wire, Gate]] = {}
        self._count = 0
        self.soaked = Soaked()

    async def run(self, streams: int) -> Soaked:
        """Warm up, run the streams, and count."""
        with FaultServer() as server:
            port = int(server.url.rpartition(":")[2])
        url = f"http://127.0.0.1:{port}"
        async with AsyncClient(config={"providers": {wire.provider: wire.section(url) for wire in WIRES}}) as client:
            await self._round(client, port, 2 * self._at_once)
            links, threads = held()
            memory = _memory()
            await self._round(client, port, streams)
            self.soaked.grown = _memory() - memory
            links_now, threads_now = held()
        self.soaked.left = [*_more(links_now, links), *_more(threads_now, threads)]
        self.soaked.left += [repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]
        return self.soaked

    async def _round(self, client: AsyncClient, port: int, streams: int) -> None:
        """Run so many streams, and a good one when their server is gone, so that no dead connection is kept."""
        with FaultServer(*repeat(self._answer, streams), port=port):
            room = asyncio.Semaphore(self._at_once)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(streams):
                    await room.acquire()
                    tasks.create_task(self._stream(client)).add_done_callback(lambda _: room.release())
        with FaultServer(answer_to, port=port):
            await client.generate(WIRES[0].model, "Why?", via_stream=True)

    def _answer(self, request: RecordedRequest) -> Answer:
        found = NUMBER.search(request.body)
        assert found is not None
        play = self._plays.get(int(found[1]))
        if play is None:  # its limit struck before the server had read it
            return raw(Reset())
        case, wire, gate = play
        if case is WELL or case.script is None:
            return answer_to(request)
        return case.script(words(wire, request, gate, Gate(), "http://127.0.0.1:9"))

    async def _stream(self, client: AsyncClient) -> None:
        number, self._count = self._count, self._count + 1
        case = self._random.choice(self._menu) if self._random.random() < 2 / 3 else WELL
        wire, gate, seen = self._random.choice(WIRES), Gate(), Seen()
        self._plays[number] = case, wire, gate
        stream = client.stream(wire.model, f"stream {number}", limits=case.limits(LONG), max_retries=0)
        try:
            async with asyncio.timeout(2 * LONG), stream:
                async for event in stream:
                    if isinstance(event, TextDelta) and stream.response.text.startswith(BEGUN):
                        gate.open()
        except CoreLLMError as error:
            seen.error = error
        except TimeoutError:
            self.soaked.wrong.append(f"stream {number}, {wire.name}, {case.name}: hung")
        seen.response = stream.response
        self.soaked.wrong += [f"stream {number}, {wire.name}, {case.name}: {what}" for what in wrong_end(case, seen)]
        self.soaked.kinds[type(seen.error).__name__ if seen.error else "whole"] += 1
        del self._plays[number]


NOT_COUNTED = [
    tracemalloc.Filter(False, f"*/{where}")  # noqa: FBT003
    for where in ("core_llm_conformance/*", "hostile/*", "_weakrefset.py")
]
"""What the servers and this file hold themselves, for they live in the same process; and the tables of asyncio's sets
of tasks, which stay as big as the biggest crowd made them when they are empty again."""


def _memory() -> int:
    gc.collect()
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(NOT_COUNTED).traces)


def _more(now: list[str], before: list[str]) -> list[str]:
    """Return what there is more of, whichever of its kind it is."""
    kinds = [Counter(re.sub(r"\[\d+\]", "", each) for each in all_of) for all_of in (now, before)]
    return list((kinds[0] - kinds[1]).elements())
