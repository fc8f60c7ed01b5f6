"""The names that settings are chosen by."""

from __future__ import annotations

from typing import Literal

Strategy = Literal["moving-window", "fixed-window", "sliding-window-counter"]
OnLimit = Literal["wait", "raise"]
Kind = Literal["requests", "tokens"]
