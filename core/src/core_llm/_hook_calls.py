"""Hooks: the plugins that take part, checked when they join, and called one by one so that each answers for itself.

pluggy matches functions to specs and arguments to parameters. Which plugin failed, and what that means, is decided here
and in `_plugins`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from core_llm._errors import PluginLoadError

if TYPE_CHECKING:
    import pluggy
    from pluggy import HookImpl, HookRelay


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's implementation of one hook."""

    label: str
    """The plugin, as messages name it."""
    plugin: object
    _hook: HookImpl

    def call(self, **arguments: object) -> object:
        """Call it with those of the hook's arguments that it takes."""
        hook = self._hook
        given = [arguments[name] for name in hook.argnames]
        optional = {name: arguments[name] for name in hook.kwargnames if name in arguments}
        return hook.function(*given, **optional)


class Hooks:
    """The plugins of one client and their hook implementations, in the order of registration."""

    def __init__(self) -> None:
        self._manager: pluggy.PluginManager | None = None
        self._labels: dict[str, str] = {}
        self._by_hook: dict[str, tuple[Implementation, ...]] = {}

    @property
    def relay(self) -> HookRelay:
        """The relay of pluggy itself, with its order (last registered first) and its handling of errors."""
        return self._pluggy().hook

    def is_registered(self, plugin: object) -> bool:
        """Return whether the plugin takes part."""
        return self._manager is not None and self._manager.is_registered(plugin)

    def register(self, plugin: object, label: str) -> None:
        """Let a plugin take part.

        Raises:
            PluginLoadError: It has no hook, one that does not exist, a wrong argument, or what hooks cannot be.
        """
        import pluggy  # noqa: PLC0415  # only clients with plugins need it

        manager = self._pluggy()
        name = f"{len(self._labels)} {label}"
        try:
            manager.register(plugin, name)
            self._check(plugin, label)
        except pluggy.PluginValidationError as error:
            problem = str(error).splitlines()[-1]
            self.unregister(plugin)
            raise PluginLoadError(f"{label} has a hook that does not fit its specification: {problem}") from None
        except PluginLoadError:
            self.unregister(plugin)
            raise
        self._labels[name] = label
        self._by_hook = {}

    def unregister(self, plugin: object) -> None:
        """Let a plugin take part no longer."""
        if self.is_registered(plugin):
            self._pluggy().unregister(plugin)
        self._by_hook = {}

    def implementations(self, hook: str) -> tuple[Implementation, ...]:
        """Return who implements a hook: ``tryfirst``, the rest, ``trylast``, each in the order of registration."""
        if self._manager is None:
            return ()
        found = self._by_hook.get(hook)
        if found is None:
            found = self._by_hook[hook] = self._ordered(getattr(self._manager.hook, hook).get_hookimpls())
        return found

    def implementation_of(self, plugin: object, hook: str) -> Implementation | None:
        """Return one plugin's implementation of a hook, if it has one."""
        return next((found for found in self.implementations(hook) if found.plugin is plugin), None)

    def _ordered(self, hooks: list[HookImpl]) -> tuple[Implementation, ...]:
        order = {name: number for number, name in enumerate(self._labels)}
        hooks = sorted(hooks, key=lambda h: (h.trylast - h.tryfirst, order.get(h.plugin_name, 0)))
        return tuple(Implementation(self._labels.get(h.plugin_name, h.plugin_name), h.plugin, h) for h in hooks)

    def _pluggy(self) -> pluggy.PluginManager:
        if self._manager is None:
            import pluggy  # noqa: PLC0415  # as above

            from core_llm import hookspecs  # noqa: PLC0415  # imports pluggy

            self._manager = pluggy.PluginManager("core_llm")
            self._manager.add_hookspecs(hookspecs)
        return self._manager

    def _check(self, plugin: object, label: str) -> None:
        """Refuse what pluggy lets pass: hooks without a spec, wrappers, coroutines."""
        manager = self._pluggy()
        callers = manager.get_hookcallers(plugin)
        if not callers:
            raise PluginLoadError(f"{label} registers half: no function of it is marked with @hookimpl")
        known = [name for name in vars(manager.hook) if getattr(manager.hook, name).has_spec()]
        for caller in callers:
            for hook in (h for h in caller.get_hookimpls() if h.plugin is plugin):
                if not caller.has_spec() and not hook.optionalhook:
                    near = get_close_matches(caller.name, known, n=1)
                    hint = f"did you mean {near[0]}?" if near else f"the hooks are: {', '.join(sorted(known))}"
                    raise PluginLoadError(f"{label} implements {caller.name}, which is no hook; {hint}")
                if hook.wrapper or hook.hookwrapper:
                    raise PluginLoadError(f"{label} wraps {caller.name}; hooks of this package cannot be wrapped")
                if inspect.iscoroutinefunction(hook.function):
                    raise PluginLoadError(f"{label} implements {caller.name} with async def; hooks are plain functions")
