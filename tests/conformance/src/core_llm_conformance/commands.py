"""The verbs that the suite adds to the command `core-llm`; found by the entry point of group ``core_llm.commands``.

Only the command imports this, and click comes with the core's extra ``cli``: without it the suite needs neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core_llm import hookimpl

if TYPE_CHECKING:
    import click

VERBS = ("core_llm_conformance.verbs:conformance", "core_llm_conformance.verbs.new_plugin:new_plugin")
"""Each a module and the click command in it."""


@hookimpl
def core_llm_register_commands(cli: click.Group) -> None:
    for place in VERBS:
        module, _, name = place.partition(":")
        cli.add_command(getattr(import_module(module), name))
