"""`Provider.options`: described, checked, used, and in the README with the variables of the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from core_llm import ConfigError, CoreLLMError, LocalProvider, Message, Provider, ProviderConfig, Request
from core_llm_conformance.contract.other_calls import CALLS
from core_llm_conformance.contract.packaging import distribution_of, readme_of
from core_llm_conformance.contract.sending import Probe
from core_llm_conformance.contract.sources import kind_of, module_of
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

VALUES: tuple[JsonValue, ...] = (
    "conformance",
    "",
    "0",
    7,
    0,
    -1,
    1.5,
    True,
    False,
    None,
    [],
    ["a"],
    {},
    {"a": 1},
    "a\nb",
)
"""What a user may have written into a configuration file by mistake, and what an option may be meant to hold."""
UNKNOWN = "conformance_unknown"


def _config(target: Target, **options: JsonValue) -> ProviderConfig:
    """Return the target's configuration with these options in place of its own of the same name."""
    given = target.config.get("options")
    merged = {**(given if isinstance(given, Mapping) else {}), **options}
    return ProviderConfig.model_validate({**target.config, "options": merged})


def check_options_are_described(target: Target) -> None:
    """Raise unless every option has a sentence that says what it means, and the table is a table of texts.

    Raises:
        ConformanceFailure: One has none.
    """
    rule = "every option of a provider is described, for `core-llm providers` and for errors"
    kind = kind_of(target)
    for name, text in cast("Mapping[object, object]", kind.options).items():
        if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
            found = f"an option is called {name!r}; names are lower case with underscores"
        elif not isinstance(text, str) or len(text.split()) < 2:  # noqa: PLR2004  # one word says what the name says
            found = f"the description of {name!r} is {text!r}"
        elif name == "wire" and kind.wire_choices:
            found = "the option 'wire' is the core's, made of wire_choices"
        else:
            continue
        raise fail(rule, found, look_at=f"{kind.__name__}.options")


def check_options_are_checked(target: Target) -> None:
    """Raise unless unknown options are refused, and wrong values end in a ConfigError at the latest when they are used.

    Raises:
        ConformanceFailure: Something else is raised, or nothing.
    """
    kind = kind_of(target)
    where = f"{kind.__name__}.__init__; it must call super().__init__(config, name=name)"
    try:
        kind(_config(target, **{UNKNOWN: 1}))
    except ConfigError:
        pass
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        raise fail("an unknown option is a ConfigError", f"{type(error).__name__}: {error}", look_at=where) from None
    else:
        raise fail("an unknown option is refused", f"options.{UNKNOWN} is taken without a word", look_at=where)
    for name in kind.options:
        for value in VALUES:
            _check_value(target, name, value)


def _check_value(target: Target, name: str, value: JsonValue) -> None:
    rule = "a wrong value of an option ends in a ConfigError that names it, not in a traceback"
    kind = kind_of(target)
    try:
        made = kind(_config(target, **{name: value}))
        if not isinstance(made, LocalProvider):
            _use(made, target)
    except CoreLLMError:
        return
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        found = f"options.{name} = {value!r} leads to {type(error).__name__}: {error}"
        raise fail(rule, found, look_at=f"where {kind.__name__} or its wire reads {name!r}") from None


def _use(made: Provider, target: Target) -> None:
    """Encode a request, and make it up as far as the address."""
    request = Request(model=target.model, messages=(Message.user("Hi"),))
    made.capabilities_for(target.model)
    made.url(made.wire(target.model).encode_request(request).path)


def check_options_are_used(target: Target) -> None:
    """Raise if an option changes nothing: no request, no check of its value, no line of code that reads it.

    Raises:
        ConformanceFailure: One does not.
    """
    read = _names_in_code(target)
    for name in kind_of(target).options:
        if name not in read and not _has_effect(target, name):
            raise fail(
                "an option does something",
                f"options.{name} changes no request, whatever its value, and no code of the plugin names it",
                look_at=f"{kind_of(target).__name__}.options; a wire has it in self.options",
            )


def _has_effect(target: Target, name: str) -> bool:
    if isinstance(target.loaded, LocalProvider):
        return False
    base = _told(target)
    for value in VALUES:
        given = target.config.get("options")
        options = {**(given if isinstance(given, Mapping) else {}), name: value}
        try:
            other = _told(replace(target, config={**target.config, "options": options}))
        except CoreLLMError:  # it is checked, thus read
            return True
        if other != base:
            return True
    return False


def _told(target: Target) -> list[object]:
    """Return all that a client would send to the provider, each call once."""
    with Probe(target) as probe:
        calls = [probe.stream(), *(probe.call(lambda c, call=call: call(c, target)) for call in CALLS.values())]  # type: ignore[misc]
    return [(sent.meaning, dict(sent.headers)) for caught in calls for sent in caught.requests]


def _names_in_code(target: Target) -> set[str]:
    """Return the texts in the plugin's code, but for the keys of the table of options."""
    module = module_of(target)
    found: set[str] = set()
    for path in module.files if module is not None else ():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tables = {id(key) for node in ast.walk(tree) for key in _keys_of_options(node)}
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in tables
        }
    return found


def _keys_of_options(node: ast.AST) -> Iterator[ast.expr]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = {target.id.lower() for target in targets if isinstance(target, ast.Name)}
    value = getattr(node, "value", None)
    if "options" in names and isinstance(value, ast.Dict):
        yield from (key for key in value.keys if key is not None)


def check_readme_names_what_users_set(target: Target) -> None:
    """Raise unless the README of the distribution names every option and every variable of the environment.

    Raises:
        ConformanceFailure: It leaves one out.
    """
    kind, found = kind_of(target), distribution_of(target.name)
    text = readme_of(found)
    variables = (kind.api_key_env,) if isinstance(kind.api_key_env, str) else kind.api_key_env or ()
    wire = ("wire", *kind.wire_choices) if kind.wire_choices else ()
    wanted = [*variables, *([kind.base_url_env] if kind.base_url_env else ()), *kind.options, *wire]
    missing = [name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", text)]
    if missing:
        raise fail(
            "the README names every option and every variable of the environment that the plugin reads",
            f"the README of {found.name} does not name {', '.join(missing)}",
            look_at="README.md of the plugin",
        )
