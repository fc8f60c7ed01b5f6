"""Anthropic's models for core-llm. Installing the package is enough: ``anthropic:<model>`` is then known everywhere."""

from plugin_anthropic._provider import Anthropic

__all__ = ["Anthropic"]
