"""What is declared unsupported is refused, dropped or sent, and each of the three is held to what it means."""

from __future__ import annotations

import pytest

from core_llm import (
    Capabilities,
    LocalChannel,
    LocalProvider,
    Provider,
    Request,
    TextDelta,
    UnsupportedError,
)
from core_llm.wire import PartsBuilder, WireRequest
from core_llm_conformance.contract.refusals import ASKING, check_unsupported_raises_before_sending, denied
from core_llm_conformance.contract.sources import importable, speaking
from core_llm_conformance.payload.knobs import KNOBS, declared_as
from core_llm_conformance.target import Target

from .probing import finding, of
from .twin.acme import Acme, AcmeWire

ALL = [*ASKING, *(f"settings.{name}" for name in KNOBS), "model_listing", "token_counting", "embeddings", "streaming"]


class Denying(Acme):
    """The good twin, which denies everything."""

    capabilities = {  # noqa: RUF012  # it is a table of a class
        "*": Capabilities.model_validate(
            {
                **dict.fromkeys((name for name in ALL if not name.startswith("settings.")), "unsupported"),
                "settings": dict.fromkeys(KNOBS, "unsupported"),
            }
        )
    }


def changed(wire: type[AcmeWire]) -> Target:
    """Return the denying twin with another wire."""
    return of(type("Changed", (Denying,), {"wire_format": wire}))


def test_everything_that_can_be_asked_for_is_tried() -> None:
    """A request is known for each feature that a request can need, and for each knob."""
    assert [case.id for case in denied(of(Denying))] == [
        *ASKING,
        *(f"settings.{name}" for name in KNOBS),
        "streaming",
        "model_listing",
        "token_counting",
        "embeddings",
    ]


@pytest.mark.parametrize("feature", ALL)
def test_a_denial_that_is_kept(feature: str) -> None:
    """The core refuses what a plugin denies; where the caller insists, the twin sends it."""
    check_unsupported_raises_before_sending(of(Denying), feature)


def test_a_wire_that_drops_what_the_caller_insists_on() -> None:
    """With ``send`` the caller wants the provider's own answer, not silence."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            return super().encode_request(request.model_copy(update={"output": None}))

    found = finding(lambda: check_unsupported_raises_before_sending(changed(Wire), "json_output")).found
    assert found == "the request is sent without json_output, and nobody is told"


def test_a_wire_that_says_that_it_cannot() -> None:
    """With ``send`` the wire may still have no words for it."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            if request.output is not None:
                raise UnsupportedError("no field for it", feature="json_output", provider=self.provider)
            return super().encode_request(request)

    check_unsupported_raises_before_sending(changed(Wire), "json_output")


def test_streams_that_are_denied_and_asked_for() -> None:
    """A wire that streams whatever is wanted sends what the model is declared not to have."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            wired = super().encode_request(request)
            self.calls = getattr(self, "calls", 0) + 1
            wired.query = {"call": str(self.calls)}
            return wired

    found = finding(lambda: check_unsupported_raises_before_sending(changed(Wire), "streaming")).found
    assert found == "stream() sends another request than generate()"


class Here(LocalProvider):
    """A model in this process, which never hears of pictures."""

    name = "here"
    capabilities = {"*": Capabilities(image_input="unsupported", settings={"seed": "unsupported"})}  # noqa: RUF012

    def run_local(self, request: Request, channel: LocalChannel) -> None:  # noqa: ARG002  # of the contract
        """Say hello."""
        parts = PartsBuilder(self.endpoint)
        channel.emit([*parts.text("Hello"), *parts.close_all()])
        channel.finish("stop")


def test_a_local_model_is_not_run() -> None:
    """Its stand-in sees what would have reached it, without loading anything."""
    target = Target(Here, "m")
    assert [case.id for case in denied(target)] == ["image_input", "settings.seed"]
    for case in denied(target):
        check_unsupported_raises_before_sending(target, str(case.value))


def test_a_local_model_has_no_wire() -> None:
    """What is asked of wires is not applicable to it."""
    target = Target(Here, "m")
    assert list(speaking(target)) == []
    assert list(declared_as("unknown")(target)) == []
    assert list(importable(target)) == []
    assert issubclass(Here, Provider)
    assert TextDelta(0, "Hello").text == "Hello"
