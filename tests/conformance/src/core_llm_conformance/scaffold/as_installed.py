"""What an editable installation leaves behind, so that a plugin can be tried before anybody has installed it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path


def write_metadata(pyproject: str, site: Path, source: Path) -> None:
    """Write the metadata of a distribution into a folder for the path.

    Args:
        pyproject: The text of its pyproject.toml.
        site: The folder.
        source: Where its sources are.
    """
    project = tomllib.loads(pyproject)["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    fields = [
        ("Metadata-Version", "2.4"),
        ("Name", project["name"]),
        ("Version", project["version"]),
        ("Summary", project["description"]),
        ("License-Expression", project["license"]),
        ("Requires-Python", project["requires-python"]),
        *(("Requires-Dist", requirement) for requirement in project["dependencies"]),
    ]
    _write(info / "METADATA", "".join(f"{name}: {value}\n" for name, value in fields))
    groups = project["entry-points"].items()
    lines = [line for group, found in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in found.items()))]
    _write(info / "entry_points.txt", "\n".join(lines) + "\n")
    _write(info / "direct_url.json", json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}}))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
