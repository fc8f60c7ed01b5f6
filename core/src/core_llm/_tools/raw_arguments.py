"""Arguments held to a JSON schema that no type made: so far as such schemas are used for tools, and never further.

What is looked at: ``type``, ``enum``, ``const``, ``properties``, ``required``, ``additionalProperties``, ``items``,
``anyOf``, ``oneOf`` (as ``anyOf``), ``allOf``, and references within the schema. What another keyword says is let pass:
a call that fits must never be refused, and whoever handles it may look further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from core_llm._json import JSONObject, JSONValue
from core_llm._tool_errors import ToolArgumentsError
from core_llm._tools.signature import Place, mistake, told

_DEEPEST = 100
"""References and choices that may follow each other at one place: a schema may go round in circles."""
_MOST_STEPS = 50_000
"""Schemas that a value may meet. What is left after that is let pass: choices of choices multiply."""


def _is_integer(value: JSONValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[JSONValue], bool]] = MappingProxyType(
    {
        "array": lambda value: isinstance(value, list),
        "boolean": lambda value: isinstance(value, bool),
        "integer": lambda value: _is_integer(value) or (isinstance(value, float) and value.is_integer()),
        "null": lambda value: value is None,
        "number": lambda value: _is_integer(value) or isinstance(value, float),
        "object": lambda value: isinstance(value, dict),
        "string": lambda value: isinstance(value, str),
    }
)


def check_arguments(schema: JSONObject, arguments: Mapping[str, JSONValue]) -> None:
    """Check arguments.

    Raises:
        ToolArgumentsError: They do not fit; the message is for the model.
    """
    lines = list(_Checker(schema).mistakes(schema, dict(arguments), (), 0))
    if lines:
        raise ToolArgumentsError(told(lines))


class _Checker:
    """Holds values to the parts of one schema."""

    def __init__(self, root: JSONObject) -> None:
        self._root = root
        self._steps = 0

    def mistakes(self, schema: JSONValue, value: JSONValue, place: Place, depth: int) -> Iterator[str]:
        """Yield a line for each mistake."""
        self._steps += 1
        if schema is False:
            yield mistake(place, "is not wanted", value)
        if not isinstance(schema, dict) or depth > _DEEPEST or self._steps > _MOST_STEPS:
            return
        if value is None and schema.get("nullable") is True:
            return
        if isinstance(reference := schema.get("$ref"), str):
            yield from self.mistakes(self._referred(reference), value, place, depth + 1)
        if (wanted := _types(schema)) and not any(_TYPES[name](value) for name in wanted):
            yield mistake(place, f"must be of type {' or '.join(wanted)}", value)
            return
        known = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(known, list) and not any(_is_same(value, one) for one in known):
            yield mistake(place, f"must be one of {known!r}", value)
        yield from self._of_choices(schema, value, place, depth + 1)
        if isinstance(value, dict):
            yield from self._of_object(schema, value, place)
        elif isinstance(value, list) and "items" in schema and "prefixItems" not in schema:
            for number, item in enumerate(value):
                yield from self.mistakes(schema["items"], item, (*place, number), 0)

    def _of_choices(self, schema: JSONObject, value: JSONValue, place: Place, depth: int) -> Iterator[str]:
        for part in _listed(schema.get("allOf")):
            yield from self.mistakes(part, value, place, depth)
        for keyword in ("anyOf", "oneOf"):
            tried = [list(self.mistakes(choice, value, place, depth)) for choice in _listed(schema.get(keyword))]
            if tried and all(tried):
                yield from tried[0] if len(tried) == 1 else [mistake(place, "fits none of its choices", value)]

    def _of_object(self, schema: JSONObject, value: JSONObject, place: Place) -> Iterator[str]:
        for name in _listed(schema.get("required")):
            if isinstance(name, str) and name not in value:
                yield mistake((*place, name), "is required")
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        for name, member in value.items():
            yield from self.mistakes(properties.get(name, others), member, (*place, name), 0)

    def _referred(self, reference: str) -> JSONValue:
        """Return the part of the schema that a reference names; one that lets everything pass if there is none."""
        found: JSONValue = self._root
        if not reference.startswith("#"):
            return True
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                return True
            found = found[name]
        return found


def _types(schema: JSONObject) -> list[str]:
    """Return the names of the types that a value may have; none if nothing is known of them."""
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    known = [name for name in names if isinstance(name, str) and name in _TYPES]
    return known if len(known) == len(names) else []


def _is_same(one: JSONValue, other: JSONValue) -> bool:
    """Whether two values are the same to JSON, where true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _listed(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []
