"""Azure OpenAI for core-llm. Installing the package is enough: ``azure:<model>`` is then known to every client."""

from plugin_azure._provider import Azure

__all__ = ["Azure"]
