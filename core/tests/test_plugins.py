"""Which provider a name means: the order of the search, what is imported, and what is said when there is none."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from core_llm._config import Config
from core_llm._config_model import ProviderConfig
from core_llm._errors import ConfigError, DuplicateProviderError, PluginLoadError, UnknownProviderError
from core_llm._offers import known_providers
from core_llm._plugins import PluginRegistry, PluginStatus
from core_llm._provider import Provider
from core_llm.hookspecs import hookimpl
from core_llm.wire.base import WireFormat

Install = Callable[..., None]
Offer = type[Provider] | Provider

ACME = """
from core_llm._provider import Provider
from core_llm.hookspecs import hookimpl
from core_llm.wire.base import WireFormat

class Acme(Provider):
    name = "acme"
    base_url = "https://acme.example"
    wire_format = WireFormat

@hookimpl
def core_llm_register_providers():
    return [Acme]
"""


class Given(Provider):
    """A provider that the caller gives."""

    name = "acme"
    base_url = "https://given.example"
    wire_format = WireFormat


class Found(Given):
    """A provider that a hook finds."""

    base_url = "https://found.example"


class Finder:
    """A plugin that finds providers by name."""

    def __init__(self, **offers: Offer) -> None:
        self.offers = offers

    @hookimpl
    def core_llm_find_provider(self, name: str) -> Offer | None:
        """Return the offer of that name."""
        return self.offers.get(name)


def registry(
    config: Mapping[str, object] | None = None, *, providers: Sequence[Offer] = (), plugins: Sequence[object] = ()
) -> PluginRegistry:
    """Return a registry whose configuration is the arguments alone."""
    return PluginRegistry(Config.load(environ={}, arguments=config), providers=providers, plugins=plugins)


# The order of the search


def test_an_entry_point_of_the_name_is_the_provider(install: Install) -> None:
    """The provider is made from the class that the plugin registers, once."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    plugins = registry()
    assert plugins.provider("acme").base_url == "https://acme.example"
    assert plugins.provider("acme") is plugins.provider("acme")


def test_the_usual_variable_has_the_address() -> None:
    """A provider's own environment variable moves its address; configuration goes over it."""

    class Movable(Given):
        base_url_env = "ACME_BASE_URL"

    def address(**acme: object) -> str:
        environ = {"ACME_BASE_URL": "https://moved.example/v1"}
        config = Config.load(environ=environ, arguments={"providers": {"acme": acme}})
        return PluginRegistry(config, providers=[Movable]).provider("acme").base_url

    assert address() == "https://moved.example/v1"
    assert address(base_url="https://configured.example") == "https://configured.example"


def test_only_the_plugin_that_is_asked_for_is_imported(install: Install) -> None:
    """None is imported to make a registry or to list what is installed, and no other one to find a provider."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    install("plugin-other", {"plugin_other": "raise RuntimeError"}, providers="other = plugin_other")
    plugins = registry()
    plugins.load_plugins()
    assert [status.state for status in plugins.installed()] == ["available", "available"]
    assert "plugin_acme" not in sys.modules
    plugins.provider("acme")
    assert "plugin_acme" in sys.modules
    assert "plugin_other" not in sys.modules


def test_an_earlier_step_wins(install: Install) -> None:
    """Given to the client, named in the configuration, installed, found by a hook: in this order."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    hook = Finder(acme=Found, other=Found)
    named = {"providers": {"acme": {"type": "other", "base_url": "https://named.example"}}}
    unnamed = {"providers": {"acme": {"type": "other"}}}
    assert registry(unnamed, providers=[Given], plugins=[hook]).provider("acme").base_url == "https://given.example"
    assert registry(named, plugins=[hook]).provider("acme").base_url == "https://named.example"
    assert registry(plugins=[hook]).provider("acme").base_url == "https://acme.example"
    assert registry(plugins=[hook]).provider("other").base_url == "https://found.example"


def test_a_section_of_the_configuration_is_given_to_the_provider(install: Install) -> None:
    """The address of the configuration goes before the one of the class."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    acme = registry({"providers": {"acme": {"base_url": "https://proxy.example"}}}).provider("acme")
    assert (acme.base_url, acme.endpoint) == ("https://proxy.example", "acme")


def test_named_endpoints_are_instances_of_one_class(install: Install) -> None:
    """Several endpoints of one type have their own names and addresses."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    sections = {
        "box": {"type": "acme", "base_url": "http://box"},
        "lab": {"type": "acme", "base_url": "http://lab"},
    }
    plugins = registry({"providers": sections})
    box, lab = plugins.provider("box"), plugins.provider("lab")
    assert type(box) is type(lab)
    assert [(p.endpoint, p.name, p.base_url) for p in (box, lab)] == [
        ("box", "acme", "http://box"),
        ("lab", "acme", "http://lab"),
    ]


def test_a_hook_may_serve_a_name_that_is_not_the_classes() -> None:
    """A catalogue answers for names that no package has; the provider bears the name that was asked for."""
    found = registry(plugins=[Finder(router=Found)]).provider("router")
    assert (found.endpoint, found.name) == ("router", "acme")


def test_finished_instances_are_taken_as_they_are() -> None:
    """Given instances are found by their endpoints."""
    given = Given(ProviderConfig(base_url="http://mine"), name="mine")
    assert registry(providers=[given]).provider("mine") is given


def test_the_providers_of_a_given_plugin_count_as_given(install: Install) -> None:
    """A module or object with the hook needs no packaging and goes before what is installed."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")

    @hookimpl
    def core_llm_register_providers() -> list[Offer]:
        return [Given]

    plugin = SimpleNamespace(core_llm_register_providers=core_llm_register_providers)
    assert registry(plugins=[plugin]).provider("acme").base_url == "https://given.example"


def test_one_name_is_made_once_however_many_threads_ask(install: Install) -> None:
    """Threads that ask at once get the same instance."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    plugins = registry()
    gate = threading.Barrier(8)
    found: list[Provider] = []

    def ask() -> None:
        gate.wait(timeout=30)
        found.append(plugins.provider("acme"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(found) == 8
    assert len({id(provider) for provider in found}) == 1


def test_a_package_installed_while_running_is_found(install: Install, tmp_path: Path) -> None:
    """A notebook that installs a plugin need not be restarted: a new client sees it."""
    with pytest.raises(UnknownProviderError):
        registry().provider("acme")
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    os.utime(tmp_path / "site", ns=(1, 1))
    assert registry().provider("acme").name == "acme"


def test_the_first_copy_on_the_path_counts(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies of one distribution are no duplicate: imports would take the first too."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme", version="2.0")
    older = tmp_path / "older"
    install("plugin-acme", {"plugin_acme": "raise RuntimeError"}, providers="acme = plugin_acme", where=older)
    monkeypatch.setattr(sys, "path", [*sys.path, str(older)])
    plugins = registry()
    assert plugins.provider("acme").base_url == "https://acme.example"
    assert [status.version for status in plugins.installed()] == ["2.0"]


# Two answers


def test_two_packages_of_one_name_are_named_both(install: Install) -> None:
    """Neither is imported; the error says how to choose, and so does the list."""
    install("plugin-acme", {"plugin_acme": "raise RuntimeError"}, providers="acme = plugin_acme")
    install("acme-fork", {"acme_fork": "raise RuntimeError"}, providers="acme = acme_fork", version="0.3")
    message = (
        "provider 'acme' is offered by acme-fork 0.3 and plugin-acme 1.0.0; "
        "uninstall one, or name it in CORE_LLM_DISABLE_PLUGINS"
    )
    plugins = registry()
    with pytest.raises(DuplicateProviderError) as caught:
        plugins.provider("acme")
    assert caught.value.message == message
    assert {(status.state, status.reason) for status in plugins.installed()} == {("quarantined", message)}


def test_one_of_two_can_be_disabled(install: Install) -> None:
    """With the distribution disabled, its rival is the provider."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    install("acme-fork", {"acme_fork": "raise RuntimeError"}, providers="acme = acme_fork")
    assert registry({"disabled_plugins": ["acme_fork"]}).provider("acme").base_url == "https://acme.example"


def test_two_answers_of_a_hook_are_named_both() -> None:
    """The error names both plugins."""
    with pytest.raises(
        DuplicateProviderError, match=r"'x' is offered by Finder object \(given to the client\) and Finder"
    ):
        registry(plugins=[Finder(x=Found), Finder(x=Given)]).provider("x")


def test_the_caller_may_give_a_name_only_once() -> None:
    """Two providers of one name among the arguments are a mistake of the caller."""
    with pytest.raises(DuplicateProviderError) as caught:
        registry(providers=[Given, Found])
    assert caught.value.message == "provider 'acme' is given twice: by Client(providers=) and Client(providers=)"


# No answer


def test_an_unknown_provider_lists_what_is_there_and_the_near_miss(install: Install) -> None:
    """Given, configured and installed providers are listed; a typing error gets no command to install anything."""
    install("plugin-gemma", {}, providers="gemma = plugin_gemma")
    plugins = registry({"providers": {"mybox": {"type": "gemma"}}}, providers=[Given])
    with pytest.raises(UnknownProviderError) as caught:
        plugins.provider("gema")
    assert caught.value.message == "no provider 'gema'; installed: acme, gemma, mybox; did you mean 'gemma'?"


def test_a_known_provider_gets_the_pip_command(install: Install) -> None:
    """A provider of this project that is not installed: the error says how to install it."""
    install("plugin-gemma", {}, providers="gemma = plugin_gemma")
    with pytest.raises(UnknownProviderError) as caught:
        registry().provider("openrouter")
    assert caught.value.message == (
        "no provider 'openrouter'; installed: gemma; to install it: pip install plugin-openrouter"
    )


@pytest.mark.usefixtures("install")
def test_a_near_miss_of_a_known_provider_gets_its_pip_command() -> None:
    """Never one that is made of the typing error, whose package anybody may have registered."""
    with pytest.raises(UnknownProviderError) as caught:
        registry().provider("geminy")
    assert caught.value.message == (
        "no provider 'geminy'; none is installed; did you mean 'gemini'? To install it: pip install plugin-gemini"
    )


@pytest.mark.usefixtures("install")
def test_a_name_like_no_other_is_not_made_part_of_a_command() -> None:
    """What nobody knows is not suggested for installing."""
    with pytest.raises(UnknownProviderError) as caught:
        registry().provider("zephyr")
    assert caught.value.message == (
        "no provider 'zephyr'; none is installed; each comes with a package, usually called plugin-<provider>"
    )


def test_the_known_providers_are_named_after_their_packages() -> None:
    """One line each: a name that could be a provider's, and a package of this project."""
    known = known_providers()
    assert known["openai-compatible"] == "plugin-openai-compatible"
    assert [name for name, package in known.items() if not re.fullmatch(r"plugin-[a-z-]+", package)] == []
    assert list(known) == sorted(known)


def test_an_endpoint_of_an_unknown_type_names_the_setting(install: Install) -> None:
    """The mistake is in the configuration, so the error says where."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    with pytest.raises(UnknownProviderError) as caught:
        registry({"providers": {"box": {"type": "acne"}}}).provider("box")
    assert caught.value.message == (
        "providers.box.type (argument): no provider 'acne'; installed: acme, box; did you mean 'acme'?"
    )


def test_an_endpoint_needs_a_class() -> None:
    """A finished instance cannot be made again under another name."""
    with pytest.raises(ConfigError) as caught:
        registry({"providers": {"box": {"type": "acme"}}}, providers=[Given()]).provider("box")
    assert caught.value.message == (
        "providers.box.type = 'acme': Client(providers=) has that as a finished provider; an endpoint needs a class"
    )


def test_a_wrong_option_is_the_configurations_fault(install: Install) -> None:
    """What the provider says of its configuration comes through as it is; the plugin is not quarantined."""
    install("plugin-acme", {"plugin_acme": ACME}, providers="acme = plugin_acme")
    plugins = registry({"providers": {"acme": {"options": {"regin": "eu"}}}})
    with pytest.raises(ConfigError, match=r"providers\.acme\.options has unknown regin; this provider takes: none"):
        plugins.provider("acme")
    assert [status.state for status in plugins.installed()] == ["loaded"]


def test_a_finder_that_raises_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """The next plugin is asked, and the failure is in the log."""

    class Broken:
        @hookimpl
        def core_llm_find_provider(self, name: str) -> Offer | None:
            raise RuntimeError(f"no catalogue for {name}")

    assert registry(plugins=[Broken(), Finder(router=Found)]).provider("router").name == "acme"
    assert caplog.messages == ["Broken object (given to the client) failed when asked for the provider 'router'"]
    with pytest.raises(
        UnknownProviderError, match=r"; Broken object .* failed when asked for it: RuntimeError: no cat"
    ):
        registry(plugins=[Broken()]).provider("other")


# Switching off


@pytest.mark.parametrize("name", ["all", "acme", "plugin-acme", "Plugin_Acme"])
def test_a_disabled_plugin_is_not_imported(install: Install, name: str) -> None:
    """By the entry point's name, the distribution's in any spelling, or all; the error says what switched it off."""
    install("plugin-acme", {"plugin_acme": "raise RuntimeError"}, providers="acme = plugin_acme")
    plugins = PluginRegistry(Config.load(environ={"CORE_LLM_DISABLE_PLUGINS": name}))
    with pytest.raises(UnknownProviderError) as caught:
        plugins.provider("acme")
    reason = "disabled by disabled_plugins (environment CORE_LLM_DISABLE_PLUGINS)"
    assert caught.value.message == f"no provider 'acme'; none is installed; plugin-acme 1.0.0 has it and is {reason}"
    expected = PluginStatus("acme", "core_llm.providers", "plugin-acme", "1.0.0", "disabled", reason)
    assert plugins.installed() == [expected]


def test_a_known_provider_that_is_switched_off_is_not_to_be_installed(install: Install) -> None:
    """It is there already."""
    install("plugin-gemini", {"plugin_gemini": "raise RuntimeError"}, providers="gemini = plugin_gemini")
    with pytest.raises(UnknownProviderError) as caught:
        registry({"disabled_plugins": ["gemini"]}).provider("gemini")
    assert "pip install" not in caught.value.message


def test_all_groups_can_be_switched_off(install: Install) -> None:
    """Neither plugins nor commands nor providers are imported when all are disabled; given ones take part."""
    install("plugin-x", {"plugin_x": "raise RuntimeError"}, providers="x = plugin_x", plugins="x = plugin_x")
    install("plugin-y", {"plugin_y": "raise RuntimeError"}, commands="y = plugin_y")
    plugins = registry({"disabled_plugins": ["all"]}, plugins=[Finder(router=Found)])
    assert [status.state for status in plugins.check()] == ["disabled", "disabled", "disabled"]
    assert plugins.provider("router").name == "acme"
    assert not {"plugin_x", "plugin_y"} & set(sys.modules)


# What the caller gives


@pytest.mark.parametrize(("plugin", "shown"), [(Finder, "the class Finder"), ("plugin_acme", "'plugin_acme'")])
def test_a_given_plugin_is_an_object(plugin: object, shown: str) -> None:
    """A class or a name is a mistake that is told at once."""
    with pytest.raises(PluginLoadError) as caught:
        registry(plugins=[plugin])
    fix = "cannot be a plugin; pass a module, or an instance of the class"
    assert caught.value.message == f"{shown} (given to the client) {fix}"


def test_a_given_provider_must_be_one() -> None:
    """Anything else is a mistake that is told at once."""
    with pytest.raises(PluginLoadError) as caught:
        registry(providers=["acme"])  # type: ignore[list-item]  # the mistake in question
    assert caught.value.message == ("Client(providers=) registers 'acme', which is not a Provider class or instance")
