"""Routes: which model a call goes to, and what takes over.

    from core_llm import Client
    from plugin_router import Router

    client = Client(routes={"fast": Router(["openai:gpt-5-mini", "anthropic:claude-haiku-4-5"], order="cheapest", …)})
    client.generate("fast", "Why is the sky blue?")

Where the package is installed, ``"a:x | b:y"`` is a route without more ado.
"""

from plugin_router._breaker import Breaker
from plugin_router._router import Order, Router

__all__ = ["Breaker", "Order", "Router"]
