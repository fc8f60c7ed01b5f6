"""What cannot be meant is refused where it is written."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from core_llm import ConfigError, InvalidSettingError
from plugin_limits import Limit, RateLimits


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({}, r"a limit needs a figure: requests=, tokens=, or both"),
        ({"requests": 0}, r"requests must be a whole number from 1 to 1000000000000, not 0"),
        ({"tokens": -5}, r"tokens must be a whole number from 1 to 1000000000000, not -5"),
        ({"requests": 1.5}, r"requests must be .* not 1\.5"),
        ({"requests": True}, r"requests must be .* not True"),
        ({"tokens": float("inf")}, r"tokens must be .* not inf"),
        ({"requests": 1, "per": 0}, r"per must be a whole number of seconds from 1 to 2678400, not 0"),
        ({"requests": 1, "per": None}, r"per must be .* not None"),
        ({"requests": 1, "per": 10**9}, r"per must be .* not 1000000000"),
    ],
    ids=str,
)
def test_figures_that_cannot_be_meant(figures: dict[str, Any], message: str) -> None:
    """The error names the figure, and what it may be."""
    with pytest.raises(InvalidSettingError, match=message):
        Limit(**figures)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limits": {"openai": Limit(requests=1)}}, r"'openai' is no pattern .* do you mean 'openai:\*'\?"),
        ({"limits": {":m": Limit(requests=1)}}, r"':m' is no pattern of model ids"),
        ({"limits": {3: Limit(requests=1)}}, r"3 is no pattern of model ids"),
        ({"limits": {"acme:*": 60}}, r"the limit of 'acme:\*' must be a Limit\(\.\.\.\), not 60"),
        ({"on_limit": "sleep"}, r"on_limit must be wait or raise, not 'sleep'"),
        ({"strategy": "leaky"}, r"strategy must be one of moving-window, fixed-window, .* not 'leaky'"),
        ({"storage": "floppy://u:hunter2@a"}, r"there is no storage 'floppy'; storage is a URL such as memory://"),
        ({"storage": "redis://u:hunter2@host:port/0"}, r"the storage redis:// cannot be opened: ValueError"),
        ({"storage": "async+memory://"}, r"one for asyncio alone; leave out 'async\+'"),
        ({"storage": None}, r"there is no storage"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    """The error says what to do, and no password of a URL."""
    with pytest.raises((ConfigError, InvalidSettingError), match=message) as raised:
        RateLimits(**options)
    assert "hunter2" not in repr(raised.value) + str(raised.value)
    assert raised.value.__cause__ is None


def test_a_package_that_is_missing_is_named() -> None:
    """Where redis is not installed, the error says how to install it."""
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from plugin_limits import RateLimits\n"
        "try: RateLimits(storage='redis://localhost')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "ConfigError" in run.stdout
    assert "needs the package redis: pip install 'plugin-limits[redis]'" in run.stdout
