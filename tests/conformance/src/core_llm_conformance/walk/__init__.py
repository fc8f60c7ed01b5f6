"""What a recorded body holds, found by plain walking of its JSON: the yardstick that decoders are measured with.

Nothing here imports `core_llm.wire`, so that a mistake in a decoder cannot excuse itself. The code is made to be
checked by eye, not to be fast.
"""

from core_llm_conformance.walk.anthropic import walk_anthropic
from core_llm_conformance.walk.chat_completions import walk_chat_completions
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError, ExpectedUsage
from core_llm_conformance.walk.gemini import walk_gemini
from core_llm_conformance.walk.grok import walk_grok
from core_llm_conformance.walk.ollama import walk_ollama
from core_llm_conformance.walk.responses import walk_responses

__all__ = [
    "Expected",
    "ExpectedCall",
    "ExpectedError",
    "ExpectedUsage",
    "walk_anthropic",
    "walk_chat_completions",
    "walk_gemini",
    "walk_grok",
    "walk_ollama",
    "walk_responses",
]
