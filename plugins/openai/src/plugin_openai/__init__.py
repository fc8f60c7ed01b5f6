"""OpenAI's models for core-llm. Installing the package is enough: ``openai:<model>`` is then known to every client."""

from plugin_openai._provider import OpenAI

__all__ = ["OpenAI"]
