"""Shapes: how a value of a type looks while it grows. Made once for each type.

A model or dataclass shows its members as they come, a list its items, a text its beginning; everything else appears
when it is whole. What is whole is checked by the type of its place, once.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from core_llm._output.task import MEMBER, OutputTask

_LISTS = (list, collections.abc.Sequence, collections.abc.MutableSequence)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS = (Union, types.UnionType)
_AROUND = (Annotated, Required, NotRequired)


class Shape:
    """How one place of a value looks.

    Attributes:
        hint: Its type.
        shows: What is shown before it is whole.
    """

    __slots__ = ("_adapter", "_members", "_options", "hint", "shows")

    def __init__(self, hint: object) -> None:
        self.hint = hint
        self._adapter: TypeAdapter[object] | None = None
        self._members: Mapping[str, tuple[str, Shape]] | None = None
        self._options: list[Shape] | None = None
        self.shows: Literal["members", "mapping", "items", "text", "any", "union", "nothing"] = _shown(_bare(hint))

    def check(self, text: bytes) -> object:
        """Return the whole value that JSON holds.

        Raises:
            pydantic.ValidationError: It does not fit.
        """
        if self._adapter is None:
            self._adapter = TypeAdapter(self.hint)  # type: ignore[arg-type]  # a type, known only now
        return self._adapter.validate_json(text)

    @property
    def members(self) -> Mapping[str, tuple[str, Shape]]:
        """Name in JSON → name in Python, and shape."""
        if self._members is None:
            self._members = {key: (name, shape_of(hint)) for key, name, hint in _members(_bare(self.hint))}
        return self._members

    @property
    def inner(self) -> Shape:
        """The shape of an item, or of a mapping's values."""
        arguments = get_args(_bare(self.hint))
        return shape_of(arguments[-1] if arguments else Any)

    def chosen(self, came: Mapping[str, object]) -> Shape | None:
        """Return which alternative of a union an object is, by a member whose value only that one can have."""
        if self._options is None:
            shapes = [shape_of(option) for option in get_args(_bare(self.hint))]
            is_open = any(shape.shows in ("mapping", "any", "union") for shape in shapes)
            self._options = [] if is_open else [shape for shape in shapes if shape.shows == "members"]
        if len(self._options) == 1:
            return self._options[0]
        fitting = [option for option in self._options if option.fits(came)]
        return fitting[0] if len(fitting) == 1 else None

    def fits(self, came: Mapping[str, object]) -> bool:
        """Whether members that have come have the values that they must have, and at least one such has come."""
        fixed = {
            key: get_args(_bare(shape.hint)) for key, (_, shape) in self.members.items() if _is_literal(shape.hint)
        }
        known = [key for key in fixed if key in came]
        return bool(known) and all(came[key] in fixed[key] for key in known)

    def make(self) -> object:
        """Return an object of the type without members; those that have not come are their defaults, or None."""
        kind = _bare(self.hint)
        origin = get_origin(kind) or kind
        if isinstance(origin, type) and issubclass(origin, BaseModel):
            return _empty(origin)
        if isinstance(origin, type) and dataclasses.is_dataclass(origin):
            made: object = object.__new__(origin)
            for field in dataclasses.fields(origin):
                object.__setattr__(made, field.name, _default(field))
            return made
        return {}


def _empty(kind: type[BaseModel]) -> BaseModel:
    """Return a model without members. Pydantic's own way runs code of the author's that is for whole ones."""
    made = kind.__new__(kind)
    fields = kind.model_fields
    members = {name: None if info.is_required() else info.get_default() for name, info in fields.items()}
    for name, info in fields.items():
        if info.default_factory is not None and not info.default_factory_takes_validated_data:
            members[name] = info.get_default(call_default_factory=True)
    object.__setattr__(made, "__dict__", members)
    object.__setattr__(made, "__pydantic_fields_set__", set())
    object.__setattr__(made, "__pydantic_extra__", {} if kind.model_config.get("extra") == "allow" else None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


def put(target: object, name: str, value: object) -> None:
    """Put a member into an object that grows."""
    if isinstance(target, BaseModel):
        target.__dict__[name] = value
        target.__pydantic_fields_set__.add(name)
    elif isinstance(target, dict):
        target[name] = value
    else:
        object.__setattr__(target, name, value)


def shape_of(hint: object) -> Shape:
    """Return the shape of a type."""
    try:
        return _cached(hint)
    except TypeError:  # what annotates it cannot be hashed
        return Shape(hint)


_cached: Callable[[object], Shape] = lru_cache(maxsize=1024)(Shape)


def shape_of_task(task: OutputTask) -> tuple[Shape, str | None]:
    """Return the shape of the value that is wanted, and the name of the member that holds it, if one does."""
    return shape_of(task.kind), None if task.wrapped is None else MEMBER


def _bare(hint: object) -> object:
    """Return a type without what annotates it, and without the None that it may be instead."""
    while True:
        if get_origin(hint) in _AROUND:
            hint = get_args(hint)[0]
        elif (named := getattr(hint, "__value__", None)) is not None:  # a type with a name of its own
            hint = named
        else:
            break
    if get_origin(hint) in _UNIONS:
        real = [option for option in get_args(hint) if option is not type(None)]
        if len(real) == 1:
            return _bare(real[0])
    return hint


def _shown(kind: object) -> Literal["members", "mapping", "items", "text", "any", "union", "nothing"]:
    origin = get_origin(kind) or kind
    if origin is str:
        return "text"
    if origin is Any or origin is object:
        return "any"
    if origin in _UNIONS:
        return "union"
    if origin in _LISTS or origin in (collections.abc.Iterable, collections.abc.Iterator):
        return "items"
    if origin in _MAPPINGS:
        return "mapping"
    if isinstance(origin, type) and (dataclasses.is_dataclass(origin) or _is_model(origin) or _is_typed_dict(origin)):
        return "members"
    return "nothing"


def _is_model(kind: type) -> bool:
    return issubclass(kind, BaseModel) and not getattr(kind, "__pydantic_root_model__", False)


def _is_typed_dict(kind: type) -> bool:
    """Whether it is a TypedDict, of the standard library or of what stands in for it on older Pythons."""
    return issubclass(kind, dict) and hasattr(kind, "__total__")


def _is_literal(hint: object) -> bool:
    return get_origin(_bare(hint)) is Literal


def _members(kind: object) -> list[tuple[str, str, object]]:
    """Return the members of a type: name in JSON, name in Python, hint."""
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        model = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else origin
        return [(_alias(name, info), name, _annotated(info)) for name, info in model.model_fields.items()]
    hints = get_type_hints(origin, include_extras=True)
    return [
        (name, name, get_args(hint)[0] if get_origin(hint) in _AROUND[1:] else hint) for name, hint in hints.items()
    ]


def _alias(name: str, info: FieldInfo) -> str:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else info.alias or name


def _annotated(info: FieldInfo) -> object:
    hint: object = info.annotation
    for extra in info.metadata:
        hint = Annotated[hint, extra]
    return Annotated[hint, FieldInfo(discriminator=info.discriminator)] if info.discriminator else hint


def _default(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    default: object = field.default
    return None if default is dataclasses.MISSING else default
