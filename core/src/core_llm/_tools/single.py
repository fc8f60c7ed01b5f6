"""One call of a tool that no run asked for: the batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from core_llm._messages import ToolCallPart, ToolResultPart
from core_llm._signals import Signal
from core_llm._tools.context import ToolContext, logger_of
from core_llm._tools.execute import Batch
from core_llm._tools.manager import ToolManager


async def run_call(
    manager: ToolManager, call: ToolCallPart, *, deps: object, metadata: Mapping[str, object]
) -> ToolResultPart:
    """Run one call; see `ToolManager.call`."""
    context = partial(ToolContext, deps=deps, signal=Signal.never(), logger=logger_of(call), metadata=metadata)
    batch = Batch(manager, (call,), lambda asked, attempt: context(call=asked, attempt=attempt), {}, _note, _note)
    (result,) = await batch.run()
    return result


async def _note(*_: object) -> None:
    """Take no note: there are no events."""
