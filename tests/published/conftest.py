"""The one machine that all of these tests share: its wheels are built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .machines import OURS, PUBLISHED, ROOT, Machine, done_well


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return a machine with the published wheels at hand."""
    folder = tmp_path_factory.mktemp("published").resolve()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    cache = kept.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    home = folder / "home"
    home.mkdir()
    environment = {**kept, "HOME": str(home), "XDG_CACHE_HOME": cache, "NO_COLOR": "1", "COLUMNS": "120"}
    for package in PUBLISHED:
        done_well(
            ["uv", "build", "-q", "--wheel", "--out-dir", folder / "dist", ROOT / package],
            cwd=folder,
            environment=environment,
        )
    wheels = {path.name.partition("-")[0].replace("_", "-"): path for path in sorted((folder / "dist").glob("*.whl"))}
    constraints = folder / "constraints.txt"
    lines = [f"{name} @ {path.as_uri()}\n" for name, path in wheels.items()]
    constraints.write_text("".join(lines), encoding="utf-8")
    environment |= {"PIP_CONSTRAINT": str(constraints), "UV_CONSTRAINT": str(constraints)}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "MYPY_CACHE_DIR": str(folder / "mypy")}
    return Machine(folder, wheels, environment)
