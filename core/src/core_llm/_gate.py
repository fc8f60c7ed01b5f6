"""Gate: what holds the calls of one client back: its own bounds on how many run at once, and the limits of plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from core_llm._admission import Admission, Slots
from core_llm._errors import CoreLLMError, InvalidSettingError, PluginError, RedactedCause
from core_llm._plugins import PluginRegistry
from core_llm._provider import Provider
from core_llm._request import Request

HOOK = "core_llm_admit_call"


class Gate:
    """Knows what each call of one client has to wait for. Its slots are shared by all threads and event loops."""

    def __init__(self, registry: PluginRegistry, max_concurrency: object) -> None:
        """Take what the client was given.

        Args:
            registry: For the configuration and the plugins.
            max_concurrency: A figure for each provider, or a mapping from ``provider`` and ``provider:model``.

        Raises:
            InvalidSettingError: It is something else.
        """
        self._registry = registry
        self._values = registry.config.values
        self._given, self._general = _checked(max_concurrency)
        self._slots: dict[str, Slots | None] = {}

    @property
    def providers(self) -> Sequence[str]:
        """The providers that have figures of their own, or whose models have."""
        return tuple(name.partition(":")[0] for name in self._given)

    def opened(self, provider: Provider, model: str) -> Callable[[Request], Sequence[Admission]] | None:
        """Return what makes the admissions of an attempt at this model; None where nothing holds it back."""
        endpoint = provider.endpoint
        names = (f"{endpoint}:{model}", endpoint) if model else (endpoint,)
        # The model's before the provider's, for who waits for the one must not keep others from the other.
        slots = [found for name in names if (found := self._slots_of(name, provider, model)) is not None]
        has_hooks = bool(self._registry.implementations(HOOK))
        return partial(self._admissions, endpoint, model, slots) if slots or has_hooks else None

    def _slots_of(self, name: str, provider: Provider, model: str) -> Slots | None:
        if name not in self._slots:
            own = provider.config
            size = self._given.get(name)
            if size is None and name != provider.endpoint:
                size = own.model_concurrency.get(model)
            elif size is None:
                figures = (self._general, own.max_concurrency, self._values.max_concurrency)
                size = next((figure for figure in figures if figure is not None), None)
            self._slots.setdefault(name, None if size is None else Slots(size))
        return self._slots[name]

    def _admissions(self, endpoint: str, model: str, slots: Sequence[Slots], request: Request) -> list[Admission]:
        """Return the admissions of one attempt: slots first, since a rate is used up by asking.

        Raises:
            PluginError: A plugin fails: without its leave nothing goes out.
        """
        found: list[Admission] = [each.admission() for each in slots]
        for hook in self._registry.implementations(HOOK):
            try:
                admission = hook.call(provider=endpoint, model=model, request=request)
            except CoreLLMError:
                raise
            except Exception as error:  # noqa: BLE001  # a plugin may raise anything
                cause = RedactedCause.of(error)
                raise PluginError(f"{hook.label} failed to admit a call of {endpoint}:{model}: {cause}") from cause
            if isinstance(admission, Admission):
                found.append(admission)
            elif admission is not None:
                raise PluginError(f"{hook.label}: {HOOK} returns a {type(admission).__name__}, not an Admission")
        return found


def _checked(given: object) -> tuple[Mapping[str, int], int | None]:
    """Return the figures by name, and the one for each provider."""
    if isinstance(given, Mapping):
        return {name: _figure(figure, f" for {name!r}") for name, figure in given.items()}, None
    return {}, None if given is None else _figure(given)


def _figure(given: object, where: str = "") -> int:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return given
    raise InvalidSettingError(f"max_concurrency must be a whole number of 1 or more{where}, not {given!r}")
