"""What every walk decides alike: whether a tool call may be executed."""

from __future__ import annotations

import json

from pydantic import JsonValue

from core_llm_conformance.walk.expected import ExpectedCall


def finish_call(call_id: str, name: str, text: str, *, was_cut: bool) -> ExpectedCall:
    """Return a call whose arguments came as `text`; an empty one means no arguments, unless it may have been cut."""
    parsed: JsonValue = None
    if text.strip():
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
    elif not was_cut:
        parsed = {}
    arguments = parsed if isinstance(parsed, dict) else None
    return ExpectedCall(call_id or None, name, arguments, text, is_complete=arguments is not None)


def called_with(call_id: str, name: str, arguments: JsonValue) -> ExpectedCall:
    """Return a call whose arguments the wire sends as an object, whole."""
    return finish_call(call_id, name, json.dumps(arguments), was_cut=False)
