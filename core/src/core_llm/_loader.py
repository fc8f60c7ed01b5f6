"""PluginLoader: imports installed plugins, lets them take part, and quarantines those that are broken."""

from __future__ import annotations

from core_llm._config import Config
from core_llm._errors import PluginLoadError, RedactedCause
from core_llm._hook_calls import Hooks
from core_llm._installed import CORE, PROVIDERS, Installed, core_version, installed, is_met, normalized
from core_llm._logging import logger

_reported: set[str] = set()
"""Quarantines that the log of this process has already; a server may make many clients."""


class PluginLoader:
    """The installed plugins of one client: which are switched off, loaded, or quarantined, and why."""

    def __init__(self, hooks: Hooks, config: Config) -> None:
        self._hooks = hooks
        self._disabled = {normalized(name) for name in config.values.disabled_plugins}
        self._disabled_by = config.origin("disabled_plugins")
        self._loaded: dict[tuple[str, str, str], object] = {}
        self._reasons: dict[tuple[str, str, str], str] = {}

    def enabled(self, group: str, name: str | None = None) -> list[Installed]:
        """Return the entry points of a group, or those of one name in it, that are not switched off."""
        return [e for e in installed(group) if name in (None, e.name) and self.disabled_reason(e) is None]

    def disabled_reason(self, entry: Installed) -> str | None:
        """Return why an entry point is switched off: by its name, its distribution's, or ``all``; None if it is not."""
        if not self._disabled or self._disabled.isdisjoint({"all", normalized(entry.name), entry.distribution}):
            return None
        return f"disabled by disabled_plugins ({self._disabled_by})"

    def quarantine_reason(self, entry: Installed) -> str | None:
        """Return why an entry point is quarantined, if it is."""
        return self._reasons.get(entry.key)

    def is_loaded(self, entry: Installed) -> bool:
        """Return whether the entry point was imported and takes part."""
        return entry.key in self._loaded

    def load(self, entry: Installed) -> object:
        """Import a plugin and let it take part in the hooks, once.

        Raises:
            PluginLoadError: It is quarantined, now or before.
        """
        if entry.key in self._reasons:
            raise PluginLoadError(self._reasons[entry.key], distribution=entry.distribution)
        if entry.key in self._loaded:
            return self._loaded[entry.key]
        try:
            plugin = _import(entry)
            if not self._hooks.is_registered(plugin):
                self._hooks.register(plugin, entry.label)
            self._check_group(entry, plugin)
        except PluginLoadError as error:
            raise self.quarantine(entry, error) from error.__cause__
        self._loaded[entry.key] = plugin
        return plugin

    def _check_group(self, entry: Installed, plugin: object) -> None:
        """Refuse providers that nobody would ever ask for, since no entry point has their name."""
        if entry.group == PROVIDERS or any(other.target == entry.target for other in installed(PROVIDERS)):
            return
        if self._hooks.implementation_of(plugin, "core_llm_register_providers") is not None:
            self._hooks.unregister(plugin)
            msg = f"{entry.label} registers half: it has providers, and no entry point for them in group {PROVIDERS}"
            raise PluginLoadError(msg)

    def load_all(self, group: str) -> list[tuple[Installed, object]]:
        """Load the enabled plugins of a group; return those that work."""
        loaded = []
        for entry in self.enabled(group):
            try:
                loaded.append((entry, self.load(entry)))
            except PluginLoadError:  # it is quarantined now, and the others go on
                continue
        return loaded

    def quarantine(self, entry: Installed, error: PluginLoadError) -> PluginLoadError:
        """Take a plugin out, remember why, report it in the log; return the error for whoever asks for it."""
        plugin = self._loaded.pop(entry.key, None)
        # Two entry points may lead to one module: one that is wrong does not switch off the other.
        if plugin is not None and not any(other is plugin for other in self._loaded.values()):
            self._hooks.unregister(plugin)
        reason = f"{error.message}. It is quarantined; try: pip install -U {CORE} {entry.distribution}"
        self._reasons[entry.key] = reason
        if reason not in _reported:
            _reported.add(reason)
            logger.warning("%s", reason)
        return PluginLoadError(reason, distribution=entry.distribution)

    def quarantine_plugin(self, plugin: object, error: PluginLoadError) -> bool:
        """Quarantine each entry point that led to a plugin; return False if none did, for the caller gave it."""
        entries = [e for e in self._every_entry() if self._loaded.get(e.key) is plugin]
        for entry in entries:
            self.quarantine(entry, error)
        return bool(entries)

    def _every_entry(self) -> list[Installed]:
        return [entry for group in {key[0] for key in self._loaded} for entry in installed(group)]


def _import(entry: Installed) -> object:
    required, ours = entry.core_requirement, core_version()
    if required is not None and ours is not None and not is_met(required, ours):
        raise PluginLoadError(f"{entry.label} was built for {CORE} {required}, and {CORE} {ours} is installed")
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin may raise anything
        reason = f"{entry.label} failed to import: {RedactedCause.of(error)}"
        raise PluginLoadError(reason) from RedactedCause.of(error)
