"""``core-llm conformance run``: pytest in a process of its own, on the author's file or on one made for the occasion.

In a process of its own, since the command has imported much by now that the suite's tests of importing must not find.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import pytest

from core_llm._installed import PROVIDERS, installed  # noqa: PLC2701  # the list of providers, none of them imported
from core_llm_conformance.verbs.asked import Asked, Described, authors_file, described

PASSED, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_CODES: Final = {
    pytest.ExitCode.OK: PASSED,
    pytest.ExitCode.USAGE_ERROR: USAGE,
}
_MODULE: Final = '''\
"""Made by `core-llm conformance run`."""

from pathlib import Path

from core_llm_conformance import ProviderSuite


class {name}(ProviderSuite):
    provider = {provider!r}
    model = {model!r}
    config = {config!r}
    cassettes = Path({cassettes!r})
'''


def run_suite(asked: Asked, arguments: Sequence[str], *, is_quiet: bool = False) -> int:
    """Run the suite and return the command's exit code.

    Args:
        asked: Which plugin.
        arguments: For pytest.
        is_quiet: Whether to keep what pytest prints to itself.

    Raises:
        click.UsageError: There is no such provider, or nobody says which model is asked.
    """
    names = sorted({entry.name for entry in installed(PROVIDERS)})
    if asked.provider not in names:
        raise click.UsageError(f"no provider {asked.provider!r} is installed; there are: {', '.join(names) or 'none'}")
    again = f"--core-llm-verb={shlex.join(_words(asked))}"
    file = None if asked.says_how else authors_file(asked.provider)
    if file is not None:
        chosen = f"{file}::{asked.suite}" if asked.suite else str(file)
        return _pytest([chosen, f"--core-llm-provider={asked.provider}", again, *arguments], is_quiet=is_quiet)
    with tempfile.TemporaryDirectory(prefix="core-llm-conformance-") as folder:
        path = Path(folder).resolve() / "test_conformance.py"
        path.write_text(_module(described(asked)), encoding="utf-8")
        settings = path.with_name("pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        alone = [f"--rootdir={path.parent}", f"--config-file={settings}", "-p", "no:cacheprovider"]
        return _pytest([str(path), *alone, again, *arguments], is_quiet=is_quiet)


def _pytest(arguments: Sequence[str], *, is_quiet: bool) -> int:
    command = [sys.executable, "-m", "pytest", "--no-header", *arguments]
    output = subprocess.DEVNULL if is_quiet else None
    try:
        done = subprocess.run(command, stdout=output, check=False)  # noqa: S603  # this Python, no shell
    except KeyboardInterrupt:
        return INTERRUPTED
    return _CODES.get(done.returncode, FAILED)  # type: ignore[call-overload, no-any-return]  # IntEnum's members are ints


def _module(plugin: Described) -> str:
    return _MODULE.format(
        name=plugin.name,
        provider=plugin.provider,
        model=plugin.model,
        config=dict(plugin.config),
        cassettes=str(plugin.cassettes),
    )


def _words(asked: Asked) -> list[str]:
    """Return the command as it was given, without what chose among the tests."""
    words = ["core-llm", "conformance", "run", asked.provider]
    pairs = [("--model", asked.model), ("--cassettes", asked.cassettes), ("--base-url", asked.base_url)]
    words += [word for name, value in (*pairs, ("--suite", asked.suite)) if value for word in (name, str(value))]
    return words + [word for option in asked.options for word in ("--option", option)]
