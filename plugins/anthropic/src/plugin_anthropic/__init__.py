"""Anthropic's models for core-llm. Installing the package is enough: ``anthropic:<model>`` is then known everywhere.

`Messages` is its wire, for plugins of services that speak it too.
"""

from plugin_anthropic._provider import Anthropic
from plugin_anthropic._wire import Messages

__all__ = ["Anthropic", "Messages"]
