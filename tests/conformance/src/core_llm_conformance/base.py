"""SuiteBase: what every suite class says of its plugin, and what it makes of that. The tests are in `layers`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from core_llm import Provider
from core_llm_conformance.target import Target


@dataclass(frozen=True, slots=True)
class Xfail:
    """A test that is known to fail: why, and where that is followed up. It is strict: passing fails the run."""

    reason: str
    url: str


class SuiteBase:
    """What a suite class says of its plugin.

    Attributes:
        provider: The name of the plugin's entry point in group ``core_llm.providers``; a class or instance in tests.
        model: The model that the scenarios ask, as the provider names it.
        models: Scenario → another model, where one does not do everything.
        config: The provider's section of the configuration: ``base_url``, ``options``, …
        cassettes: The folder of its cassettes, beside the test's file.
        xfail: Test, with or without its parameter (``test_truncation[text-stream]``) → why it may fail.
    """

    provider: ClassVar[str | type[Provider] | Provider]
    model: ClassVar[str]
    models: ClassVar[Mapping[str, str]] = {}
    config: ClassVar[Mapping[str, JsonValue]] = {}
    cassettes: ClassVar[str | Path] = "cassettes"
    xfail: ClassVar[Mapping[str, Xfail]] = {}

    @classmethod
    def make_target(cls) -> Target:
        """Return the plugin under test."""
        folder = Path(inspect.getfile(cls)).parent / cls.cassettes
        return Target(cls.provider, cls.model, cls.models, cls.config, folder)
