"""Ollama's models for core-llm. Installing the package is enough: ``ollama:<model>`` is then known to every client."""

from plugin_ollama._provider import Ollama

__all__ = ["Ollama"]
