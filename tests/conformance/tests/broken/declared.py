"""Broken in what is declared, and in the cassettes that are to show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from core_llm import Capabilities, Request
from core_llm.wire import WireRequest

from ..twin.acme import Acme, AcmeWire
from ..twin.zenith import Zenith, ZenithWire
from .bugs import bug


def declaring(**declared: object) -> Mapping[str, Capabilities]:
    """Return Acme's declaration with something else in it."""
    return {"*": Acme.capabilities["*"].merged(Capabilities.model_validate(declared))}


def edited(scenario: str, old: str, new: str) -> Callable[[Path], None]:
    """Return an edit that replaces a text in a cassette, where it stands first."""

    def edit(cassettes: Path) -> None:
        path = cassettes / f"{scenario}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def without(scenario: str) -> Callable[[Path], None]:
    """Return an edit that deletes a cassette."""
    return lambda cassettes: (cassettes / f"{scenario}.yaml").unlink()


def with_a_stray(cassettes: Path) -> None:
    """Leave a cassette there that is no scenario's."""
    (cassettes / "txet.yaml").write_bytes((cassettes / "text.yaml").read_bytes())


def with_one_more(cassettes: Path) -> None:
    """Add an interaction that nobody asks for: the last once more."""
    path = cassettes / "multi_turn.yaml"
    head, _, played = path.read_text(encoding="utf-8").partition("\ninteractions:\n")
    played, _, version = played.rpartition("version:")
    last = "- request:" + played.rpartition("- request:")[2]
    last_head = "  - mode: plain" + head.rpartition("  - mode: plain")[2].replace("turn: 1", "turn: 2")
    path.write_text(f"{head}\n{last_head}\ninteractions:\n{played}{last}version:{version}", encoding="utf-8")


def without_plain(cassettes: Path) -> None:
    """Leave of a cassette only what was streamed."""
    path = cassettes / "text.yaml"
    head, _, played = path.read_text(encoding="utf-8").partition("\ninteractions:\n")
    streamed, _, rest = played.partition("\n- request:")
    version = "version:" + rest.rpartition("version:")[2]
    path.write_text(f"{head.partition('  - mode: plain')[0]}interactions:\n{streamed}\n{version}", encoding="utf-8")


@bug(
    "users-pains, the suites: capability lies are not caught",
    "test_every_claim_has_its_cassette[image_input]",
    says="there is no image_input.yaml",
    edit=without("image_input"),
)
class ClaimWithoutCassette(Acme):
    """Pictures are declared supported, and nothing shows it."""


@bug(
    "users-pains, the suites: a False flag just skips",
    "test_nothing_denied_is_shown[parallel_tool_calls]",
    says="parallel_tools",
)
class DeniedAndShown(Acme):
    """Parallel calls are declared unsupported, and a cassette shows them."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = declaring(
        parallel_tools="unsupported", settings={"parallel_tool_calls": "unsupported"}
    )


@bug(
    "users-pains 59: melcloudhome#223, secrets in cassettes",
    "test_cassette_is_clean[text]",
    says="what begins like a key",
    edit=edited(
        "text", '"created": 1760000000', '"created": 1760000000, "session": "sk-live-9f8e7d6c5b4a39281706f5e4d3c2"'
    ),
)
class SecretInACassette(Acme):
    """A cassette holds a key that the server echoed."""


@bug(
    "users-pains 59: the authorization header was recorded",
    "test_cassette_is_clean[text]",
    says="authorization",
    edit=edited(
        "text",
        "      content-type:\n      - application/json\n",
        "      content-type:\n      - application/json\n      authorization:\n      - Bearer abc\n",
    ),
)
class HeaderInACassette(Acme):
    """A cassette holds the header with the key."""


@bug(
    "users-pains 57, the recommendations: all interactions are played",
    "test_every_claim_has_its_cassette[multi_turn]",
    "test_vcrpy_plays_it[multi_turn]",
    says="1, 2] where [0, 1] are due|4 of 5 were",
    edit=with_one_more,
)
class UnusedInteraction(Acme):
    """A cassette holds one interaction more than is asked for."""


@bug(
    "users-pains, the suites: stream and plain",
    "test_every_claim_has_its_cassette[text]",
    says="plain: turns none",
    edit=without_plain,
)
class OneFormOnly(Acme):
    """The plain form of answer is shown by nothing."""


@bug(
    "users-pains 56, 61: stale evidence",
    "test_every_claim_has_its_cassette[text]",
    says="its head says 'acme-0'",
    edit=edited("text", "model: acme-1", "model: acme-0"),
)
class CassetteOfAnotherModel(Acme):
    """A cassette is of a model that the suite does not name."""


@bug(
    "users-pains 57: a typo, and the test failed unnoticed",
    "test_nothing_denied_is_shown[txet]",
    says="txet.yaml is none's",
    edit=with_a_stray,
)
class StrayCassette(Acme):
    """A cassette is called like no scenario, so nothing plays it."""


@bug(
    "users-pains 57: prompts changed, every test failed unnoticed",
    "test_request_matches[text-stream]",
    says="Say hello",
    edit=edited("text", "Say hello", "Say good day"),
)
class PromptOfAnother(Acme):
    """A cassette answers a prompt that nobody asks any more."""


@bug("users-pains, the suites: flags that contradict", "test_declaration_is_consistent", says="parallel_tools is supp")
class ParallelWithoutTools(Zenith):
    """Parallel calls are supported, and calls are not."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Zenith.capabilities["*"].merged(Capabilities(tools="unsupported"))
    }


@bug("users-pains 11 of the recommendations: untested(reason)", "test_declaration_is_consistent", says="is untested")
class UntestedAndDenied(Acme):
    """Something is said to be untested that is said not to be there."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = declaring(untested={"video_input": "no account"})


@bug("the design: patterns are of model names", "test_declaration_is_consistent", says="capabilities")
class PatternWithTheProvider(Acme):
    """A pattern has the provider's name in it, matches no model, and refuses nothing."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        **Acme.capabilities,
        "acme:acme-1*": Capabilities(audio_input="unsupported"),
    }


@bug("the design: a key goes over plain http only to loopback", "test_declaration_is_consistent", says="it is https")
class PlainHttp(Acme):
    """The usual address is without TLS."""

    base_url = "http://api.acme.example/v1"


@bug("the design: options are described", "test_options_are_described", says="region")
class OptionWithoutWords(Acme):
    """An option is declared without saying what it means."""

    options: ClassVar[Mapping[str, str]] = {"region": ""}


@bug("users-pains, the suites: flags and methods", "test_claimed_calls_are_there", says="token_counting")
class CountingClaimed(Acme):
    """Counting tokens is declared supported, and there is no such call."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = declaring(token_counting="supported")


@bug("the design: unsupported raises, unknown is sent", "test_unsupported_raises_before_sending", says="nobody is told")
class JsonPassedOver(ZenithWire):
    """What the wire has no words for is left out without a word."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        output = None if request.output == "json" else request.output
        return super().encode_request(request.model_copy(update={"output": output}))


@bug("users-pains 2 of the recommendations", "test_setting_changes_the_request[top_k]", says="nothing is sent")
class ClaimedKnobWithoutField(Acme):
    """A setting is declared supported that the wire has no field for."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = declaring(settings={"top_k": "supported"})


@bug("users-pains 30: an undeclared setting is dropped", "test_undeclared_setting_is_not_dropped[seed]", says="silence")
class UnknownKnobDropped(Acme):
    """Nothing is declared of a setting, and it is left out without a word."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {"*": Capabilities()}

    class wire_format(AcmeWire):  # noqa: N801  # the attribute's name
        """Leaves it out."""

        def encode_request(self, request: Request) -> WireRequest:
            """Return the request."""
            settings = request.settings.model_copy(update={"seed": None})
            return super().encode_request(request.model_copy(update={"settings": settings}))
