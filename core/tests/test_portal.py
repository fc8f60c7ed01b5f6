"""The portal serves the whole process: what runs in it may fail as it likes."""

from __future__ import annotations

import pytest

from core_llm import _portal


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_portal_outlives_what_runs_in_it(error: type[BaseException]) -> None:
    """Whoever waits is told of what was raised, and the next one is served."""

    async def fail() -> None:
        raise error

    async def work() -> str:
        return "done"

    with pytest.raises(error):
        _portal.submit(fail()).result(20)

    assert _portal.submit(work()).result(20) == "done"
