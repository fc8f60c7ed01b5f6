"""StreamConfig: how calls are made, as one value that can be kept, handed round and merged; and the checks of it.

What is said (prompt, tools, output) is not in it, nor a signal, which fires once. How keyword arguments, which mean the
same, join it is here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from core_llm._callbacks import (
    Callbacks,
    EventTransform,
    RequestRewriter,
    TransformMaker,
    as_callbacks,
    as_functions,
)
from core_llm._capabilities import OnUnsupported
from core_llm._config_model import Limits, OnBusy
from core_llm._errors import InvalidSettingError
from core_llm._json import JSONObject
from core_llm._request import Settings
from core_llm._retries import Fallback, Recovery, Retries, as_fallback, as_recovery, as_retries
from core_llm._signals import as_signal
from core_llm.wire.merging import merge_objects

Options = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """How calls are made. What is None is left to the layer below.

    The layers are the client's own options, those for one provider (``Client(per_provider=…)``), and a call's
    (``config=…``), over which its keyword arguments go. Of most fields the upper one stands; limits, retries, settings,
    headers and provider options are merged field by field; of callbacks, processors and transforms all take part, the
    most general first.

    Raises:
        InvalidSettingError: A field has a wrong value.
    """

    limits: Limits | None = None
    max_retries: int | None = None
    retries: Retries | None = None
    recovery: Recovery | None = None
    fallback: Sequence[str] | Fallback | None = None
    on_unsupported: OnUnsupported | None = None
    on_busy: OnBusy | None = None
    settings: Settings | None = None
    provider_options: Mapping[str, JSONObject] | None = None
    extra_headers: Mapping[str, str] | None = None
    extra_query: Mapping[str, str] | None = None
    callbacks: Callbacks | Sequence[Callbacks] | None = None
    processors: Sequence[RequestRewriter] | None = None
    transforms: Sequence[EventTransform | TransformMaker] | None = None

    def __post_init__(self) -> None:
        """Refuse wrong values here, not at the thousandth call."""
        check_call_options(self.options())
        if not isinstance(self.settings, Settings | None):
            raise InvalidSettingError(f"settings must be a Settings, not {type(self.settings).__name__}")
        for name in ("provider_options", "extra_headers", "extra_query"):
            if not isinstance(value := getattr(self, name), Mapping | None):
                raise InvalidSettingError(f"{name} must be a mapping, not {type(value).__name__}")

    def options(self) -> dict[str, object]:
        """Return the fields that are set, as the options of a call that they are."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    def merged(self, other: StreamConfig | None) -> StreamConfig:
        """Return this one with `other` over it."""
        if other is None:
            return self
        return StreamConfig(**merged_call_options(self.options(), other.options()))  # type: ignore[arg-type]  # its own


def _chained(name: str) -> Callable[[object, object], object]:
    return lambda below, above: (*as_functions(name, below), *as_functions(name, above))


def _both(below: object, above: object) -> object:
    """Merge two values of a kind that knows how; what is of another kind is left to be refused."""
    if isinstance(below, Limits) and isinstance(above, Limits):
        return below.merged(above)
    if isinstance(below, Retries) and isinstance(above, Retries):
        return below.merged(above)
    if isinstance(below, Settings) and isinstance(above, Settings):
        return below.merged(above)
    return above


def _objects(below: object, above: object) -> object:
    return merge_objects(below, above) if isinstance(below, Mapping) and isinstance(above, Mapping) else above


_MERGED: Mapping[str, Callable[[object, object], object]] = {
    "limits": _both,
    "retries": _both,
    "settings": _both,
    "provider_options": _objects,
    "extra_headers": _objects,
    "extra_query": _objects,
    "callbacks": lambda below, above: (*as_callbacks(below), *as_callbacks(above)),
    "processors": _chained("processors"),
    "transforms": _chained("transforms"),
}
"""How an option of two layers is merged, where the upper one does not simply stand."""


def merged_call_options(below: Options, above: Options) -> dict[str, object]:
    """Return the options of two layers together.

    Raises:
        InvalidSettingError: Callbacks, processors or transforms are something else.
    """
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        if known is None or value is None:
            merged[name] = known if value is None else value
        else:
            merge = _MERGED.get(name)
            merged[name] = value if merge is None else merge(known, value)
    return merged


class Defaults:
    """What a client adds to the options of its calls, for every provider and for each."""

    def __init__(self, general: Options, per_provider: object) -> None:
        """Take what the client was given.

        Raises:
            InvalidSettingError: `per_provider` is no mapping from names to StreamConfig.
        """
        check_call_options(general)
        self._general = {name: value for name, value in general.items() if value is not None}
        self._per_provider = {name: config.options() for name, config in _configs(per_provider).items()}

    @property
    def providers(self) -> Sequence[str]:
        """The providers that have some of their own."""
        return tuple(self._per_provider)

    def whole(self, options: Options) -> Options:
        """Return the options of a call with its `config` among them.

        Raises:
            InvalidSettingError: An option has a wrong value.
        """
        config = options.get("config")
        if config is None:
            return options
        if not isinstance(config, StreamConfig):
            msg = f"config must be a StreamConfig, not {type(config).__name__}; a client's configuration is its own"
            raise InvalidSettingError(msg)
        return merged_call_options(
            config.options(), {name: value for name, value in options.items() if name != "config"}
        )

    def at(self, provider: str, options: Options) -> Options:
        """Return the whole options of a call at this provider.

        Raises:
            InvalidSettingError: An option has a wrong value.
        """
        own = self._per_provider.get(provider)
        if own is None and not self._general:
            return options
        general = self._general if own is None else merged_call_options(self._general, own)
        return merged_call_options(general, options)

    def restricted(self, provider: str, options: Options, names: frozenset[str]) -> Options:
        """Return the options of a call that takes these and no other."""
        own = {name: value for name, value in self._per_provider.get(provider, {}).items() if name in names}
        if not own:
            return options
        return merged_call_options(own, options)


def _configs(given: object) -> Mapping[str, StreamConfig]:
    if isinstance(given, Mapping) and all(isinstance(config, StreamConfig) for config in given.values()):
        return given
    raise InvalidSettingError("per_provider must be a mapping from providers' names to StreamConfig")


def as_limits(value: object) -> Limits | None:
    """Return what was given as limits.

    Raises:
        InvalidSettingError: It is something else.
    """
    if value is None or isinstance(value, Limits):
        return value
    msg = f"limits must be a Limits, such as Limits(total=30), not {type(value).__name__}"
    raise InvalidSettingError(msg)


def as_on_busy(value: object) -> Literal["wait", "raise"] | None:
    """Return what was given as what to do where a call has to wait for its turn.

    Raises:
        InvalidSettingError: There is no such.
    """
    match value:
        case None | "wait" | "raise":
            return value
    raise InvalidSettingError(f"on_busy must be wait or raise, not {value!r}")


def check_call_options(options: Options) -> None:
    """Refuse wrong values of those options that become part of no request.

    Raises:
        InvalidSettingError: One is wrong; says what it takes.
    """
    as_limits(options.get("limits"))
    if (signal := options.get("signal")) is not None:
        as_signal(signal)
    retries = options.get("max_retries")
    if retries is not None and not (isinstance(retries, int) and retries >= 0):
        raise InvalidSettingError(f"max_retries must be 0 or a greater whole number, not {retries!r}")
    as_retries(options.get("retries"))
    as_recovery(options.get("recovery"))
    as_fallback(options.get("fallback"))
    as_on_busy(options.get("on_busy"))
    as_callbacks(options.get("callbacks"))
    as_functions("processors", options.get("processors"))
    as_functions("transforms", options.get("transforms"))
    if options.get("on_unsupported") not in (None, "raise", "drop", "send"):
        raise InvalidSettingError(f"on_unsupported must be raise, drop or send, not {options['on_unsupported']!r}")
