"""The matrix of the hostile server at the end of a run: cases tried, cases right.

What is counted travels with the reports of the tests, so that it arrives from whichever process ran them.
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import trustme

from core_llm_conformance.server import FaultServer

Tally = Counter[tuple[str, str, str, bool]]
"""Family, wire, runner, and whether it was right → how many."""
Record = Callable[[str, object], None]
"""Pytest's `record_property`: of ``played``, what a `Tally` counts; ``searched``, counts; ``said``, a line."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix, and what else was counted."""
    tally: Tally = Counter()
    searched: Counter[str] = Counter()
    said: list[str] = []
    for report in (each for found in terminalreporter.stats.values() for each in found):
        for name, value in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ():
            if name == "played":
                tally.update(tuple(each) for each in value)
            elif name == "searched":
                searched.update(value)
            elif name == "said":
                said.append(value)
    if searched:
        said.append(
            f"no secret: {searched['failures']} failures, {searched['texts']} texts, {searched['hits']} with the key"
        )
    if tally or said:
        terminalreporter.section("hostile server")
    for line in [*_matrix(tally), *said]:
        terminalreporter.write_line(line)


def _matrix(tally: Tally) -> Iterator[str]:
    if not tally:
        return
    families = list(dict.fromkeys(key[0] for key in tally))
    wires = list(dict.fromkeys(key[1] for key in tally))
    runners = list(dict.fromkeys(key[2] for key in tally))
    yield f"{'right / tried':14}" + "".join(f"{name:>13}" for name in [*wires, *runners, "all"])
    for family in [*families, ""]:
        cells = []
        for column in [*wires, *runners, None]:
            found = {key: n for key, n in tally.items() if family in ("", key[0]) and column in (None, *key[1:3])}
            cells.append(f"{sum(n for key, n in found.items() if key[3])} / {sum(found.values())}")
        yield f"{family or 'all':14}" + "".join(f"{cell:>13}" for cell in cells)


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssl.SSLContext]:
    """Give a server's side of TLS whose authority this process trusts."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(trusted))
        yield context


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[FaultServer]:
    """Give a server that nobody should speak to."""
    with FaultServer() as server:
        yield server
