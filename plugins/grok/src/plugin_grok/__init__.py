"""xAI's models for core-llm. Installing the package is enough: ``grok:<model>`` is then known to every client."""

from plugin_grok._provider import Grok

__all__ = ["Grok"]
