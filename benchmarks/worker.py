"""Takes one measurement of one contestant in this process and prints it as a line of JSON; `run.py` starts it."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from time import monotonic_ns, perf_counter, process_time

from contestants import CONTESTANTS, Core, Raw

Measured = dict[str, float]
Contestant = Raw | Core


async def burst(contestant: Contestant, *, model: str, count: int) -> Measured:
    """CPU µs for each event of a stream that comes as fast as it is taken."""
    best = float("inf")
    chars = 0

    def note(text: str) -> None:
        nonlocal chars
        chars += len(text)

    await contestant.stream("s300", note)
    for _ in range(2):
        gc.collect()
        chars = 0
        begin = process_time()
        await contestant.stream(model, note)
        best = min(best, process_time() - begin)
    return {"us": best / count * 1e6, "chars": chars}


async def burst_sync(contestant: Contestant, *, model: str, count: int) -> Measured:
    """The same through the sync API."""
    best = float("inf")
    chars = 0

    def note(text: str) -> None:
        nonlocal chars
        chars += len(text)

    contestant.stream_sync("s300", note)
    for _ in range(2):
        gc.collect()
        chars = 0
        begin = process_time()
        contestant.stream_sync(model, note)
        best = min(best, process_time() - begin)
    return {"us": best / count * 1e6, "chars": chars}


async def first(contestant: Contestant, *, count: int) -> Measured:
    """µs from the server's write of the first event to the user's code, on a warm connection; the median."""
    seen: list[float] = []
    for _ in range(count + 10):
        texts: list[float] = []
        await contestant.stream("first", lambda text, texts=texts: texts.append((monotonic_ns() - int(text)) / 1e3))
        seen.append(texts[0])
    return {"us": sorted(seen[10:])[count // 2]}


async def tiny(contestant: Contestant, *, count: int) -> Measured:
    """CPU µs for a small plain request."""
    for _ in range(20):
        assert await contestant.generate("tiny") == "Hello there!"
    gc.collect()
    begin = process_time()
    for _ in range(count):
        await contestant.generate("tiny")
    return {"us": (process_time() - begin) / count * 1e6}


async def line(contestant: Contestant, *, megabytes: int) -> Measured:
    """CPU ms for one event of that many megabytes on one line."""
    chars = 0

    def note(text: str) -> None:
        nonlocal chars
        chars += len(text)

    await contestant.stream("s20", note)
    gc.collect()
    chars = 0
    begin = process_time()
    await contestant.stream(f"b{megabytes}", note)
    return {"ms": (process_time() - begin) * 1e3, "chars": chars}


async def tool(contestant: Contestant, *, small: int, large: int) -> Measured:
    """CPU µs for each argument delta of one tool call, in a small and a large call: equal when linear."""
    await contestant.tool("t50")
    out = {}
    for name, count in (("small", small), ("large", large)):
        gc.collect()
        begin = process_time()
        await contestant.tool(f"t{count}")
        out[name] = (process_time() - begin) / count * 1e6
    return out


async def paced(contestant: Contestant, *, streams: int, count: int, rate: int) -> Measured:
    """CPU seconds for many streams at once, each paced as a model would be."""
    seen = 0

    def note(_text: str) -> None:
        nonlocal seen
        seen += 1

    await contestant.stream("s5", note)
    seen = 0
    gc.collect()
    begin = process_time()
    await asyncio.gather(*[contestant.stream(f"p{count}x{rate}", note) for _ in range(streams)])
    return {"cpu_s": process_time() - begin, "seen": seen}


async def abort(contestant: Core, *, count: int) -> Measured:
    """Print the time of each abort; `run.py` takes from the server's output when it saw the connection close."""
    for _ in range(count):
        async with contestant.client.stream("bench:hang", "Say hello.") as stream:
            async for event in stream:
                if isinstance(event, contestant.text_delta):
                    break
            print("left", monotonic_ns(), flush=True)
        await asyncio.sleep(0.02)
    return {}


MEASURES: dict[str, Callable[..., Awaitable[Measured]]] = {
    "burst": burst,
    "burst_sync": burst_sync,
    "first": first,
    "tiny": tiny,
    "line": line,
    "tool": tool,
    "paced": paced,
    "abort": abort,
}


async def main() -> None:
    """Run what the command line says."""
    name, measure, base, arguments = sys.argv[1:5]
    contestant = CONTESTANTS[name]()
    contestant.open(base)
    begin = perf_counter()
    measured = await MEASURES[measure](contestant, **json.loads(arguments))
    print("RESULT", json.dumps({**measured, "wall_s": perf_counter() - begin}), flush=True)


asyncio.run(main())
