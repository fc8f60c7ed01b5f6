"""What xAI's Chat Completions bodies hold beyond the others: a placeholder of its reasoning, said again and again."""

from __future__ import annotations

import re
from dataclasses import replace

from core_llm_conformance.walk.chat_completions import walk_chat_completions
from core_llm_conformance.walk.expected import Expected

_PLACEHOLDER = re.compile(r"^(Thinking\.\.\. )+")


def walk_grok(body: bytes, *, status: int = 200) -> Expected:
    """Return what `body` holds: that of `walk_chat_completions`, the placeholder taken once."""
    expected = walk_chat_completions(body, status=status)
    return replace(expected, reasoning=_PLACEHOLDER.sub("Thinking... ", expected.reasoning))
