"""The checks of the exchanges layer catch what they are there for: each with one fault in a good twin."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import JsonValue

from core_llm import (
    Capabilities,
    Citation,
    EmbedRequest,
    FinishReason,
    Message,
    Part,
    Provider,
    ReasoningPart,
    Request,
    Response,
    StatusError,
    StreamEvent,
    ToolCallPart,
)
from core_llm.wire import EmbedAnswer, JSONObject, WireFormat, make_status_error
from core_llm_conformance.applicability import must_show
from core_llm_conformance.exchanges.answers import check_scenario
from core_llm_conformance.exchanges.claims import check_claim, check_nothing_denied
from core_llm_conformance.exchanges.failing import check_error, check_error_in_200
from core_llm_conformance.exchanges.going_back import check_message_goes_back, check_survives_json
from core_llm_conformance.exchanges.parity import (
    check_async_equals_sync,
    check_plain_equals_stream,
    check_vcrpy_plays_it,
)
from core_llm_conformance.exchanges.sending import check_requests
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.scenario import Mode, Shown
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

from .twin.acme import Acme, AcmeWire
from .twin.zenith import Zenith, ZenithDecoder, ZenithWire

CASSETTES = Path(__file__).parent / "twin/cassettes"


def speaking(wire: type[WireFormat], twin: type[Provider] = Acme, **changes: object) -> Target:
    """Return a twin with another wire, and with other attributes."""
    provider = type(twin.__name__, (twin,), {"wire_format": wire, **changes})
    return Target(provider, f"{twin.name}-1", cassettes=CASSETTES / twin.name)


def shown(target: Target, scenario: str, mode: Mode = "stream") -> Shown:
    """Return a scenario as the twin's cassette has it."""
    return Shown(BY_NAME[scenario], mode, target.cassette(scenario).of(mode))


def caught(check: Callable[..., None], *arguments: object) -> str:
    """Return the rule and the finding by which a check fails."""
    with pytest.raises(ConformanceFailure) as failure:
        check(*arguments)
    finding = failure.value.finding
    return f"{finding.rule}: {finding.found}"


# Answers


class WrongReasons(AcmeWire):
    """Takes the bound on tokens for a good end."""

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {**AcmeWire.finish_reasons, "length": "stop"}


def test_a_wrong_finish_reason_is_caught() -> None:
    """The head says another."""
    target = speaking(WrongReasons)
    assert "finish_reason is 'stop', not 'length'" in caught(check_scenario, target, shown(target, "max_tokens"))


class SwallowingDecoder(ZenithDecoder):
    """Passes over the first word."""

    is_first = True

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line["line"] == "say" and self.is_first:
            self.is_first = False
            return ()
        return super().feed_object(line)


class Swallowing(ZenithWire):
    """Makes such a decoder."""

    def decoder(self, request: Request) -> ZenithDecoder:  # noqa: ARG002  # of the contract
        """Return it."""
        return SwallowingDecoder(self.provider)


def test_a_swallowed_word_is_caught_though_the_head_lacks_it_too() -> None:
    """Where a head was written by the same decoder, the strings of the body say what is missing."""
    target = speaking(Swallowing, Zenith)
    told = shown(target, "text")
    [interaction] = told.interactions
    expected = interaction.head.expected
    assert expected is not None
    shorter = replace(expected, text=expected.text.removeprefix("Hello,"))
    head = interaction.head.model_copy(update={"expected": shorter})
    same = Shown(told.scenario, "stream", (interaction.model_copy(update={"head": head}),))
    assert "'Hello,' of frame 1 at $.words is not in the text" in caught(check_scenario, target, same)


class GatheringDecoder(ZenithDecoder):
    """Says nothing before it has heard everything."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.words: list[str] = []

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line["line"] == "say":
            self.words.append(str(line["words"]))
            return ()
        text = "".join(self.words)
        self.words.clear()
        return [*(self.parts.text(text) if text else ()), *super().feed_object(line)]


class Gathering(ZenithWire):
    """Makes such a decoder."""

    def decoder(self, request: Request) -> ZenithDecoder:  # noqa: ARG002  # of the contract
        """Return it."""
        return GatheringDecoder(self.provider)


def test_text_that_is_gathered_is_caught() -> None:
    """The response is right; a reader waits for nothing."""
    target = speaking(Gathering, Zenith)
    assert "1 pieces of text were made of 60 frames" in caught(check_scenario, target, shown(target, "long_output"))


class OtherSources(ZenithDecoder):
    """Thinks up where things are from."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        if line["line"] == "cite":
            return self.parts.citation(Citation(url="https://elsewhere.example"))
        return super().feed_object(line)


class MadeUpSources(ZenithWire):
    """Makes such a decoder."""

    def decoder(self, request: Request) -> ZenithDecoder:  # noqa: ARG002  # of the contract
        """Return it."""
        return OtherSources(self.provider)


def test_a_source_that_nobody_named_is_caught() -> None:
    """A citation is evidence, too."""
    target = speaking(MadeUpSources, Zenith)
    found = caught(check_scenario, target, shown(target, "citations"))
    assert "'https://elsewhere.example' is nowhere in the body" in found


class Empty(AcmeWire):
    """Understands that there is an answer, and nothing of it."""

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return it without its parts."""
        return super().decode_response(body, request).model_copy(update={"parts": ()})


def test_an_answer_without_parts_is_caught() -> None:
    """The head has text."""
    target = speaking(Empty)
    assert "text is '', not 'Hello" in caught(check_scenario, target, shown(target, "text", "plain"))


class SwappingVectors(ZenithWire):
    """Gives the vectors in another order."""

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:
        """Return them the wrong way round."""
        answer = super().decode_embed(body, request)
        answer.vectors = answer.vectors[::-1]
        return answer


def test_vectors_in_another_order_are_caught() -> None:
    """The head has them in that of the texts."""
    target = speaking(SwappingVectors, Zenith)
    assert "what a call returns is what" in caught(check_scenario, target, shown(target, "embeddings", "plain"))


# Requests


class WithoutSystem(AcmeWire):
    """Forgets the instruction."""

    def encode_messages(self, messages: Sequence[Message]) -> list[JsonValue]:
        """Return the others."""
        return super().encode_messages([message for message in messages if message.role != "system"])


def test_a_lost_instruction_is_caught() -> None:
    """The cassette's answer was one to another request."""
    target = speaking(WithoutSystem)
    assert "what a scenario asks is in its request" in caught(check_requests, target, shown(target, "system_prompt"))


# Parity


class Counting(AcmeWire):
    """Numbers its calls over all answers."""

    calls = 0

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return an answer whose id tells how many went before."""
        type(self).calls += 1
        return super().decode_response(body, request).model_copy(update={"id": f"answer-{self.calls}"})


def test_what_is_kept_between_calls_is_caught() -> None:
    """The second time it is another answer."""
    target = speaking(Counting)
    assert "another response" in caught(check_async_equals_sync, target, shown(target, "text", "plain"))
    assert "vcrpy comes to the same" in caught(check_vcrpy_plays_it, target, BY_NAME["text"])


class PlainWithoutState(AcmeWire):
    """Keeps signatures of streams only."""

    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer without them."""
        response = super().decode_response(body, request)
        parts = tuple(part.model_copy(update={"provider_state": {}}) for part in response.parts)
        return response.model_copy(update={"parts": parts})


def test_a_signature_that_only_streams_have_is_caught() -> None:
    """In the parity of both forms, and where the answer goes back."""
    target = speaking(PlainWithoutState)
    both = (shown(target, "reasoning"), shown(target, "reasoning", "plain"))
    assert "reasoning(reasoning_details)" in caught(check_plain_equals_stream, target, both)
    assert "goes back to it, as it came" in caught(check_message_goes_back, target, both[1])


# Going back


class Forgetful(ZenithWire):
    """Gives no reasoning back."""

    def _block(self, part: Part) -> JsonValue:
        return None if isinstance(part, ReasoningPart) else super()._block(part)


def test_a_seal_that_does_not_go_back_is_caught_on_an_unknown_wire() -> None:
    """It was kept; the next request lacks it."""
    target = speaking(Forgetful, Zenith)
    assert "'c2VhbC0x+/==' is nowhere" in caught(check_message_goes_back, target, shown(target, "reasoning"))


class SealLosingDecoder(ZenithDecoder):
    """Passes over the seal."""

    def feed_object(self, line: JSONObject) -> Sequence[StreamEvent]:
        """Take a line."""
        return () if line["line"] == "seal" else super().feed_object(line)


class SealLosing(ZenithWire):
    """Makes such a decoder."""

    def decoder(self, request: Request) -> ZenithDecoder:  # noqa: ARG002  # of the contract
        """Return it."""
        return SealLosingDecoder(self.provider)


def test_a_seal_that_was_never_kept_is_caught() -> None:
    """It is in the body, under a name that says what it is."""
    target = speaking(SealLosing, Zenith)
    assert "at $.seal is nowhere" in caught(check_message_goes_back, target, shown(target, "reasoning"))


class Telltale(AcmeWire):
    """Sends every provider's state."""

    def encode_message(self, message: Message) -> JSONObject:
        """Return a message with all of it."""
        kept: list[JsonValue] = [dict(part.provider_state) for part in message.parts]
        return {**super().encode_message(message), "state": kept}


def test_state_of_another_provider_is_caught() -> None:
    """It may hold what nobody else may see."""
    target = speaking(Telltale)
    assert "kept for another provider" in caught(check_message_goes_back, target, shown(target, "text"))


class CallsWithoutIds(AcmeWire):
    """Makes calls that cannot be told from another."""

    def encode_call(self, call: ToolCallPart) -> JsonValue:
        """Return a call without its arguments."""
        return super().encode_call(call.model_copy(update={"raw_arguments": "{}"}))


def test_lost_arguments_are_caught() -> None:
    """A call goes back as it was made."""
    target = speaking(CallsWithoutIds)
    assert "a call goes back with its arguments" in caught(check_message_goes_back, target, shown(target, "tool_call"))


def test_an_answer_survives_json() -> None:
    """The good twin's do."""
    target = speaking(AcmeWire)
    check_survives_json(target, shown(target, "reasoning_replay"))


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
