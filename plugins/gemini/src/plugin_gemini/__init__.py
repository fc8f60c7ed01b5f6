"""Google's models for core-llm, ``gemini:<model>`` and ``vertex:<model>``. Installing the package is enough.

`GeminiWire` is the wire of the former, for plugins of services that speak it too.
"""

from plugin_gemini._provider import Gemini, Vertex
from plugin_gemini._wire import GeminiWire

__all__ = ["Gemini", "GeminiWire", "Vertex"]
