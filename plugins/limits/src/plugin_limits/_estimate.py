"""How many tokens a request may take, before anybody has counted them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from core_llm import Request, ToolCallPart, ToolResultPart

CHARACTERS_PER_TOKEN = 4


def estimate_tokens(request: Request) -> int:
    """Estimate the tokens of a request and its answer: a token for four characters, and `max_tokens` where it is set.

    Files count as nothing, since their tokens do not follow from their size. What a provider reports in the end
    corrects it.
    """
    characters = sum(_lengths(request))
    return -(-characters // CHARACTERS_PER_TOKEN) + (request.settings.max_tokens or 0)


def _lengths(request: Request) -> Iterator[int]:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield len(part.name) + len(part.raw_arguments or json.dumps(part.arguments))
            elif isinstance(part, ToolResultPart):
                texts = (part.content,) if isinstance(part.content, str) else part.content
                yield sum(len(text if isinstance(text, str) else getattr(text, "text", "")) for text in texts)
            else:
                yield len(getattr(part, "text", ""))
    for tool in request.tools:
        yield len(tool.name) + len(tool.description) + len(json.dumps(tool.parameters))
