"""Recorded requests: read into a Request by plain walking, and brought into one form to be compared with ours.

What a recorded body says beyond the fields of a Request is no concern of this: callers pass it as `provider_options`.
Each wire's module says what it takes for the same, and what it leaves out of both.
"""

from core_llm_conformance.requests.anthropic import normal_anthropic, read_anthropic
from core_llm_conformance.requests.chat import normal_chat, read_chat
from core_llm_conformance.requests.gemini import normal_gemini, read_gemini
from core_llm_conformance.requests.ollama import normal_ollama, read_ollama
from core_llm_conformance.requests.reading import Answered, UnreadableError
from core_llm_conformance.requests.responses import normal_responses, read_responses

FORMS = {
    "anthropic": (read_anthropic, normal_anthropic),
    "chat": (read_chat, normal_chat),
    "gemini": (read_gemini, normal_gemini),
    "ollama": (read_ollama, normal_ollama),
    "responses": (read_responses, normal_responses),
}
"""Wire → what reads a recorded body, and what brings a body into the form to be compared."""

__all__ = [
    "FORMS",
    "Answered",
    "UnreadableError",
    "normal_anthropic",
    "normal_chat",
    "normal_gemini",
    "normal_ollama",
    "normal_responses",
    "read_anthropic",
    "read_chat",
    "read_gemini",
    "read_ollama",
    "read_responses",
]
