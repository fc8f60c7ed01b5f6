"""The command ``core-llm``. Here is only its door: click and rich come with the extra ``cli`` and may not be there."""

from __future__ import annotations

import sys

from core_llm.cli._interrupts import leave, on_ctrl_c

MISSING_EXTRA = "error: the command needs the packages of the extra 'cli'; run: pip install 'core-llm[cli]'\n"
EXTRA = ("click", "rich")


def main() -> int:
    """Run the command and return its exit code."""
    on_ctrl_c(leave)
    try:
        from core_llm.cli._app import run  # noqa: PLC0415  # imports click
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.stderr.write(MISSING_EXTRA)
        return 1
    return run()
