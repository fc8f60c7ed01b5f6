"""What a provider's class says of itself: one thing wrong at a time."""

from __future__ import annotations

from typing import ClassVar

import pytest

from core_llm import BearerAuth, Capabilities, Client, ConfigError, Provider, ProviderConfig, Request
from core_llm.wire import ChatCompletions, Exchange, WireFormat
from core_llm_conformance.contract.declaration import check_can_be_made, check_declaration_is_consistent
from core_llm_conformance.contract.options import (
    check_options_are_checked,
    check_options_are_described,
    check_options_are_used,
)
from core_llm_conformance.contract.other_calls import check_claimed_calls_are_there
from core_llm_conformance.contract.patterns import covers, hidden_declarations

from .probing import finding, of
from .twin.acme import Acme, AcmeWire

YES, NO = "supported", "unsupported"


class Streamless(ChatCompletions):
    """A wire without streams."""

    can_stream = False


class Mute(ChatCompletions):
    """A wire that says nothing."""

    can_stream = False
    can_generate = False


class Forgetful(ChatCompletions):
    """A wire that does not pass on whose it is."""

    def __init__(self, provider: str, options: object = None) -> None:  # noqa: ARG002  # as the core calls it
        super().__init__("acme2")


def declares(**settings: object) -> dict[str, Capabilities]:
    """Return a table of one declaration for all models."""
    return {"*": Capabilities.model_validate(settings)}


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a name in capitals": ({"name": "Acme"}, "name is 'Acme'; it is lower case"),
    "another contract": ({"contract_version": 2}, "contract_version is 2"),
    "plain http": ({"base_url": "http://api.acme.example"}, "it is https, unless it is this machine's own"),
    "a key in the address": ({"base_url": "https://api.acme.example?key=1"}, "it holds no query"),
    "no address": ({"base_url": ""}, "there is no address"),
    "a variable that is none": ({"base_url_env": "acme-url"}, "base_url_env is 'acme-url'"),
    "a key's variable that is none": ({"api_key_env": ("ACME_KEY", "acme key")}, "api_key_env has 'acme key'"),
    "no variable for the key": ({"api_key_env": None}, "api_key_env does not say which variable"),
    "a key as a header": ({"headers": {"X-Api-Key": "sk-1"}}, "headers has 'X-Api-Key': a key is never a header"),
    "a header that is none": ({"headers": {"app name": "x"}}, "headers has 'app name', which is no name"),
    "a class as auth": ({"auth": BearerAuth}, "it is an instance of an Auth"),
    "a wire's instance": ({"wires": {"x*": ChatCompletions("acme")}}, "it is a class of a WireFormat, not an instance"),
    "an abstract wire": ({"wires": {"x*": WireFormat}}, "WireFormat, which does not define decode_response, decoder"),
    "a mute wire": ({"wires": {"x*": Mute}}, "Mute, which can neither stream nor answer at once"),
    "choices without the usual wire": (
        {"wire_choices": {"chat": ChatCompletions}},
        "wire_choices leaves out wire_format",
    ),
    "a wire that never counts": (
        {"wires": {"x-1*": Streamless, "x*": ChatCompletions}},
        "wires: 'x-1*' never counts: 'x*' comes after it",
    ),
    "a wire of another name": ({"wire_format": Forgetful}, "the wire is told that the provider is 'acme2'"),
    "a regular expression": (
        {"capabilities": {"^gpt-.*": Capabilities()}},
        "'^gpt-.*' looks like a regular expression",
    ),
    "a pattern with the provider": ({"capabilities": {"acme:x*": Capabilities()}}, "begins with the provider"),
    "a setting that does not exist": (
        {"capabilities": declares(settings={"max_token": NO})},
        "has the setting 'max_token', which does not exist",
    ),
    "a declaration taken back": (
        {"capabilities": {"x-1*": Capabilities(tools="unsupported"), "*": Capabilities(tools="supported")}},
        "'x-1*' declares tools unsupported, and '*', which comes after it",
    ),
    "choice without tools": (
        {"capabilities": declares(tools=NO, tool_choice=YES)},
        "tool_choice is supported, and tools",
    ),
    "effort without reasoning": (
        {"capabilities": declares(reasoning=NO, settings={"reasoning_effort": YES})},
        "settings.reasoning_effort is supported, and reasoning is not",
    ),
    "streams that are not there": (
        {"capabilities": declares(streaming=YES), "wire_format": Streamless},
        "streaming is supported, and Streamless cannot stream",
    ),
    "untested, and not claimed": (
        {"capabilities": declares(untested={"citations": "no key"})},
        "citations is untested, and not declared supported",
    ),
}


def changed(**attributes: object) -> type[Provider]:
    """Return the good twin with some attributes changed."""
    return type("Changed", (Acme,), attributes)


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_named(what: str) -> None:
    """Each contradiction is told in words."""
    attributes, told = WRONG[what]
    target = of(changed(**attributes))
    if what in ("a name in capitals", "another contract"):  # the core takes no such class
        target = of(Acme)
        object.__setattr__(target, "loaded", changed(**attributes)())
    assert told in finding(lambda: check_declaration_is_consistent(target)).found


def test_a_named_endpoint_must_be_possible() -> None:
    """A constructor that knows no name breaks every second server."""

    class Nameless(Acme):
        def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:  # noqa: ARG002
            super().__init__(config)

    assert (
        "called 'acme': __init__ must pass `name` on"
        in finding(lambda: check_declaration_is_consistent(of(Nameless))).found
    )


def test_a_constructor_that_takes_no_name() -> None:
    """The core passes a name, always."""

    class Closed(Acme):
        def __init__(self, config: ProviderConfig | None = None) -> None:
            super().__init__(config)

    found = finding(lambda: check_can_be_made(of(Closed))).found
    assert "Closed cannot be made: TypeError" in found
    check_can_be_made(of(Acme))


def test_patterns_from_the_general_to_the_special() -> None:
    """What is special stands after what is general; patterns beside each other do not matter."""
    general, special = Capabilities(tools="unsupported"), Capabilities(tools="supported")
    assert hidden_declarations({"*": general, "x-1*": special}) == []
    assert hidden_declarations({"x-1*": special, "y*": general}) == []
    assert covers("*", "x-*")
    assert not covers("x-*", "*")
    assert not covers("x-1*", "x-*")


def test_claimed_calls_must_be_there() -> None:
    """A listing that is declared and never written is found out."""

    class Listless(Acme):
        def list_models(self) -> Exchange[tuple[()]]:
            return WireFormat.list_models(self.wire(""))  # type: ignore[return-value]

    assert finding(lambda: check_claimed_calls_are_there(of(Listless))).found.startswith(
        "model_listing is declared supported, and nothing is sent: acme has no model listing"
    )
    check_claimed_calls_are_there(of(Acme))


class RegionWire(AcmeWire):
    """A wire that reads an option."""

    def headers(self) -> dict[str, str]:
        """Return the region's header."""
        return {"x-region": str(self.options["region"])} if self.options.get("region") else {}


class Regional(Acme):
    """A provider with an option that does something."""

    wire_format = RegionWire
    options: ClassVar[dict[str, str]] = {"region": "where it is served"}


def test_options_of_a_usual_plugin_pass() -> None:
    """Described, checked, used."""
    for check in (check_options_are_described, check_options_are_checked, check_options_are_used):
        check(of(Regional))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"region": ""}, "the description of 'region' is ''"),
        ({"region": "region"}, "the description of 'region' is 'region'"),
        ({"Region-Name": "where it is served"}, "an option is called 'Region-Name'"),
    ],
)
def test_options_without_words(options: dict[str, str], told: str) -> None:
    """An option is a name and a sentence."""
    assert told in finding(lambda: check_options_are_described(of(changed(options=options)))).found


def test_an_option_that_nobody_reads() -> None:
    """It is described, and does nothing."""
    target = of(changed(options={"zone": "where it is served"}))
    assert "options.zone changes no request" in finding(lambda: check_options_are_used(target)).found


def test_unknown_options_that_are_taken() -> None:
    """A constructor that does not call the core's lets typing errors pass."""

    class Lenient(Acme):
        def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
            super().__init__(None, name=name)
            self.config = config or ProviderConfig()

    assert (
        "conformance_unknown is taken without a word" in finding(lambda: check_options_are_checked(of(Lenient))).found
    )


def test_a_wrong_value_that_ends_in_a_traceback() -> None:
    """A number in place of a text is the user's mistake, and is told as one."""

    class Careless(Regional):
        def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
            super().__init__(config, name=name)
            self.region = self.config.options.get("region", "").lower()  # type: ignore[union-attr]  # that is the fault

    told = finding(lambda: check_options_are_checked(of(Careless))).found
    assert told == "options.region = 7 leads to AttributeError: 'int' object has no attribute 'lower'"


def test_a_value_that_is_refused_counts_as_used() -> None:
    """A ConfigError says that somebody read it."""

    class Strict(Acme):
        options: ClassVar[dict[str, str]] = {"mode": "fast or slow"}

        def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
            super().__init__(config, name=name)
            if self.config.options.get("mode") not in (None, "fast", "slow"):
                raise ConfigError("mode is fast or slow")

    check_options_are_used(of(Strict))
    check_options_are_checked(of(Strict))


def test_the_twin_is_what_the_core_takes() -> None:
    """These tests begin with a plugin that has nothing wrong."""
    check_declaration_is_consistent(of(Acme))
    with Client(providers=[Acme], api_keys={"acme": "sk-1"}) as client:
        assert client.provider("acme").wire("acme-1").encode_request(Request(model="acme-1", messages=())).body
