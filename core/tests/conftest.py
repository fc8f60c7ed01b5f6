"""What several test files use: packages that exist only for one test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pluggy  # noqa: F401  # from here on the path of a test may be without it
import pytest

from core_llm import hookspecs  # noqa: F401  # the same

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages as pip leaves them, in a folder of their own; nothing else is installed for this test.

    Called with the distribution's name, the source of its modules by their names, and its entry points: group → lines.
    """
    folder = tmp_path / "site"
    folder.mkdir()
    without_packages = [entry for entry in sys.path if not any(Path(entry or ".").glob("*.dist-info"))]
    monkeypatch.setattr(sys, "path", [str(folder), *without_packages])
    known = set(sys.modules)

    def install(
        distribution: str,
        modules: dict[str, str],
        *,
        version: str = "1.0.0",
        requires: str = "",
        where: Path = folder,
        **groups: str,
    ) -> None:
        info = where / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        info.joinpath("METADATA").write_text(metadata + (f"Requires-Dist: {requires}\n" if requires else ""))
        lines = [f"[core_llm.{group}]\n{entries}\n" for group, entries in groups.items()]
        info.joinpath("entry_points.txt").write_text("\n".join(lines))
        for name, source in modules.items():
            where.joinpath(f"{name}.py").write_text(source)

    yield install
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
