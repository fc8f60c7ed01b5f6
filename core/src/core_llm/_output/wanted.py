"""Wanted: the value that a call or a run is to bring, as its options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from core_llm._capabilities import Capabilities
from core_llm._errors import InvalidSettingError
from core_llm._output.modes import asking_for
from core_llm._output.task import OutputTask, task_of
from core_llm._request import OutputMode, Request

MODES = ("native", "tool", "prompted")
DEFAULT_RETRIES = 1
"""How often an answer that does not fit is corrected."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value that is wanted.

    Attributes:
        task: Its type.
        mode: How it is asked for; None for the best way that the model has.
        retries: How often an answer may be corrected.
    """

    task: OutputTask
    mode: OutputMode | None
    retries: int

    def asking(self, request: Request, capabilities: Capabilities) -> Request:
        """Return a request that asks also for the value."""
        return asking_for(request, self.task, capabilities, self.mode)


def output_options(options: Mapping[str, object]) -> Wanted:
    """Return what is wanted.

    Raises:
        InvalidRequestError: The type has no JSON schema.
        InvalidSettingError: An option has a wrong value.
    """
    mode, retries = options.get("output_mode"), options.get("output_retries", DEFAULT_RETRIES)
    if mode is not None and mode not in MODES:
        raise InvalidSettingError(f"output_mode must be one of {', '.join(MODES)}, not {mode!r}")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise InvalidSettingError(f"output_retries must be a number from 0 on, not {retries!r}")
    return Wanted(task_of(options.get("output")), cast("OutputMode | None", mode), retries)
