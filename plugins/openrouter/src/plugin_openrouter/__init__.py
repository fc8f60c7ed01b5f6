"""OpenRouter for core-llm. Installing the package is enough: ``openrouter:<model>`` is then known to every client."""

from plugin_openrouter._provider import OpenRouter

__all__ = ["OpenRouter"]
