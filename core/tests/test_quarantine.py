"""Broken plugins: each is quarantined with its package and the fix, and the others go on working."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from core_llm._config import Config
from core_llm._errors import PluginLoadError, RedactedCause
from core_llm._installed import is_met
from core_llm._plugins import PluginRegistry

Install = Callable[..., None]

HEAD = """
from core_llm._provider import LocalProvider, Provider
from core_llm.hookspecs import hookimpl
from core_llm.wire.base import WireFormat
"""
ACME = f"""{HEAD}
class Acme(Provider):
    name = "acme"
    wire_format = WireFormat

@hookimpl
def core_llm_register_providers():
    return [Acme]
"""
FIX = ". It is quarantined; try: pip install -U core-llm plugin-bad"


def registry(environ: dict[str, str] | None = None) -> PluginRegistry:
    """Return a registry with nothing configured."""
    return PluginRegistry(Config.load(environ=environ or {}))


def offering(body: str, offered: str = "[Bad]") -> str:
    """Return the source of a plugin with one provider class, or something else, to offer."""
    return f"{HEAD}\n{body}\n\n@hookimpl\ndef core_llm_register_providers():\n    return {offered}\n"


BROKEN = {
    "raises": (
        "raise RuntimeError('no licence')",
        "plugin-bad 1.0.0 failed to import: RuntimeError: no licence",
    ),
    "exits": (
        "import sys; sys.exit('bye')",
        "plugin-bad 1.0.0 failed to import: SystemExit: bye",
    ),
    "lacks a dependency": (
        "import no_such_module_at_all",
        "plugin-bad 1.0.0 failed to import: ModuleNotFoundError: No module named 'no_such_module_at_all'",
    ),
    "does not parse": (
        "def (",
        "plugin-bad 1.0.0 failed to import: SyntaxError: invalid syntax (plugin_bad.py, line 1)",
    ),
    "forgets the marker": (
        "def core_llm_register_providers():\n    return []",
        ("plugin-bad 1.0.0 registers half: no function of it is marked with @hookimpl"),
    ),
    "has other hooks only": (
        f"{HEAD}\n@hookimpl\ndef core_llm_find_api_key(provider):\n    return None",
        (
            "plugin-bad 1.0.0 registers half: its entry point 'bad' leads to plugin_bad, which does not "
            "implement core_llm_register_providers"
        ),
    ),
    "has another name": (
        offering('class Bad(Provider):\n    name = "good"\n    wire_format = WireFormat'),
        "plugin-bad 1.0.0 registers half: no provider has the name of its entry point, 'bad'; it has good",
    ),
    "registers nothing": (
        offering("", "[]"),
        "plugin-bad 1.0.0 registers half: no provider has the name of its entry point, 'bad'; it has none",
    ),
    "registers no list": (
        offering('class Bad(Provider):\n    name = "bad"', "Bad"),
        "plugin-bad 1.0.0: core_llm_register_providers returns the class Bad in place of a list",
    ),
    "registers no provider": (
        offering("", "[dict]"),
        "plugin-bad 1.0.0 registers the class dict, which is not a Provider class or instance",
    ),
    "raises in the hook": (
        offering("", "[1 / 0]"),
        "plugin-bad 1.0.0 failed to register its providers: ZeroDivisionError: division by zero",
    ),
    "has no name": (
        offering("class Bad(Provider):\n    wire_format = WireFormat"),
        "plugin-bad 1.0.0: Bad sets no name; a name is lower case, such as 'acme' or 'acme-eu'",
    ),
    "has an impossible name": (
        offering('class Bad(Provider):\n    name = "Bad:1"\n    wire_format = WireFormat'),
        "plugin-bad 1.0.0: Bad has the name 'Bad:1'; a name is lower case, such as 'acme' or 'acme-eu'",
    ),
    "has no wire": (
        offering('class Bad(Provider):\n    name = "bad"'),
        "plugin-bad 1.0.0: Bad sets no wire_format",
    ),
    "leaves a method undefined": (
        offering('class Bad(LocalProvider):\n    name = "bad"'),
        "plugin-bad 1.0.0: Bad does not define run_local",
    ),
    "misspells a hook": (
        f"{HEAD}\n@hookimpl\ndef core_llm_register_provider():\n    return []",
        (
            "plugin-bad 1.0.0 implements core_llm_register_provider, which is no hook; "
            "did you mean core_llm_register_providers?"
        ),
    ),
    "takes a wrong argument": (
        f"{HEAD}\n@hookimpl\ndef core_llm_find_api_key(provder):\n    return None",
        (
            "plugin-bad 1.0.0 has a hook that does not fit its specification: Argument(s) {'provder'} are declared "
            "in the hookimpl but can not be found in the hookspec"
        ),
    ),
    "has an async hook": (
        f"{HEAD}\n@hookimpl\nasync def core_llm_find_api_key(provider):\n    return None",
        "plugin-bad 1.0.0 implements core_llm_find_api_key with async def; hooks are plain functions",
    ),
    "wraps a hook": (
        f"{HEAD}\n@hookimpl(wrapper=True)\ndef core_llm_find_api_key(provider):\n    return (yield)",
        "plugin-bad 1.0.0 wraps core_llm_find_api_key; hooks of this package cannot be wrapped",
    ),
    "is for an older contract": (
        offering("class Bad:\n    contract_version = 0"),
        (
            "plugin-bad 1.0.0 was built for version 0 of the provider contract, and this core-llm has version 1: "
            "the plugin is too old"
        ),
    ),
    "is for a newer contract": (
        offering("class Bad:\n    contract_version = 2"),
        (
            "plugin-bad 1.0.0 was built for version 2 of the provider contract, and this core-llm has version 1: "
            "core-llm is too old"
        ),
    ),
}


@pytest.mark.parametrize(("source", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_provider_plugin_says_what_is_wrong_and_the_fix(install: Install, source: str, problem: str) -> None:
    """Asked for, it raises; the list says the same; another provider still works."""
    install("plugin-bad", {"plugin_bad": source}, providers="bad = plugin_bad")
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    plugins = registry()
    with pytest.raises(PluginLoadError) as caught:
        plugins.provider("bad")
    assert caught.value.message == problem + FIX
    assert caught.value.distribution == "plugin-bad"
    assert plugins.provider("acme").name == "acme"
    states = {status.name: (status.state, status.reason) for status in plugins.installed()}
    assert states == {"acme": ("loaded", None), "bad": ("quarantined", problem + FIX)}


def test_asking_again_does_not_import_again(install: Install, tmp_path: Path) -> None:
    """A quarantined plugin is out for this client; the second error is the first."""
    trace = tmp_path / "trace"
    source = f"with open({str(trace)!r}, 'a') as file: file.write('x')\nraise RuntimeError('no licence')"
    install("plugin-bad", {"plugin_bad": source}, providers="bad = plugin_bad")
    plugins = registry()
    messages = []
    for _ in range(2):
        with pytest.raises(PluginLoadError) as caught:
            plugins.provider("bad")
        messages.append(caught.value.message)
    assert messages[0] == messages[1]
    assert trace.read_text() == "x"


def test_the_cause_is_kept_without_its_secrets(install: Install) -> None:
    """What the plugin raised is there as a redacted stand-in."""
    source = "raise RuntimeError('cannot log in with sk-abcdefghijklmnopqrstuvwxyz')"
    install("plugin-bad", {"plugin_bad": source}, providers="bad = plugin_bad")
    with pytest.raises(PluginLoadError) as caught:
        registry().provider("bad")
    assert isinstance(caught.value.__cause__, RedactedCause)
    assert str(caught.value.__cause__) == "RuntimeError: cannot log in with [redacted]"


def test_a_half_registered_plugin_takes_no_part_in_hooks(install: Install) -> None:
    """Once quarantined, its other hooks are not called either."""
    source = f"{HEAD}\n@hookimpl\ndef core_llm_find_api_key(provider):\n    return 'secret'"
    install("plugin-bad", {"plugin_bad": source}, providers="bad = plugin_bad")
    plugins = registry()
    with pytest.raises(PluginLoadError):
        plugins.provider("bad")
    assert plugins.key_finders() == []


def test_one_wrong_entry_point_does_not_switch_off_its_sister(install: Install) -> None:
    """Two entry points of one module: the one that fits works, whichever is asked first."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme\nacme-eu = plugin_acme")
    plugins = registry()
    assert plugins.provider("acme").name == "acme"
    with pytest.raises(PluginLoadError, match=r"no provider has the name of its entry point, 'acme-eu'; it has acme\."):
        plugins.provider("acme-eu")
    assert [(status.name, status.state) for status in plugins.installed()] == [
        ("acme", "loaded"),
        ("acme-eu", "quarantined"),
    ]


def test_a_plugin_for_another_core_is_not_even_imported(install: Install) -> None:
    """The requirement of the distribution tells the contract: pip warns of it once and goes on."""
    install("core-llm", {}, version="0.3.1")
    install("plugin-bad", {"plugin_bad": ACME}, requires="core-llm[cli]<0.2,>=0.1", providers="bad = plugin_bad")
    with pytest.raises(PluginLoadError) as caught:
        registry().provider("bad")
    problem = "plugin-bad 1.0.0 was built for core-llm <0.2,>=0.1, and core-llm 0.3.1 is installed"
    assert caught.value.message == problem + FIX
    assert "plugin_bad" not in sys.modules


@pytest.mark.parametrize(
    ("requirement", "version", "expected"),
    [
        (">=0.1,<0.2", "0.1.0", True),
        (">=0.1,<0.2", "0.1.9.dev3", True),
        (">=0.1,<0.2", "0.2.0", False),
        (">=0.1,<0.2", "0.2.0rc1", False),
        (">=0.1", "0.0.9", False),
        ("~=0.1.2", "0.1.9", True),
        ("~=0.1.2", "0.2.0", False),
        ("~=0.1.2", "0.1.1", False),
        ("==0.1.*", "0.1.7", True),
        ("==0.1.*", "0.2", False),
        ("==1.0", "1.0.0", True),
        ("!=0.1.*", "0.1.7", False),
        ("!=1.0", "1.0.1", True),
        ("<=1.0", "1.0.1", False),
        (">1.0", "1.0.0", False),
        ("", "1.0", True),
        ("nonsense", "1.0", True),
        (">=1", "unknown", True),
    ],
)
def test_requirements_are_compared_by_their_numbers(requirement: str, version: str, *, expected: bool) -> None:
    """What cannot be read counts as met."""
    assert is_met(requirement, version) is expected


# Plugins that are not providers


GOOD = """
from core_llm.hookspecs import hookimpl

@hookimpl
def core_llm_provide_config():
    return {"max_retries": 7}
"""


def test_installed_plugins_take_part_from_the_first_client_on(install: Install) -> None:
    """Group core_llm.plugins is loaded without being asked for, and its configuration counts."""
    install("plugin-good", {"plugin_good": GOOD}, plugins="good = plugin_good")
    plugins = registry()
    assert "plugin_good" not in sys.modules
    plugins.load_plugins()
    assert plugins.config.values.max_retries == 7
    assert plugins.config.origin("max_retries") == "plugin plugin-good 1.0.0"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('no licence')", "plugin-worse 1.0.0 failed to import: RuntimeError: no licence"),
        (
            f"{HEAD}\n@hookimpl\ndef core_llm_provide_config():\n    return {{'max_retires': 7}}",
            (
                "plugin-worse 1.0.0 supplies a wrong layer of configuration: unknown setting 'max_retires' "
                "(plugin plugin-worse 1.0.0); did you mean 'max_retries'? "
                "Accepted: default_model, roles, limits, max_retries, retries, recovery, fallback, max_concurrency, "
                "on_busy, transport, on_unsupported, settings, providers, disabled_plugins, plugins"
            ),
        ),
        (
            ACME,
            (
                "plugin-worse 1.0.0 registers half: it has providers, and no entry point for them in group "
                "core_llm.providers"
            ),
        ),
        ("", "plugin-worse 1.0.0 registers half: no function of it is marked with @hookimpl"),
        (
            f"{HEAD}\n@hookimpl\ndef core_llm_provide_config():\n    return 1 / 0",
            "plugin-worse 1.0.0 supplies a wrong layer of configuration: ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_broken_plugin_is_reported_once_and_the_others_work(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, problem: str
) -> None:
    """Nothing raises; the log has it once, however many clients there are."""
    install("plugin-worse", {"plugin_worse": source}, plugins="worse = plugin_worse")
    install("plugin-good", {"plugin_good": GOOD}, plugins="good = plugin_good")
    reason = f"{problem}. It is quarantined; try: pip install -U core-llm plugin-worse"
    for _ in range(2):
        plugins = registry()
        plugins.load_plugins()
        assert plugins.config.values.max_retries == 7
        assert [(status.name, status.state, status.reason) for status in plugins.installed()] == [
            ("good", "loaded", None),
            ("worse", "quarantined", reason),
        ]
    assert caplog.messages == [reason]


def test_the_check_finds_all_that_is_broken(install: Install) -> None:
    """Every group is imported, so that a user sees each broken plugin before it is needed."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    install("plugin-bad", {"plugin_bad": "raise RuntimeError"}, providers="bad = plugin_bad")
    install("plugin-ugly", {"plugin_ugly": "raise RuntimeError"}, plugins="ugly = plugin_ugly")
    install("plugin-verb", {"plugin_verb": "raise RuntimeError"}, commands="verb = plugin_verb")
    assert [(status.name, status.group, status.state) for status in registry().check()] == [
        ("acme", "core_llm.providers", "loaded"),
        ("bad", "core_llm.providers", "quarantined"),
        ("ugly", "core_llm.plugins", "quarantined"),
        ("verb", "core_llm.commands", "quarantined"),
    ]


def test_one_broken_command_does_not_take_the_others_away(install: Install) -> None:
    """Plugins add their verbs to the command; one that exits in doing so is quarantined."""
    verb = f"""{HEAD}
import click

@hookimpl
def core_llm_register_commands(cli):
    cli.command("hello")(lambda: click.echo("hello"))
"""
    bad = f"{HEAD}\n@hookimpl\ndef core_llm_register_commands(cli):\n    raise SystemExit(3)"
    install("plugin-verb", {"plugin_verb": verb}, commands="verb = plugin_verb")
    install("plugin-bad", {"plugin_bad": bad}, commands="bad = plugin_bad")
    cli = click.Group()
    plugins = registry()
    plugins.register_commands(cli)
    assert CliRunner().invoke(cli, ["hello"]).output == "hello\n"
    bad_status = next(status for status in plugins.installed() if status.name == "bad")
    assert bad_status.reason == f"plugin-bad 1.0.0 failed to add its commands: SystemExit: 3{FIX}"
