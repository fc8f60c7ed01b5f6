"""JSON schemas in the words that a provider takes: what it cannot say is dropped, told in words, or a named error.

A `SchemaLanguage` is the table of one provider's words; `SchemaReducer` brings a schema into it. What only describes is
dropped where it is not taken. What constrains, and only narrows the answer a little (a length, a range), is told to the
model in the description. What makes a schema another one is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from pydantic_core import to_json

from core_llm._json import JSONObject, JSONValue
from core_llm._output_errors import UnsupportedSchemaError

DESCRIBING = frozenset(
    "$schema $id $anchor $comment default examples example deprecated readOnly writeOnly contentEncoding"
    " contentMediaType discriminator nullable".split()
)
"""Keywords that constrain nothing by themselves."""
MAX_COPIES = 5000
"""References of one schema that what they refer to is put in place of: each may have several in it."""
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTED = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaLanguage:
    """What a provider takes of JSON schema.

    Attributes:
        name: What it is called in errors.
        advice: What to do about a schema that it cannot say.
        keeps: Keywords sent as they are; None for all that nothing else is said of.
        drops: Keywords left out, which constrain nothing.
        tells: Keywords that are put into the description in words.
        formats: Values of ``format`` that are taken; others are told. None for all.
        is_closed: Every object says that it has no other members; one that may have others is refused.
        is_whole: Every member of an object is required.
        has_one_of: Whether ``oneOf`` is taken; ``anyOf`` stands in for it where not.
        has_const: Whether ``const`` is taken; ``enum`` stands in for it where not.
        has_recursion: Whether a schema may refer to itself.
        has_bare_references: A reference stands alone; what is said beside it is put into a copy of its target.
        has_object_root: The schema itself is an object, and no choice.
        has_any_pattern: Whether a ``pattern`` may leave its ends open; such a one is told where not.
        most: Keyword → the greatest number that is taken; a greater one is told.
    """

    name: str
    advice: str = "simplify the schema"
    keeps: frozenset[str] | None = None
    drops: frozenset[str] = frozenset()
    tells: frozenset[str] = frozenset()
    formats: frozenset[str] | None = None
    is_closed: bool = False
    is_whole: bool = False
    has_one_of: bool = True
    has_const: bool = True
    has_recursion: bool = True
    has_bare_references: bool = False
    has_object_root: bool = False
    has_any_pattern: bool = True
    most: Mapping[str, int] = field(default_factory=dict)


JSON_SCHEMA = SchemaLanguage(name="JSON schema")
"""Everything, as it is."""

_BASIC = (
    "type properties required additionalProperties items enum const anyOf $ref $defs definitions description title"
    " default pattern format minItems maxItems minLength maxLength"
).split()
_FORMATS = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split())
_COUNTS = frozenset("uniqueItems minContains maxContains minProperties maxProperties".split())
_RANGES = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())

STRICT_SCHEMA = SchemaLanguage(
    name="strict mode",
    advice="simplify the schema, or pass is_strict=False",
    keeps=frozenset(_BASIC) | _RANGES,
    drops=DESCRIBING,
    tells=_COUNTS,
    formats=_FORMATS,
    is_closed=True,
    is_whole=True,
    has_one_of=False,
    has_bare_references=True,
    has_object_root=True,
)
"""OpenAI's strict mode. Source: guide "Structured model outputs", supported schemas, and what real requests that were
answered have besides: defaults and lengths (checked 2026-11)."""

GRAMMAR_SCHEMA = SchemaLanguage(name="llama.cpp's grammar", has_any_pattern=False)
"""What llama.cpp makes a grammar of, which Ollama uses too: patterns begin with ``^`` and end with ``$``.

Source: llama.cpp, `json-schema-to-grammar` (checked 2026-11).
"""


def reduced_schema(
    schema: JSONObject, language: SchemaLanguage, *, feature: str, provider: str | None = None
) -> JSONObject:
    """Return a schema in the words of a language; the same one where the language has them all.

    Args:
        schema: JSON schema, draft 2020-12 or an earlier one.
        language: What is taken.
        feature: What the schema is for: ``structured_output`` or ``tools``.
        provider: Who takes no more, for the error.

    Raises:
        UnsupportedSchemaError: A part of it cannot be said; names its path and keyword.
    """
    if language is JSON_SCHEMA:
        return schema
    return SchemaReducer(schema, language, feature=feature, provider=provider).reduced()


def encode_schema(
    schema: JSONObject,
    *,
    is_strict: bool | None,
    taken: SchemaLanguage | None,
    strictly: SchemaLanguage | None,
    feature: str,
    provider: str,
) -> tuple[JSONObject, bool | None]:
    """Return a schema in the words that a provider takes, and whether the model is to be held to it.

    Args:
        schema: JSON schema.
        is_strict: What the caller wants; None for a schema of output makes it strict where that can be said.
        taken: What the provider takes in any case; None for everything.
        strictly: What its strict mode takes; None where that is not known, so that nothing is changed for it.
        feature: What the schema is for: ``structured_output`` or ``tools``.
        provider: Its name, for the error.

    Raises:
        UnsupportedSchemaError: A part of it cannot be said, and has to be.
    """
    if taken is not None:
        schema = reduced_schema(schema, taken, feature=feature, provider=provider)
    if strictly is None or is_strict is False or (is_strict is None and feature == "tools"):
        return schema, is_strict
    try:
        return reduced_schema(schema, strictly, feature=feature, provider=provider), True
    except UnsupportedSchemaError:
        if is_strict:
            raise
        return schema, False


class SchemaReducer:
    """Brings one schema into a language. A wire whose language has other words than JSON schema overrides `reduce`."""

    def __init__(
        self, root: JSONObject, language: SchemaLanguage, *, feature: str, provider: str | None = None
    ) -> None:
        self.root = root
        self.language = language
        self._feature = feature
        self._provider = provider
        self._followed: set[str] = set()
        self._copies = 0

    def reduced(self) -> JSONObject:
        """Return the schema in the language's words.

        Raises:
            UnsupportedSchemaError: A part of it cannot be said.
        """
        if not self.language.has_recursion:
            self._check_recursion(self.root, "$", ())
        reduced = self.reduce(self.root, "$", ())
        if self.language.has_object_root and (reduced.get("type") != "object" or "anyOf" in reduced):
            self.refuse("$", "anyOf" if "anyOf" in reduced else "type", "a schema that is no object at its top")
        return reduced

    def reduce(self, schema: JSONValue, path: str, within: tuple[str, ...]) -> JSONObject:
        """Return one schema, reduced; `within` has the references that are being put in place.

        Raises:
            UnsupportedSchemaError: A part of it cannot be said.
        """
        if not isinstance(schema, dict):
            self.refuse(path, "true" if schema is True else "false", "a schema that is no object")
        if self.language.has_bare_references and "$ref" in schema and self._has_beside(schema):
            return self.reduce(*self.in_place(schema, path, within))
        if self.language.keeps is not None and "allOf" in schema and "allOf" not in self.language.keeps:
            return self.reduce(self.merged(schema, path), path, within)
        reduced: JSONObject = {}
        told: list[str] = []
        for name, value in schema.items():
            if self._is_told(name, value):
                told.append(f"{name}: {to_json(value).decode()}")
            else:
                reduced |= self._keyword(name, value, path, within)
        if told:
            said = reduced.get("description")
            reduced["description"] = " ".join([*([str(said)] if said else []), f"({', '.join(told)})"])
        return self._completed(reduced, path)

    def in_place(
        self, schema: JSONObject, path: str, within: tuple[str, ...]
    ) -> tuple[JSONObject, str, tuple[str, ...]]:
        """Return what stands in the place of a reference, with what is said beside it; for `reduce`.

        Raises:
            UnsupportedSchemaError: It refers to itself, or to something that is not in the schema, or there are too
                many.
        """
        reference = str(schema["$ref"])
        self._copies += 1
        if self._copies > MAX_COPIES:
            self.refuse(f"{path}.$ref", "$ref", f"more than {MAX_COPIES} copies of what is referred to")
        if reference in within:
            self.refuse(f"{path}.$ref", "$ref", f"the recursion of {reference}")
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return {**self.target(reference, path), **beside}, path, (*within, reference)

    def target(self, reference: str, path: str) -> JSONObject:
        """Return what a reference refers to.

        Raises:
            UnsupportedSchemaError: It is not in the schema.
        """
        found: JSONValue = self.root if reference.startswith("#") else None
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self.refuse(f"{path}.$ref", "$ref", f"the reference {reference!r}, which is not in the schema")
        return found

    def merged(self, schema: JSONObject, path: str) -> JSONObject:
        """Return a schema that is put together of one, as one.

        Raises:
            UnsupportedSchemaError: It is put together of several.
        """
        listed = schema["allOf"]
        if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
            self.refuse(f"{path}.allOf", "allOf", "allOf of several schemas")
        return {**listed[0], **{name: value for name, value in schema.items() if name != "allOf"}}

    def refuse(self, path: str, keyword: str, what: str) -> NoReturn:
        """Raise the error that names what cannot be said.

        Raises:
            UnsupportedSchemaError: Always.
        """
        whose = f"the {self.language.name} of {self._provider}" if self._provider else self.language.name
        msg = f"{whose} cannot express {what}, at {path}; {self.language.advice}"
        raise UnsupportedSchemaError(msg, path=path, keyword=keyword, feature=self._feature, provider=self._provider)

    def _keyword(self, name: str, value: JSONValue, path: str, within: tuple[str, ...]) -> JSONObject:
        """Return the fields that one keyword becomes, none if it says nothing here."""
        language, here = self.language, f"{path}.{name}"
        if name == "oneOf" and not language.has_one_of:
            name = "anyOf"
        if name == "const" and not language.has_const:
            return {"enum": [value]}
        if name == "additionalProperties" and language.is_closed:
            if value not in (False, None):
                self.refuse(here, name, "an object with members whose names are not given")
            return {name: False}
        is_kept = name not in language.drops if language.keeps is None else name in language.keeps
        if not is_kept and (name in language.drops or name.startswith("x-")):
            return {}
        if not is_kept:
            self.refuse(here, name, name)
        return {name: self._inner(name, value, here, within)}

    def _inner(self, name: str, value: JSONValue, path: str, within: tuple[str, ...]) -> JSONValue:
        """Return the value of a keyword, the schemas in it reduced."""
        if name in _NAMED and isinstance(value, dict):
            return {key: self._schema(item, f"{path}.{key}", within) for key, item in value.items()}
        if name in _LISTED and isinstance(value, list):
            return [self._schema(item, f"{path}[{at}]", within) for at, item in enumerate(value)]
        return self._schema(value, path, within) if name in _SINGLE else value

    def _schema(self, value: JSONValue, path: str, within: tuple[str, ...]) -> JSONValue:
        """Return a schema reduced; ``true`` and ``false`` are schemas too where nothing is left out."""
        is_plain = not isinstance(value, dict) and (
            self.language.keeps is None or path.endswith("additionalProperties")
        )
        return value if is_plain else self.reduce(value, path, within)

    def _is_told(self, name: str, value: JSONValue) -> bool:
        language = self.language
        if name == "format" and language.formats is not None:
            return value not in language.formats
        if name == "pattern" and not language.has_any_pattern:
            return not (isinstance(value, str) and value.startswith("^") and value.endswith("$"))
        most = language.most.get(name)
        return name in language.tells or (most is not None and isinstance(value, int) and value > most)

    def _completed(self, schema: JSONObject, path: str) -> JSONObject:
        """Return a schema with what the language wants every object to say."""
        kind = schema.get("type")
        is_object = kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema
        if not is_object:
            return schema
        if self.language.is_closed:
            schema.setdefault("additionalProperties", False)
        if self.language.is_whole:
            properties, required = schema.setdefault("properties", {}), schema.get("required")
            names = list(properties) if isinstance(properties, dict) else []
            first = list(required) if isinstance(required, list) else []
            if unknown := [name for name in first if name not in names]:
                self.refuse(f"{path}.required", "required", f"the required member {unknown[0]!r}, which has no schema")
            schema["required"] = [*first, *(name for name in names if name not in first)]
        return schema

    def _has_beside(self, schema: JSONObject) -> bool:
        return any(name != "$ref" and name not in self.language.drops for name in schema) and schema is not self.root

    def _check_recursion(self, schema: JSONValue, path: str, within: tuple[str, ...]) -> None:
        """Refuse a schema that refers to itself, however long the way."""
        if not isinstance(schema, dict):
            return
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in within:
                self.refuse(f"{path}.$ref", "$ref", f"the recursion of {reference}")
            if reference not in self._followed:
                self._check_recursion(self.target(reference, path), path, (*within, reference))
                self._followed.add(reference)
        for place, inner in _inner_schemas(schema):
            self._check_recursion(inner, path + place, within)


def _inner_schemas(schema: JSONObject) -> Iterator[tuple[str, JSONValue]]:
    """Yield the schemas in a schema, each with its place; definitions count where they are referred to."""
    for name, value in schema.items():
        if name in ("$defs", "definitions"):
            continue
        if name in _NAMED and isinstance(value, dict):
            yield from ((f".{name}.{key}", item) for key, item in value.items())
        elif name in _LISTED and isinstance(value, list):
            yield from ((f".{name}[{at}]", item) for at, item in enumerate(value))
        elif name in _SINGLE:
            yield f".{name}", value
