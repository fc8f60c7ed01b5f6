"""MCP for core-llm: servers whose tools a run may use, and a server that offers tools and models of ours.

Importing this imports neither the MCP SDK nor an event loop; its names bring what they need when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugin_mcp._errors import MCPAnswerError, MCPConnectionError, MCPServerError, MCPTimeoutError
    from plugin_mcp._pins import Pins, ToolState
    from plugin_mcp._questions import Sampling
    from plugin_mcp._server import MCPServer
    from plugin_mcp._service import MCPService
    from plugin_mcp._settings import ServerSettings
    from plugin_mcp._tools import MCPTool
    from plugin_mcp._values import Elicitation, Progress, Prompt, Resource, SamplingRequest

__all__ = [
    "Elicitation",
    "MCPAnswerError",
    "MCPConnectionError",
    "MCPServer",
    "MCPServerError",
    "MCPService",
    "MCPTimeoutError",
    "MCPTool",
    "Pins",
    "Progress",
    "Prompt",
    "Resource",
    "Sampling",
    "SamplingRequest",
    "ServerSettings",
    "ToolState",
]

_ROOMS = {
    "_errors": "MCPAnswerError MCPConnectionError MCPServerError MCPTimeoutError",
    "_pins": "Pins ToolState",
    "_questions": "Sampling",
    "_server": "MCPServer",
    "_service": "MCPService",
    "_settings": "ServerSettings",
    "_tools": "MCPTool",
    "_values": "Elicitation Progress Prompt Resource SamplingRequest",
}


def __getattr__(name: str) -> object:
    for room, names in _ROOMS.items():
        if name in names.split():
            return getattr(import_module(f"{__name__}.{room}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
