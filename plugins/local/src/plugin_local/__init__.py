"""Models in this process for core-llm, by llama.cpp: ``local:smollm2``, or ``local:`` and a GGUF file's path."""

from plugin_local._provider import Local
from plugin_local._weights import locate

__all__ = ["Local", "locate"]
