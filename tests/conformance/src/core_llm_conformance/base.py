"""SuiteBase: what every suite class says of its plugin, and what it makes of that. The tests are in `layers`.

Here is also the list of what the suite consists of: each class in `layers` is entered when it is defined, so that what
a subclass, or anybody else, does to the tests afterwards can be told from what they were.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import ClassVar

from pydantic import JsonValue

from core_llm import Provider
from core_llm_conformance.target import Target

_LAYERS_HOME = "core_llm_conformance.layers"


@dataclass(frozen=True, slots=True)
class Xfail:
    """A test that is known to fail: why, and where that is followed up. It is strict: passing fails the run."""

    reason: str
    url: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of the suite: its name, and its tests as they were defined."""

    name: str
    tests: Mapping[str, FunctionType]


class SuiteBase:
    """What a suite class says of its plugin.

    Attributes:
        provider: The name of the plugin's entry point in group ``core_llm.providers``; a class or instance in tests.
        model: The model that the scenarios ask, as the provider names it.
        models: Scenario → another model, where one does not do everything.
        config: The provider's section of the configuration: ``base_url``, ``options``, …
        cassettes: The folder of its cassettes, beside the test's file.
        extras: Scenario → fields merged into the body of its requests, where this provider must be told more than there
            are portable options for: that it shall search, for one with ``citations``.
        xfail: Test, with or without its parameter (``test_truncation[text-stream]``) → why it may fail.
    """

    provider: ClassVar[str | type[Provider] | Provider]
    model: ClassVar[str]
    models: ClassVar[Mapping[str, str]] = {}
    config: ClassVar[Mapping[str, JsonValue]] = {}
    cassettes: ClassVar[str | Path] = "cassettes"
    extras: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {}
    xfail: ClassVar[Mapping[str, Xfail]] = {}

    def __init_subclass__(cls, *, layer: str = "", **options: object) -> None:
        """Enter the class in the list of layers, if it is one: by its module, or as `layer` says."""
        super().__init_subclass__(**options)
        home, _, name = cls.__module__.rpartition(".")
        if layer or home == _LAYERS_HOME:
            tests = {name: test for name, test in vars(cls).items() if _is_test(name, test)}
            _LAYERS[cls] = Layer(layer or name, MappingProxyType(tests))

    @classmethod
    def make_target(cls) -> Target:
        """Return the plugin under test."""
        folder = Path(inspect.getfile(cls)).parent / cls.cassettes
        return Target(cls.provider, cls.model, cls.models, cls.config, folder, cls.extras)


_LAYERS: dict[type[SuiteBase], Layer] = {}


def layers_of(cls: type[SuiteBase]) -> tuple[Layer, ...]:
    """Return the layers that a suite class is made of."""
    return tuple(_LAYERS[base] for base in cls.__mro__ if base in _LAYERS)


def is_own(cls: type[SuiteBase]) -> bool:
    """Whether a class is one of the suite's, which says nothing of any plugin."""
    return cls in _LAYERS or cls.__module__.startswith("core_llm_conformance.")


def _is_test(name: str, value: object) -> bool:
    return name.startswith("test_") and isinstance(value, FunctionType)
