"""What an author expects of an answer, as far as they say it, beside what the plugin made of it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from pydantic import JsonValue, TypeAdapter, ValidationError

from core_llm_conformance.recording.descriptions import JsonObject
from core_llm_conformance.walk.expected import Expected, ExpectedCall, ExpectedError

_EXPECTED: TypeAdapter[Expected] = TypeAdapter(Expected)
NAMES = tuple(field.name for field in fields(Expected))


def differing_fields(given: JsonObject, told: Expected) -> list[str]:
    """Return where the plugin made something else of an answer than its author expects, a sentence each."""
    wanted, problem = _read(given)
    if wanted is None:
        return [problem]
    found = []
    for name in given:
        expects, made = getattr(wanted, name), getattr(told, name)
        if not _is_same(name, expects, made):
            found.append(f"{name} is {made!r}, where {expects!r} is expected")
    return found


def overlaid(told: Expected, given: JsonObject) -> Expected:
    """Return what the plugin made of an answer, with what its author expects in its place."""
    wanted, _ = _read(given)
    if wanted is None:
        return told
    # What an author cannot say of a call (the text of its arguments) is the plugin's.
    said = [name for name in given if name != "tool_calls" or not _is_same(name, wanted.tool_calls, told.tool_calls)]
    theirs = asdict(wanted)
    return _EXPECTED.validate_python({**asdict(told), **{name: theirs[name] for name in said}})


def _is_same(name: str, wanted: object, made: object) -> bool:
    if name == "tool_calls" and isinstance(wanted, tuple) and isinstance(made, tuple):
        return len(wanted) == len(made) and all(map(_is_same_call, wanted, made))
    if isinstance(wanted, ExpectedError) and isinstance(made, ExpectedError):
        return _is_same_error(wanted, made)
    return wanted == made or (name == "model" and wanted is None)  # the response has the one that was asked for


def _is_same_error(wanted: ExpectedError, made: ExpectedError) -> bool:
    """Whether an error says what is expected; ours has the code or the type in one field, and always a status."""
    codes = [word for word in (wanted.code, wanted.type) if word is not None]
    return (
        wanted.kind == made.kind
        and wanted.message in made.message
        and wanted.status in (None, made.status)
        and (not codes or made.code in codes)
    )


def _is_same_call(wanted: ExpectedCall, made: ExpectedCall) -> bool:
    has_id = bool(made.id) if wanted.id is None else made.id == wanted.id
    return has_id and (wanted.name, wanted.arguments, wanted.is_complete) == (
        made.name,
        made.arguments,
        made.is_complete,
    )


def _read(given: JsonObject) -> tuple[Expected | None, str]:
    if unknown := [name for name in given if name not in NAMES]:
        return None, f"expected has {', '.join(unknown)}; it may have {', '.join(NAMES)}"
    calls = given.get("tool_calls")
    filled: JsonObject = given
    if isinstance(calls, list):
        filled = {**given, "tool_calls": [_filled(call) for call in calls]}
    try:
        return _EXPECTED.validate_python(filled), ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        return None, f"expected.{where}: {first['msg']}"


def _filled(call: JsonValue) -> JsonValue:
    """Return a call with what follows of the rest."""
    if not isinstance(call, dict):
        return call
    text = json.dumps(call.get("arguments") or {})
    return {"id": None, "arguments": {}, "arguments_text": text, "is_complete": True, **call}
