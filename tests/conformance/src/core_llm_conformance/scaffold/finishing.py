"""``python -m core_llm_conformance.scaffold.finishing PROVIDER MODEL``: compose a new plugin's cassettes, and report.

It runs in the plugin's folder, with the plugin on the path. It ends with 0 if all is well, 3 if there are no cassettes,
4 if the plugin does not conform.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from core_llm import CoreLLMError
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.recording import compose, read_descriptions
from core_llm_conformance.scaffold.plan import CASSETTES, DESCRIPTIONS
from core_llm_conformance.target import Target
from core_llm_conformance.verbs.asked import Asked
from core_llm_conformance.verbs.reporting import make_report

REPORT: Final = Path("CONFORMANCE.md")
NO_CASSETTES: Final = 3
DOES_NOT_CONFORM: Final = 4


def main(provider: str, model: str, *, with_report: bool) -> int:
    """Compose, and report if that is wanted; return the exit code."""
    if Path(DESCRIPTIONS).is_file():
        target = Target(provider, model, cassettes=Path(CASSETTES).absolute())
        try:
            made = compose(target, read_descriptions(Path(DESCRIPTIONS)))
        except (ConformanceFailure, CoreLLMError) as failure:
            sys.stderr.write(f"{failure}\n")
            return NO_CASSETTES
        if broken := [str(one) for one in made if not one.is_promoted]:
            more = f"\nand {len(broken) - 1} scenarios more" if broken[1:] else ""
            sys.stderr.write(f"{broken[0]}{more}\n")
            return NO_CASSETTES
    if not with_report:
        return 0
    asked = Asked(provider=provider, model=None, cassettes=None, base_url=None, options=(), suite=None)
    return DOES_NOT_CONFORM if make_report(asked, "markdown", REPORT, None, is_check=False) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3], with_report="--report" in sys.argv))
