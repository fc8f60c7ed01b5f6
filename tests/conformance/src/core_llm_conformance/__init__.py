"""What every provider plugin of core-llm must pass, and what the tests of the whole project are made with.

The suite, from its door inwards:

- `suite` has `ProviderSuite`, which a plugin's tests subclass; its tests are in `layers`, a class each, thin methods
  over the checks in `contract`, `exchanges`, `faults` and `payload`;
- `target` is the plugin under test, `scenario` and `scenarios` what it is asked, `cassette` what it was answered,
  `applicability` which scenarios it has to show; `each` repeats a test over what applies;
- `conversation` asks a scenario's turns, `playing` answers from a cassette, `matching` tells whether a request is the
  cassette's (`secret_names` which names carry keys), `telling` says what came of it;
- `failure` is what a check raises, `rendering` how it reads, `report` what is published, `levels` the suite's version;
- `pytest_plugin` ties it to pytest: `collecting` finds the cases, `policy` says what a class must not do, `sockets`
  are closed, `judging` says what counts, `suite_run` holds it together;
- `commands` ties it to the `core-llm` command, whose verbs are in `verbs`; `recording` makes cassettes, `scaffold`
  plugins.

What they stand on, from what happened to what is asserted:

- `corpus` reads real recordings and a plugin's own cassettes;
- `walk` says what a recorded body holds, without any decoder of ours;
- `cuts` cuts a body into the pieces in which it could arrive;
- `replay` (and `replay_httpx2`) answers an HTTP client with recordings, cut, reset or stalled;
- `script` and `server` are a real loopback server that follows a script of faults and tells what it saw;
- `answering` has well-behaved model servers, one on each wire, for documentation that runs;
- `through` sends one call through a client, `compare` holds what came out against the walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_llm_conformance.base import Xfail
    from core_llm_conformance.suite import ProviderSuite

__all__ = ["ProviderSuite", "Xfail"]
_HOMES = {"ProviderSuite": "suite", "Xfail": "base"}


if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used: pytest imports this package in every run."""
        if name not in _HOMES:
            msg = f"module 'core_llm_conformance' has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f"core_llm_conformance.{_HOMES[name]}"), name)
