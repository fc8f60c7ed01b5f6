"""OutputTask: one type that an answer is wanted as: its schema, and the value that a text holds. Pydantic does both.

Wires want an object at the top. What is none (a number, a list, a union) is asked for as the only member of one, and
taken out again.
"""

from __future__ import annotations

import collections.abc
import re
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import isroutine
from typing import Annotated, get_args, get_origin

import pydantic_core
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError

from core_llm._errors import InvalidRequestError
from core_llm._json import JSONObject, JSONValue
from core_llm._output.builders import JSONBuilder
from core_llm._output.partial_json import NotJSONError, PartialJSON
from core_llm._request import OutputSchema
from core_llm._schema_text import PlainSchema, without_titles

MEMBER = "value"
"""The name under which what is no object is asked for."""
MAX_MISTAKES = 20
"""Mistakes in one answer that the model is told of."""
_SHOWN = 200
_CACHED = 128
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME = 64
_STREAMED = (collections.abc.Iterable, collections.abc.Iterator, collections.abc.Generator)


class Mistakes(Exception):  # noqa: N818  # told to the model, and part of an error of ours at the end
    """A text is no value of the type."""

    def __init__(self, *found: str) -> None:
        super().__init__("; ".join(found))
        self.found = found


@dataclass(frozen=True, slots=True)
class OutputTask:
    """One type.

    Attributes:
        kind: The type itself.
        adapter: Checks a value.
        wrapped: Checks an object whose only member is the value; None where the value is an object itself.
        schema: What providers are told: of an object in either case.
    """

    kind: object
    adapter: TypeAdapter[object]
    wrapped: TypeAdapter[object] | None
    schema: OutputSchema
    _items: list[TypeAdapter[object]] = field(default_factory=list)

    def parse(self, text: str, *, is_exact: bool = False) -> object:
        """Return the value that a text holds.

        Args:
            text: JSON; unless it has to be exact, with words or a code fence around it if need be.
            is_exact: Whether nothing but the JSON may be there.

        Raises:
            Mistakes: It holds none.
        """
        try:
            return self._checked(text)
        except ValidationError as error:
            first = error
        if not _is_no_json(first) or is_exact:
            raise mistakes_of(first) from None
        found = JSONBuilder()
        parser = PartialJSON(found, starts="{")
        parser.feed(text)
        try:
            parser.close()
        except NotJSONError as error:
            raise Mistakes(f"the answer is not JSON: {error} (after {error.position} characters)") from None
        try:
            return self._checked(pydantic_core.to_json(found.root))
        except ValidationError as error:
            raise mistakes_of(error) from None

    def _checked(self, text: str | bytes) -> object:
        if self.wrapped is None:
            return self.adapter.validate_json(text)
        try:
            return getattr(self.wrapped.validate_json(text), MEMBER)
        except ValidationError as error:
            try:  # a model that leaves the wrapping out has said what was wanted
                return self.adapter.validate_json(text)
            except ValidationError:
                raise error from None

    def item(self) -> TypeAdapter[object]:
        """Return what checks one item of the list that is wanted.

        Raises:
            InvalidRequestError: The type is no list.
        """
        if not self._items:
            arguments = get_args(_bare(self.kind))
            is_list = self.wrapped is not None and arguments and self.schema_of_value().get("type") == "array"
            if not is_list or "prefixItems" in self.schema_of_value():
                msg = f"items come one by one only of a list; ask for list[...] in place of {_named(self.kind)}"
                raise InvalidRequestError(msg)
            self._items.append(TypeAdapter(arguments[0]))
        return self._items[0]

    def schema_of_value(self) -> JSONObject:
        """Return the schema of the value itself."""
        whole = self.schema.json_schema
        properties = whole.get("properties") if self.wrapped is not None else None
        inner = properties.get(MEMBER) if isinstance(properties, dict) else whole
        return inner if isinstance(inner, dict) else {}


def task_of(kind: object) -> OutputTask:
    """Return the task for a type; made once for each.

    Raises:
        InvalidRequestError: It is no type, or has no JSON schema.
    """
    try:
        return _cached(kind)
    except TypeError:  # what annotates it cannot be hashed
        return _made(kind)


def _made(kind: object) -> OutputTask:
    if isinstance(kind, str | int | float | bytes | dict | list | tuple) or isroutine(kind):
        msg = f"output must be a type, an OutputSchema or 'json', not {kind!r}"
        raise InvalidRequestError(msg)
    wanted = _listed(kind)
    try:
        adapter: TypeAdapter[object] = TypeAdapter(wanted)  # type: ignore[arg-type]  # a type, known only now
        schema = _schema(adapter)
        wrapped: TypeAdapter[object] | None = None
        if schema.get("type") != "object":
            config = ConfigDict(extra="forbid")
            wrapped = TypeAdapter(create_model("Output", __config__=config, **{MEMBER: (wanted, ...)}))  # type: ignore[call-overload]
            schema = _schema(wrapped)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError, NameError) as error:
        msg = f"a model cannot be told of {_named(kind)}: {str(error).splitlines()[0]}"
        raise InvalidRequestError(msg) from None
    return OutputTask(kind, adapter, wrapped, OutputSchema(name=_name(kind), json_schema=schema, is_strict=None))


_cached = lru_cache(maxsize=_CACHED)(_made)


def _listed(kind: object) -> object:
    """Return the type to check: an iterable is wanted as a list, since pydantic would check it only when it is read."""
    if get_origin(kind) in _STREAMED:
        (item,) = get_args(kind)[:1] or (object,)
        return list[item]  # type: ignore[valid-type]  # known only now
    return kind


def _bare(kind: object) -> object:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _schema(adapter: TypeAdapter[object]) -> JSONObject:
    """Return the schema, the definition that it may consist of put at its top."""
    schema = without_titles(adapter.json_schema(by_alias=True, schema_generator=PlainSchema))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        definitions = schema.get("$defs")
        target = definitions.get(reference.rpartition("/")[2]) if isinstance(definitions, dict) else None
        if isinstance(target, dict):
            return {**target, "$defs": definitions}
    return schema


def _named(kind: object) -> str:
    return getattr(kind, "__qualname__", None) or repr(kind)


def _name(kind: object) -> str:
    """Return what the schema is called: names of providers have letters, digits, underscores and hyphens only."""
    name = getattr(kind, "__name__", "") if isinstance(kind, type) else ""
    return _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME].strip("_") or "output"


def _is_no_json(error: ValidationError) -> bool:
    return error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"


def mistakes_of(error: ValidationError) -> Mistakes:
    """Return what is wrong, each mistake with its place."""
    found = error.errors(include_url=False, include_context=False)
    lines = [
        f"{_where(mistake['loc'])}: {mistake['msg']} (got {_shown(mistake['input'])})"
        if mistake["type"] not in ("missing", "json_invalid")
        else f"{_where(mistake['loc'])}: {'is required' if mistake['type'] == 'missing' else mistake['msg']}"
        for mistake in found[:MAX_MISTAKES]
    ]
    if len(found) > MAX_MISTAKES:
        lines.append(f"and {len(found) - MAX_MISTAKES} more")
    return Mistakes(*lines)


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "the answer"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def plain(value: JSONValue) -> str:
    """Return a value as JSON text."""
    return pydantic_core.to_json(value).decode()
