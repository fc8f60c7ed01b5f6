"""JSON schema reduced to the subset that older Gemini models take (`responseSchema` and `parameters`).

What only describes is dropped; what constrains is rewritten or, where the subset cannot say it, named in an error.
Newer models take JSON schema as it is (`responseJsonSchema`, `parametersJsonSchema`) and nothing here is used.
Source: Gemini API reference, "Schema" (checked 2026-11).
"""

from __future__ import annotations

from core_llm.wire import DESCRIBING, JSONObject, JSONValue, SchemaLanguage, SchemaReducer, as_object, as_text

TYPES = {
    "string": "STRING",
    "number": "NUMBER",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
    "null": "NULL",
}
FORMATS = {"STRING": ("date-time", "enum"), "NUMBER": ("float", "double"), "INTEGER": ("int32", "int64")}
"""Type → formats that the API takes; another is an error there, and says little here."""
SUBSET = SchemaLanguage(
    name="schema language",
    advice="simplify the schema, or choose a model from Gemini 2.5 on, which takes JSON schema",
    keeps=frozenset(
        "title description nullable minItems maxItems minimum maximum minLength maxLength pattern required"
        " minProperties maxProperties propertyOrdering default example".split()
    ),
    drops=DESCRIBING | {"$defs", "definitions"},
)

JSON = SchemaLanguage(name="JSON schema", has_const=False, drops=frozenset(("discriminator",)))
"""What newer models take: all, but that a constant is an enum of one value."""


def reduced_schema(schema: JSONObject, *, provider: str, feature: str) -> JSONObject:
    """Return the schema in the API's subset.

    Args:
        schema: JSON schema, draft 2020-12 or an earlier one.
        provider: Who cannot take more, for the error.
        feature: What the schema is for: ``structured_output`` or ``tools``.

    Raises:
        UnsupportedSchemaError: A part of it cannot be expressed; the message names it by its path.
    """
    return _Reducer(schema, SUBSET, provider=f"this {provider} model", feature=feature).reduced()


class _Reducer(SchemaReducer):
    """Reduces one schema to words of another kind: types in capitals, ``nullable``, an order of members."""

    def reduce(self, schema: JSONValue, path: str, within: tuple[str, ...]) -> JSONObject:
        """Return one schema, reduced."""
        if not isinstance(schema, dict):
            self.refuse(path, "true" if schema is True else "false", "a schema that is no object")
        if "$ref" in schema:
            return self.reduce(*self.in_place(schema, path, within))
        for name in ("oneOf", "anyOf"):
            if name in schema:
                return self._any_of(schema, name, path, within)
        if "allOf" in schema:
            return self.reduce(self.merged(schema, path), path, within)
        if "const" in schema:
            return self._constant(schema, path)
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return self._one_of_types(schema, kinds, path, within)
        kind = TYPES.get(as_text(kinds).lower()) or self._inferred(schema, path)
        reduced: JSONObject = {"type": kind}
        for name, value in schema.items():
            if name != "type":
                reduced |= self._said(name, value, kind, path, within)
        return reduced

    def _said(self, name: str, value: JSONValue, kind: str, path: str, within: tuple[str, ...]) -> JSONObject:
        """Return the fields that one keyword becomes, none if it says nothing here."""
        match name:
            case "properties":
                inner = as_object(value)
                properties: JSONObject = {
                    key: self.reduce(item, f"{path}.properties.{key}", within) for key, item in inner.items()
                }
                # Without it, models answer in alphabetical order.
                return {"properties": properties, "propertyOrdering": list(inner)} if inner else {}
            case "items":
                return {"items": self.reduce(value, f"{path}.items", within)}
            case "enum":
                return self._enumerated(value, path)
            case "format":
                return {"format": value} if value in FORMATS.get(kind, ()) else {}
            case "exclusiveMinimum" | "exclusiveMaximum" if kind == "INTEGER" and type(value) is int:
                return {"minimum": value + 1} if name == "exclusiveMinimum" else {"maximum": value - 1}
            case "additionalProperties" if value in (False, True, {}):
                return {}  # the model adds none in any case
            case "uniqueItems" if value is False:
                return {}
            case _ if self.language.keeps is not None and name in self.language.keeps:
                return {name: value}
            case _ if name in self.language.drops or name.startswith("x-"):
                return {}
        return self.refuse(f"{path}.{name}", name, name)

    def _any_of(self, schema: JSONObject, name: str, path: str, within: tuple[str, ...]) -> JSONObject:
        """Return alternatives; one that is null makes the rest nullable."""
        listed = schema[name]
        alternatives = listed if isinstance(listed, list) else []
        reduced = [self.reduce(item, f"{path}.{name}[{at}]", within) for at, item in enumerate(alternatives)]
        real: list[JSONValue] = [item for item in reduced if item.get("type") != "NULL"]
        beside: JSONObject = {}
        for key, value in schema.items():
            if key not in (name, "type"):
                beside |= self._said(key, value, "", path, within)
        if len(real) < len(reduced):
            beside["nullable"] = True
        return as_object(real[0]) | beside if len(real) == 1 else {"anyOf": real, **beside}

    def _one_of_types(
        self, schema: JSONObject, kinds: list[JSONValue], path: str, within: tuple[str, ...]
    ) -> JSONObject:
        real = [kind for kind in kinds if kind != "null"]
        reduced = [self.reduce(schema | {"type": kind}, path, within) for kind in real]
        whole: JSONObject = reduced[0] if len(reduced) == 1 else {"anyOf": list[JSONValue](reduced)}
        return whole | {"nullable": True} if len(real) < len(kinds) else whole

    def _constant(self, schema: JSONObject, path: str) -> JSONObject:
        value = schema["const"]
        described: JSONObject = {name: text for name, text in schema.items() if name in ("title", "description")}
        if isinstance(value, str):
            return {"type": "STRING", "format": "enum", "enum": [value], **described}
        if isinstance(value, int | float) and not isinstance(value, bool):
            kind = "INTEGER" if isinstance(value, int) else "NUMBER"
            return {"type": kind, "minimum": value, "maximum": value, **described}
        return self.refuse(f"{path}.const", "const", f"the constant {value!r}")

    def _enumerated(self, value: JSONValue, path: str) -> JSONObject:
        values = value if isinstance(value, list) else []
        texts: list[JSONValue] = [item for item in values if item is not None]
        if not texts or not all(isinstance(item, str) for item in texts):
            self.refuse(f"{path}.enum", "enum", "an enum of anything but texts")
        fields: JSONObject = {"format": "enum", "enum": texts}
        return fields | {"nullable": True} if len(texts) < len(values) else fields

    def _inferred(self, schema: JSONObject, path: str) -> str:
        """Return the type that a schema without one means by its keywords."""
        for keyword, kind in (("properties", "OBJECT"), ("items", "ARRAY"), ("enum", "STRING")):
            if keyword in schema:
                return kind
        return self.refuse(path, "type", "a value of any type")
