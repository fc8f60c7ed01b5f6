"""The hook that makes ``"a:x | b:y"`` a route."""

from __future__ import annotations

from core_llm import Route, hookimpl
from plugin_router._router import Router, split


@hookimpl
def core_llm_find_route(model: str) -> Route | None:
    models = split(model)
    return None if models is None else Router(models)
