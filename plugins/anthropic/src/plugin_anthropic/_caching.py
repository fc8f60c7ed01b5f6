"""Prompt caching: where the marks go that say "keep everything up to here".

Source: Anthropic's documentation, "Prompt caching" (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator

from core_llm import UnsupportedError
from core_llm.wire import JSONObject, as_objects

MAX_MARKS = 4
"""The API takes no more marks in a request."""
TTLS = ("5m", "1h")
NOT_MARKABLE = ("thinking", "redacted_thinking")


def mark_cached(
    ttl: str, system: list[JSONObject], tools: list[JSONObject], turns: list[JSONObject], provider: str
) -> None:
    """Mark what the next request will begin with too: the system and the tools, and the conversation up to here.

    Two marks, since the first part stays when the conversation is another. Marks of the caller's own stand, and take
    precedence where the API would refuse more.

    Raises:
        UnsupportedError: The API does not keep anything so long.
    """
    if ttl not in TTLS:
        msg = f"{provider} keeps a cache for {' or '.join(TTLS)}, not {ttl}; choose one of these as cache_ttl"
        raise UnsupportedError(msg, feature="cache_ttl", provider=provider)
    conversation = [block for turn in turns for block in as_objects(turn.get("content"))]
    free = MAX_MARKS - sum("cache_control" in block for block in _markable([*tools, *system, *conversation]))
    fixed = system or tools  # the tools come before the system
    for blocks in (fixed, conversation):
        last = next((block for block in reversed(blocks) if block.get("type") not in NOT_MARKABLE), None)
        if last is not None and "cache_control" not in last and free > 0:
            last["cache_control"] = {"type": "ephemeral", "ttl": ttl}
            free -= 1


def _markable(blocks: list[JSONObject]) -> Iterator[JSONObject]:
    """Yield the blocks and those inside the results of tools, which may be marked too."""
    for block in blocks:
        yield block
        yield from as_objects(block.get("content")) if block.get("type") == "tool_result" else ()
