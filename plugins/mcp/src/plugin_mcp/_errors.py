"""What can go wrong with an MCP server.

CoreLLMError
└── MCPServerError            something about a server (.server, its name)
    ├── MCPConnectionError    it cannot be reached, or died; a call that was under way is not made again
    ├── MCPTimeoutError       it did not answer in time
    └── MCPAnswerError        it answered with an error, or with what is not passed on
"""

from __future__ import annotations

from core_llm import CoreLLMError


class MCPServerError(CoreLLMError):
    """Something about an MCP server.

    Attributes:
        server: Its name.
    """

    def __init__(self, message: str, *, server: str) -> None:
        super().__init__(f"MCP server {server!r}: {message}")
        self.server = server


class MCPConnectionError(MCPServerError):
    """The server cannot be reached, or died. A call that was under way may have had its effect: it is not repeated."""


class MCPTimeoutError(MCPServerError):
    """The server did not answer in time."""


class MCPAnswerError(MCPServerError):
    """The server answered with an error, or with what is not passed on."""
