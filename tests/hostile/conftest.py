"""The matrix of the hostile server at the end of a run: cases tried, cases right."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Iterator

import pytest
import trustme

from core_llm_conformance.server import FaultServer

Tally = Counter[tuple[str, str, str, bool]]
"""Family, wire, runner, and whether it was right → how many."""
TALLY = pytest.StashKey[Tally]()
SAID = pytest.StashKey[list[str]]()
SECRETS = pytest.StashKey[Counter[str]]()
"""Failures and texts that were searched for a key, and those with one."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[TALLY] = Counter()
    config.stash[SAID] = []
    config.stash[SECRETS] = Counter()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the matrix, and what else was counted."""
    tally, said, searched = config.stash[TALLY], config.stash[SAID], config.stash[SECRETS]
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
def tally(pytestconfig: pytest.Config) -> Tally:
    """Give the count."""
    return pytestconfig.stash[TALLY]


@pytest.fixture(scope="session")
def said(pytestconfig: pytest.Config) -> list[str]:
    """Give the lines to print at the end."""
    return pytestconfig.stash[SAID]


@pytest.fixture(scope="session")
def searched(pytestconfig: pytest.Config) -> Counter[str]:
    """Give the count of what was searched for secrets."""
    return pytestconfig.stash[SECRETS]


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
