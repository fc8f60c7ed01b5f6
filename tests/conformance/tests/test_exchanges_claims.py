"""The checks of errors, and of which cassettes there are, catch what they are there for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import JsonValue

from core_llm import (
    Capabilities,
    Request,
    Response,
    StatusError,
)
from core_llm.wire import JSONObject, make_status_error
from core_llm_conformance.applicability import must_show
from core_llm_conformance.exchanges.claims import check_claim, check_nothing_denied
from core_llm_conformance.exchanges.failing import check_error, check_error_in_200
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

from .twin.acme import Acme, AcmeWire
from .twin.changed import CASSETTES, caught, shown, speaking
from .twin.zenith import Zenith, ZenithWire

# Errors


class Deaf(AcmeWire):
    """Takes no object for an error."""

    def find_error(self, frame: JSONObject, event: str = "") -> JsonValue:  # noqa: ARG002  # of the wire
        """Return None."""
        return None


@pytest.mark.parametrize("scenario", ["error_mid_stream", "error_first_event"])
def test_a_swallowed_error_is_caught(scenario: str) -> None:
    """It is raised as something else, or not at all."""
    target = speaking(Deaf)
    assert "raised as what it is: StreamInterruptedError" in caught(check_error, target, shown(target, scenario))


class Trusting(ZenithWire):
    """Takes whatever has a good status for an answer."""

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return an answer, if need be an empty one."""
        return super().decode_response(body, request) if "lines" in body else Response(finish_reason="stop")


def test_an_error_that_passes_for_an_answer_is_caught() -> None:
    """Its status is that of a good one."""
    target = speaking(Trusting, Zenith)
    assert "success (plain)" in caught(check_error_in_200, target, shown(target, "error_429", "plain"))


class Wordless(AcmeWire):
    """Keeps the status of an error and nothing else."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:  # noqa: ARG002
        """Return it."""
        return make_status_error(status, "it failed", headers=headers)


def test_lost_words_of_an_error_are_caught() -> None:
    """The provider's message is what helps."""
    target = speaking(Wordless)
    found = caught(check_error, target, shown(target, "error_429", "plain"))
    assert "the provider's words 'Too many requests, slow down.' are not in" in found


# Claims


@pytest.fixture
def copied(tmp_path: Path) -> Target:
    """Return the good twin with cassettes that may be changed."""
    folder = tmp_path / "cassettes"
    shutil.copytree(CASSETTES / "acme", folder)
    return Target(Acme, "acme-1", cassettes=folder)


def test_a_missing_cassette_is_caught(copied: Target) -> None:
    """What is declared supported has to be shown."""
    (copied.cassettes / "tool_call.yaml").unlink()
    assert "there is no tool_call.yaml" in caught(check_claim, copied, BY_NAME["tool_call"])


def test_a_cassette_under_another_name_is_caught(copied: Target) -> None:
    """Its head says what it is."""
    (copied.cassettes / "text.yaml").rename(copied.cassettes / "usage.yaml")
    assert "its head says 'text'" in caught(check_claim, copied, BY_NAME["usage"])


def test_a_cassette_of_another_model_is_caught(copied: Target) -> None:
    """What is documented is of the model that the class names; what was recorded says who answered."""
    path = copied.cassettes / "usage.yaml"
    path.write_text(path.read_text("utf-8").replace("model: acme-1\n  date", "model: other-1\n  date"), "utf-8")
    assert "its head says 'other-1'" in caught(check_claim, copied, BY_NAME["usage"])
    path.write_text(path.read_text("utf-8").replace("origin: documented", "origin: recorded"), "utf-8")
    check_claim(copied, BY_NAME["usage"])


def test_a_missing_form_of_answer_is_caught(copied: Target) -> None:
    """A wire that has both shows both."""
    path = copied.cassettes / "text.yaml"
    path.write_text(path.read_text().replace("mode: plain", "mode: stream"))
    assert "stream: turns [0, 0] where [0] are due" in caught(check_claim, copied, BY_NAME["text"])


def test_a_cassette_of_no_scenario_is_caught(copied: Target) -> None:
    """It would never be played."""
    (copied.cassettes / "text.yaml").rename(copied.cassettes / "txt.yaml")
    assert "txt.yaml is none's" in caught(check_nothing_denied, copied, "txt")


class TwoModels(Acme):
    """Has a model that does less."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        **Acme.capabilities,
        "acme-mute": Capabilities(tools="unsupported"),
    }


def test_a_lesser_model_is_no_way_out() -> None:
    """Naming it for a scenario would hide what the suite's own model must show."""
    target = Target(TwoModels, "acme-1", {"tool_call": "acme-mute"}, cassettes=CASSETTES / "acme")
    assert "acme-mute is declared not to support tools" in caught(check_claim, target, BY_NAME["tool_call"])
    assert must_show(target, BY_NAME["tool_call"])


class Modest(Acme):
    """Says that it has less than it shows."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(parallel_tools="unsupported", usage="unsupported", json_output="unsupported")
    }


@pytest.mark.parametrize(
    ("scenario", "feature"),
    [("json_output", "json_output"), ("text", "usage"), ("parallel_tool_calls", "parallel_tools")],
)
def test_what_is_denied_and_shown_is_caught(scenario: str, feature: str) -> None:
    """By what the scenario needs, and by what its answer has."""
    target = Target(Modest, "acme-1", cassettes=CASSETTES / "acme")
    assert feature in caught(check_nothing_denied, target, scenario)
