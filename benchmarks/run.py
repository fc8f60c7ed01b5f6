"""Measures core-llm beside the raw limit, in interleaved rounds on one loopback server; prints ratios and targets.

    python benchmarks/run.py [--quick] [--only burst,tiny] [--rounds N] [--peers FOLDER]

Every measurement is a fresh process, one at a time, on one processor, the server on another; each round runs every
contestant once, so that a noisy machine hits all alike. A ratio is taken in each round; its median over the rounds is
printed. With `--peers`, the side-by-side benchmark in that folder runs too, with core-llm as one more contestant.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

HERE = Path(__file__).resolve().parent
RAW, MANY, CORE = "raw httpx + orjson", "raw httpx, many clients", "core-llm"
Results = dict[str, list[dict[str, float]]]

IMPORT_RAW = "import httpx, pydantic\nclass Model(pydantic.BaseModel):\n    x: int = 1\nModel()"
IMPORT_CORE = """import core_llm, httpx
client = core_llm.Client(api_keys={'openai': 'sk-benchmark'})
client.stream('openai:gpt-5-mini', 'Hi')
"""


def pin(processor: int) -> Callable[[], None] | None:
    """Return what puts a child on one processor, where the system can."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        return None
    return lambda: os.sched_setaffinity(0, {processor})


class Server:
    """The replay server, in a process of its own."""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py")],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pin(1),  # noqa: PLW1509  # no threads here
        )
        self.base = "http://127.0.0.1:" + self.line().split()[1]
        return self

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def work(name: str, measure: str, base: str, arguments: dict[str, int | str]) -> tuple[dict[str, float], list[str]]:
    """Take one measurement; return it and what else was printed."""
    command = [sys.executable, str(HERE / "worker.py"), name, measure, base, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=pin(0), check=False)
    lines = done.stdout.splitlines()
    found = [line for line in lines if line.startswith("RESULT ")]
    if not found:
        raise SystemExit(f"{name}, {measure}: {done.stderr.strip()[-2000:]}")
    return json.loads(found[0][7:]), lines


def rounds(names: list[str], measure: str, base: str, repeat: int, **arguments: int | str) -> Results:
    """Measure every contestant once a round."""
    results: Results = {name: [] for name in names}
    for _ in range(repeat):
        for name in names:
            results[name].append(work(name, measure, base, arguments)[0])
    return results


def ratio(results: Results, key: str, mine: str = CORE, base: str = RAW) -> float:
    """The median over the rounds of the ratio within a round."""
    return statistics.median(a[key] / b[key] for a, b in zip(results[mine], results[base], strict=True))


def median(results: Results, name: str, key: str) -> float:
    """The median over the rounds."""
    return statistics.median(result[key] for result in results[name])


class Report:
    """The table, line by line."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        print(f"{'measured':58} {'raw':>10} {'core-llm':>10} {'result':>9}  wanted", flush=True)

    def line(self, what: str, raw: str, core: str, result: float, wanted: float, *, unit: str = "x") -> None:
        """Print a line; note it if the wanted figure was missed."""
        verdict = "" if result <= wanted else "   MISSED"
        if verdict:
            self.missed.append(what)
        print(f"{what:58} {raw:>10} {core:>10} {result:8.2f}{unit}  <= {wanted:g}{unit}{verdict}", flush=True)


def bench_burst(report: Report, base: str, count: int, *, quick: bool) -> None:
    """Streams as fast as they are taken."""
    events = 4000 if quick else 20000
    cases = (
        ("burst", "", 1.15, "async, an event in each chunk"),
        ("burst", "f64", 1.5, "async, 64 events in a chunk"),
        ("burst_sync", "", 1.25, "sync, an event in each chunk (no figure was set)"),
        ("burst_sync", "f64", 1.6, "sync, 64 events in a chunk (no figure was set)"),
    )
    for measure, form, wanted, what in cases:
        results = rounds([RAW, CORE], measure, base, count, model=f"s{events}{form}", count=events)
        same = {result["chars"] for found in results.values() for result in found}
        assert len(same) == 1, f"the contestants read different texts: {same}"
        raw, core = median(results, RAW, "us"), median(results, CORE, "us")
        report.line(f"CPU per event, {what}", f"{raw:.2f} us", f"{core:.2f} us", ratio(results, "us"), wanted)


def bench_first(report: Report, base: str, count: int, *, quick: bool) -> None:
    """Time to first token."""
    results = rounds([RAW, CORE], "first", base, count, count=50 if quick else 200)
    over = statistics.median(a["us"] - b["us"] for a, b in zip(results[CORE], results[RAW], strict=True))
    raw, core = median(results, RAW, "us"), median(results, CORE, "us")
    report.line("time to first token, over raw", f"{raw:.0f} us", f"{core:.0f} us", over, 100, unit=" us")


def bench_tiny(report: Report, base: str, count: int, *, quick: bool) -> None:
    """Small plain requests."""
    results = rounds([RAW, CORE], "tiny", base, count, count=100 if quick else 400)
    raw, core = median(results, RAW, "us"), median(results, CORE, "us")
    report.line("CPU of one tiny plain request", f"{raw:.0f} us", f"{core:.0f} us", ratio(results, "us"), 1.3)


def bench_line(report: Report, base: str, count: int, *, quick: bool) -> None:
    """One huge line."""
    results = rounds([RAW, CORE], "line", base, count, megabytes=2 if quick else 8)
    raw, core = median(results, RAW, "ms"), median(results, CORE, "ms")
    report.line(
        f"CPU of one line of {2 if quick else 8} MB", f"{raw:.0f} ms", f"{core:.0f} ms", ratio(results, "ms"), 2
    )


def bench_tool(report: Report, base: str, count: int, *, quick: bool) -> None:
    """Argument deltas: linear, if a delta costs the same in a long call."""
    small, large = (1000, 4000) if quick else (5000, 20000)
    results = rounds([RAW, CORE], "tool", base, count, small=small, large=large)
    growth = statistics.median(result["large"] / result["small"] for result in results[CORE])
    raw, core = median(results, RAW, "large"), median(results, CORE, "large")
    report.line(f"growth per argument delta, {small} to {large} deltas", f"{raw:.1f} us", f"{core:.1f} us", growth, 1.3)


def bench_paced(report: Report, base: str, count: int, *, quick: bool) -> None:
    """Many streams at once: what the core adds to the HTTP library, and what the library's own pool costs a crowd."""
    streams = 100 if quick else 1000
    times = 1 if quick else max(1, count // 2)
    results = rounds([RAW, MANY, CORE], "paced", base, times, streams=streams, count=50, rate=10)
    assert all(result["seen"] == streams * 50 for found in results.values() for result in found), "a delta was lost"
    core = f"{median(results, CORE, 'cpu_s'):.2f} s"
    for name, what in ((RAW, "raw: one client"), (MANY, "raw: a client for each 50")):
        raw = f"{median(results, name, 'cpu_s'):.2f} s"
        report.line(f"CPU of {streams} paced streams, {what}", raw, core, ratio(results, "cpu_s", base=name), 1.15)
    price = ratio(results, "cpu_s", mine=RAW, base=MANY)
    print(f"{'(one pool of the HTTP library for all of them costs)':58} {price:>9.2f}x")


def bench_abort(report: Report, server: Server, *, quick: bool) -> None:
    """From leaving the block to the server's seeing the connection close."""
    count = 10 if quick else 50
    _, lines = work(CORE, "abort", server.base, {"count": count})
    left = [int(line.split()[1]) for line in lines if line.startswith("left ")]
    closed = [int(server.line().split()[1]) for _ in left]
    times = sorted((end - begin) / 1e6 for begin, end in zip(left, closed, strict=True))
    report.line("abort to closed socket, the slowest", "", f"{times[-1]:.2f} ms", times[-1], 100, unit=" ms")


def cpu_ms(statement: str) -> float:
    """CPU milliseconds of a fresh interpreter that runs a statement, as it counts them itself at its end."""
    code = f"{statement}\nimport time; print(time.process_time() * 1e3)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, preexec_fn=pin(0), timeout=60
    )
    return float(done.stdout.split()[-1])


def bench_import(report: Report, count: int, *, quick: bool) -> None:
    """Cold starts."""
    statements = {"bare": "pass", "import": "import core_llm", "raw": IMPORT_RAW, "client": IMPORT_CORE}
    times: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(5 if quick else 4 * count):
        for name, statement in statements.items():
            times[name].append(cpu_ms(statement))
    over = {name: statistics.median(a - b for a, b in zip(times[name], times["bare"], strict=True)) for name in times}
    report.line(
        "CPU of import core_llm, over bare Python", "", f"{over['import']:.1f} ms", over["import"], 25, unit=" ms"
    )
    quotient = statistics.median(a / b for a, b in zip(times["client"], times["raw"], strict=True))
    raw = f"{over['raw']:.0f} ms"
    report.line(
        "import and a usable client / import httpx and one model", raw, f"{over['client']:.0f} ms", quotient, 1.5
    )
    tls = statistics.median(cpu_ms("import httpx; httpx.Client()") - cpu_ms("import httpx") for _ in range(3))
    print(f"{'(the TLS context, built at the first https request, costs)':58} {f'{tls:.0f} ms':>10}")


def bench_peers(folder: Path, extra: list[str]) -> None:
    """Run the peers' benchmark with our adapter, in a copy."""
    work_folder = Path(tempfile.gettempdir()) / "core-llm-peers"
    shutil.copytree(folder, work_folder, dirs_exist_ok=True)
    shutil.copy(HERE / "peers_adapter.py", work_folder / "adapters" / "core_llm.py")
    for name in ("raw", "core_llm"):
        python = work_folder / "venvs" / name / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(python.parent.parent)], check=True)
            what = ["httpx", "httpx2", "aiohttp", "orjson"] if name == "raw" else ["-e", str(HERE.parent / "core")]
            install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(python), *what]
            subprocess.run(install, check=True)
    installed = {path.name for path in (work_folder / "venvs").iterdir()}
    print(f"\nbeside the peers ({', '.join(sorted(installed))} installed; more with {work_folder}/setup_venvs.sh NAME)")
    subprocess.run([sys.executable, "bench.py", *extra], cwd=work_folder, check=False)


def main() -> int:
    """Measure and print; the exit code says whether every wanted figure was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="import,burst,first,tiny,line,tool,paced,abort")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--peers", type=Path, default=HERE.parent.parent / "shared" / "bench")
    arguments, extra = parser.parse_known_args()
    count = arguments.rounds or (3 if arguments.quick else 7)
    only = arguments.only.split(",")
    report = Report()
    if "import" in only:
        bench_import(report, count, quick=arguments.quick)
    with Server() as server:
        benches = {"burst": bench_burst, "first": bench_first, "tiny": bench_tiny, "line": bench_line}
        benches |= {"tool": bench_tool, "paced": bench_paced}
        for name, bench in benches.items():
            if name in only:
                bench(report, server.base, count, quick=arguments.quick)
        if "abort" in only:
            bench_abort(report, server, quick=arguments.quick)
    print(f"\nmissed: {', '.join(report.missed)}" if report.missed else "\nevery wanted figure was reached")
    if "peers" in only and arguments.peers.is_dir():
        bench_peers(arguments.peers, extra)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
