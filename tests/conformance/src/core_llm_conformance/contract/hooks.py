"""The plugin's hooks, held to their specifications: names, arguments, and what they return to a harmless question."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

from core_llm import CoreLLMError, Provider
from core_llm._hook_calls import Hooks  # noqa: PLC2701  # the same check by which the core takes a plugin in
from core_llm_conformance.contract.sources import PluginModule, importable
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

PREFIX = "core_llm_"
NOBODY = "conformance-nobody"
"""A provider that no plugin can know."""
OBSERVER = ("on_start", "on_event", "on_retry", "on_error", "on_finish")


def hooked(target: Target) -> Iterator[Case]:
    """Yield the plugin if it has a module of its own, with hooks if it is not installed."""
    for case in importable(target):
        assert isinstance(case.value, PluginModule)
        module = sys.modules.get(case.value.name)
        if case.value.is_installed or (module is not None and any(name.startswith(PREFIX) for name in vars(module))):
            yield case


def check_hooks_match_their_specs(plugin: PluginModule) -> None:
    """Raise unless every hook of the plugin's module is one that exists, is called as specified, and answers so.

    Raises:
        ConformanceFailure: One does not.
    """
    rule = "a hook is a plain function marked with @hookimpl, with the name, arguments and answer of its specification"
    module = _imported(plugin, rule)
    for name, value in vars(module).items():
        if name.startswith(PREFIX) and inspect.isroutine(value) and not hasattr(value, "core_llm_impl"):
            advice = f"put @hookimpl before it; without it the core never calls it ({_line(value)})"
            raise fail(rule, f"{plugin.name}.{name} is not marked", look_at=advice)
    hooks = Hooks()
    try:
        hooks.register(module, plugin.name)
    except CoreLLMError as error:
        raise fail(rule, error.message, look_at="core_llm.hookspecs has every hook and its arguments") from None
    for name, judge in _JUDGES.items():
        hook = hooks.implementation_of(module, name)
        if hook is None:
            continue
        try:
            answer = hook.call(**_ARGUMENTS[name])
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            raise fail(
                rule, f"{name} raises {type(error).__name__}: {error}", look_at=_line(vars(module)[name])
            ) from None
        if (wrong := judge(answer)) is not None:
            raise fail(rule, f"{name} {wrong}", look_at=_line(vars(module)[name]))


def _imported(plugin: PluginModule, rule: str) -> ModuleType:
    module = sys.modules.get(plugin.name)
    if module is not None:
        return module
    try:
        return importlib.import_module(plugin.name)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        raise fail(rule, f"importing {plugin.name} raises {type(error).__name__}: {error}") from None


def _line(function: object) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""


def _wrong_providers(answer: object) -> str | None:
    if not isinstance(answer, list | tuple):
        return f"returns a {type(answer).__name__}, not a list of providers"
    odd = [one for one in answer if not _is_provider(one)]
    return f"offers {odd[0]!r}, which is no provider's class or instance" if odd else None


def _is_provider(value: object) -> bool:
    return isinstance(value, Provider) or (inspect.isclass(value) and issubclass(value, Provider))


def _wrong_find(answer: object) -> str | None:
    if answer is None:
        return None
    return f"offers a provider for {NOBODY!r}, a name that it cannot know; return None for what is not yours"


def _wrong_config(answer: object) -> str | None:
    if answer is None or isinstance(answer, Mapping):
        return None
    return f"returns a {type(answer).__name__}, not a mapping in the shape of the configuration file"


def _wrong_key(answer: object) -> str | None:
    return None if answer is None else f"gives a key to {NOBODY!r}; return None for a provider that is not yours"


def _wrong_function(answer: object) -> str | None:
    if answer is None or callable(answer):
        return None
    return f"returns a {type(answer).__name__}, which is neither None nor a function"


def _wrong_observer(answer: object) -> str | None:
    if answer is None:
        return None
    lacking = [name for name in OBSERVER if not callable(getattr(answer, name, None))]
    return f"returns an observer without {', '.join(lacking)}" if lacking else None


_CALL = {"provider": NOBODY, "model": "none"}
_ARGUMENTS: Mapping[str, Mapping[str, object]] = {
    "core_llm_register_providers": {},
    "core_llm_find_provider": {"name": NOBODY},
    "core_llm_provide_config": {},
    "core_llm_find_api_key": {"provider": NOBODY},
    "core_llm_rewrite_request": _CALL,
    "core_llm_observe_stream": _CALL,
    "core_llm_transform_events": _CALL,
}
_JUDGES: Mapping[str, Callable[[object], str | None]] = {
    "core_llm_register_providers": _wrong_providers,
    "core_llm_find_provider": _wrong_find,
    "core_llm_provide_config": _wrong_config,
    "core_llm_find_api_key": _wrong_key,
    "core_llm_rewrite_request": _wrong_function,
    "core_llm_observe_stream": _wrong_observer,
    "core_llm_transform_events": _wrong_function,
}
"""Hook → what is wrong with an answer of it, None if nothing."""
