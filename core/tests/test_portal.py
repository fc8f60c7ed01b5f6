"""The portal serves the whole process: what runs in it may fail as it likes."""

from __future__ import annotations

import pytest

from core_llm import InvalidRequestError, _portal


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


def test_the_portal_does_not_wait_for_itself() -> None:
    """An async tool that runs sync code which runs tools is told so, in place of standing still for ever."""

    async def work() -> str:
        return "done"

    async def wait_for_itself() -> str:
        return _portal.submit(work()).result()

    with pytest.raises(InvalidRequestError, match="make that tool sync, or await there"):
        _portal.submit(wait_for_itself()).result(20)
