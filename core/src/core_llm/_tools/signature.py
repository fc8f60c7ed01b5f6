"""From a function's signature to the JSON schema of its arguments, and from a call's arguments back to the function's.

Pydantic does both. A signature that a model cannot be told of fails here, where the tool is defined, and names the
parameter.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, get_args, get_origin, get_type_hints

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from core_llm._json import JSONObject, JSONValue
from core_llm._schema_text import PlainSchema, without_titles
from core_llm._tool_errors import ToolArgumentsError, ToolDefinitionError
from core_llm._tools.context import ToolContext

Handler = Callable[..., object]
Place = tuple[int | str, ...]
"""Where in the arguments something stands: names and positions on the way to it."""
MAX_MISTAKES = 20
"""Mistakes in the arguments of one call that the model is told of."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a handler: what the model is told, and how a call becomes arguments.

    Attributes:
        json_schema: An object schema.
        model: Checks the arguments; its fields have made-up names and the parameters' as aliases.
        names: The parameters in order, with their kinds; the injected one is not among them.
        context: The name of the parameter that is given the `ToolContext`, if there is one.
        filled: Parameters whose default is a pydantic field, of which the function itself can make nothing.
    """

    json_schema: JSONObject
    model: type[BaseModel]
    names: Mapping[str, inspect._ParameterKind]
    context: str | None = None
    filled: frozenset[str] = frozenset()

    def bind(self, arguments: Mapping[str, JSONValue], context: object) -> tuple[list[object], dict[str, object]]:
        """Return the positional and the keyword arguments for the handler.

        Raises:
            ToolArgumentsError: They do not fit; the message is for the model.
        """
        try:
            checked = self.model.model_validate_json(pydantic_core.to_json(arguments), by_alias=True)
        except ValidationError as error:
            raise ToolArgumentsError(explained(error)) from None
        positional: list[object] = []
        named: dict[str, object] = {}
        if self.context is not None:
            named[self.context] = context
        for number, (name, kind) in enumerate(self.names.items()):
            field = f"p{number}"
            if kind is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(getattr(checked, field))
            elif field in checked.model_fields_set or name in self.filled:  # else the function's own default counts
                named[name] = getattr(checked, field)
        return positional, named


def explained(error: ValidationError) -> str:
    """Return what is wrong with arguments, each mistake on a line, for the model to read."""
    found = error.errors(include_url=False, include_context=False)
    return told(
        [
            mistake(one["loc"], "is required")
            if one["type"] == "missing"
            else mistake(one["loc"], one["msg"], one["input"])
            for one in found
        ]
    )


def told(mistakes: Sequence[str]) -> str:
    """Return what the model is told of mistakes, each a line: not all of many."""
    lines = list(mistakes[:MAX_MISTAKES])
    if len(mistakes) > MAX_MISTAKES:
        lines.append(f"- and {len(mistakes) - MAX_MISTAKES} more")
    return "\n".join(["The arguments do not fit this tool. Correct these and call it again:", *lines])


def mistake(place: Place, what: str, *got: object) -> str:
    """Return the line that tells of one mistake, with the value that was given."""
    where = ".".join(map(str, place)) or "arguments"
    return f"- {where}: {what}" + "".join(f" (got {_shown(value)})" for value in got)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def parameters_of(
    handler: Handler, *, tool: str, described: Mapping[str, str], names: Mapping[str, object] | None = None
) -> Parameters:
    """Return the parameters of a handler.

    Args:
        handler: A function, bound method, or other callable.
        tool: The name of the tool, for errors.
        described: Parameter → what the docstring says of it.
        names: Names that hints may use besides those of the handler's module: the locals where it was defined.

    Raises:
        ToolDefinitionError: The signature cannot be told to a model.
    """
    signature, hints = _signature(handler, tool), _hints(handler, tool, names)
    fields: dict[str, tuple[object, FieldInfo]] = {}
    kinds: dict[str, inspect._ParameterKind] = {}
    context: str | None = None
    given = handler.keywords if isinstance(handler, functools.partial) else {}
    for name, parameter in signature.parameters.items():
        if name in given:  # not for the model to give otherwise
            continue
        hint = hints.get(name, parameter.annotation)
        if _is_context(hint):
            if context is not None or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                raise _refused(tool, name, "one parameter may be the ToolContext, and it must be passable by name")
            context = name
            continue
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise _refused(tool, name, "a model cannot be told of *args or **kwargs; name the parameters")
        if hint is inspect.Parameter.empty:
            raise _refused(tool, name, "it has no type hint; give it one, e.g. `str`")
        fields[f"p{len(fields)}"] = _field(parameter, hint, described.get(name))
        kinds[name] = parameter.kind
    model, schema = _model(tool, fields, list(kinds))
    filled = frozenset(name for name in kinds if isinstance(signature.parameters[name].default, FieldInfo))
    return Parameters(schema, model, MappingProxyType(kinds), context, filled)


def _signature(handler: Handler, tool: str) -> inspect.Signature:
    try:
        return inspect.signature(handler)
    except (TypeError, ValueError) as error:
        raise ToolDefinitionError(
            f"tool {tool!r}: {handler!r} has no signature that can be read ({error}); wrap it in a function of yours"
        ) from None


def _hints(handler: Handler, tool: str, names: Mapping[str, object] | None) -> dict[str, object]:
    """Return the hints of a handler, those written as text resolved."""
    function = handler if inspect.isroutine(handler) else type(handler).__call__
    try:
        return get_type_hints(inspect.unwrap(function), localns=dict(names or {}), include_extras=True)
    except Exception as error:  # noqa: BLE001  # resolving a hint runs the author's code
        raise ToolDefinitionError(
            f"tool {tool!r}: a type hint cannot be resolved ({type(error).__name__}: {error}); "
            f"import or define what it names where the tool is defined"
        ) from None


def _is_context(hint: object) -> bool:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint is ToolContext or get_origin(hint) is ToolContext


def _field(parameter: inspect.Parameter, hint: object, description: str | None) -> tuple[object, FieldInfo]:
    """Return the type and field of a parameter; a description in its annotation goes over the docstring's."""
    given: dict[str, object] = {"alias": parameter.name}
    if isinstance(parameter.default, FieldInfo):
        hint = Annotated[hint, parameter.default]
    else:
        given["default"] = ... if parameter.default is inspect.Parameter.empty else parameter.default
    has_own = any(
        isinstance(extra, FieldInfo) and extra.description
        for extra in (get_args(hint)[1:] if get_origin(hint) is Annotated else ())
    )
    if description is not None and not has_own:
        given["description"] = description
    made: FieldInfo = Field(**given)  # type: ignore[call-overload]
    return hint, made


def _model(
    tool: str, fields: Mapping[str, tuple[object, FieldInfo]], names: list[str]
) -> tuple[type[BaseModel], JSONObject]:
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False, hide_input_in_errors=False)
    try:
        model = create_model(tool, __config__=config, **fields)  # type: ignore[call-overload]
        schema = model.model_json_schema(by_alias=True, schema_generator=PlainSchema)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError, TypeError) as error:
        culprit = _culprit(tool, fields, names)
        raise _refused(tool, culprit, f"its type has no JSON schema ({str(error).splitlines()[0]})") from None
    schema.setdefault("properties", {})
    schema.pop("description", None)
    return model, without_titles(schema)


def _culprit(tool: str, fields: Mapping[str, tuple[object, FieldInfo]], names: list[str]) -> str:
    """Return the first parameter that has no schema by itself."""
    for name, (key, field) in zip(names, fields.items(), strict=True):
        try:
            create_model(tool, **{key: field}).model_json_schema()  # type: ignore[call-overload]
        except Exception:  # noqa: BLE001  # whatever it was, it is this one
            return name
    return ", ".join(names)


def _refused(tool: str, parameter: str, why: str) -> ToolDefinitionError:
    return ToolDefinitionError(f"tool {tool!r}, parameter {parameter!r}: {why}")
