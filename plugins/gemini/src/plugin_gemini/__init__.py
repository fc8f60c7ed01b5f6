"""Google's models for core-llm, ``gemini:<model>`` and ``vertex:<model>``. Installing the package is enough."""

from plugin_gemini._provider import Gemini, Vertex

__all__ = ["Gemini", "Vertex"]
