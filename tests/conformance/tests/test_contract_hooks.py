"""Hooks are held to their specifications, and asked what they answer to somebody they cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_llm_conformance.contract.hooks import check_hooks_match_their_specs, hooked
from core_llm_conformance.contract.sources import PluginModule
from core_llm_conformance.target import Target

from .probing import finding, module
from .twin.acme import Acme

WRONG = {
    "a hook that is not marked": ("def core_llm_register_providers(): return []", "is not marked"),
    "a hook that does not exist": (
        "@hookimpl\ndef core_llm_register_provider(): return []",
        "which is no hook; did you",
    ),
    "an argument that does not exist": ("@hookimpl\ndef core_llm_find_provider(model): return None", "model"),
    "a coroutine": ("@hookimpl\nasync def core_llm_find_provider(name): return None", "with async def"),
    "a hook that raises": ("@hookimpl\ndef core_llm_register_providers(): return [][0]", "raises IndexError"),
    "one provider in place of a list": (
        "@hookimpl\ndef core_llm_register_providers(): return str",
        "returns a type, not a list of providers",
    ),
    "a list of something else": (
        "@hookimpl\ndef core_llm_register_providers(): return [str]",
        "which is no provider's",
    ),
    "a provider for every name": (
        "from core_llm import Provider\n@hookimpl\ndef core_llm_find_provider(name): return Provider",
        "offers a provider for 'conformance-nobody'",
    ),
    "a key for every name": ("@hookimpl\ndef core_llm_find_api_key(provider): return 'sk-1'", "gives a key to"),
    "configuration that is none": (
        "@hookimpl\ndef core_llm_provide_config(): return 'a'",
        "returns a str, not a mapping",
    ),
    "a rewriter that is none": (
        "@hookimpl\ndef core_llm_rewrite_request(provider, model): return 1",
        "neither None nor a function",
    ),
    "half an observer": (
        "@hookimpl\ndef core_llm_observe_stream(provider, model): return object()",
        "an observer without on_start, on_event, on_retry, on_error, on_finish",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_hooks_are_named(what: str, tmp_path: Path) -> None:
    """Each is told by what is wrong with it."""
    source, told = WRONG[what]
    with module(tmp_path, f"from core_llm import hookimpl\n{source}\n") as made:
        assert told in finding(lambda: check_hooks_match_their_specs(PluginModule(made.__name__))).found


def test_good_hooks_pass(tmp_path: Path) -> None:
    """A hook that says no to strangers is right."""
    source = """
        from core_llm import hookimpl, Provider

        @hookimpl
        def core_llm_register_providers():
            return [Provider]

        @hookimpl
        def core_llm_find_api_key(provider):
            return "sk-1" if provider == "acme" else None
    """
    with module(tmp_path, source) as made:
        check_hooks_match_their_specs(PluginModule(made.__name__))


def test_a_class_that_is_handed_in_is_judged_with_its_module() -> None:
    """Its hooks are beside it."""
    assert [case.id for case in hooked(Target(Acme, "acme-1"))] == ["module"]
