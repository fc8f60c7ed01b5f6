"""The checks of recorded answers catch what they are there for: each with one fault in a good twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import JsonValue

from core_llm import (
    Citation,
    EmbedRequest,
    FinishReason,
    Message,
    Request,
    Response,
    StreamEvent,
)
from core_llm.wire import EmbedAnswer, JSONObject
from core_llm_conformance.exchanges.answers import check_scenario
from core_llm_conformance.exchanges.going_back import check_message_goes_back
from core_llm_conformance.exchanges.parity import (
    check_async_equals_sync,
    check_plain_equals_stream,
    check_vcrpy_plays_it,
)
from core_llm_conformance.exchanges.sending import check_requests
from core_llm_conformance.scenario import Shown
from core_llm_conformance.scenarios import BY_NAME

from .twin.acme import AcmeWire
from .twin.changed import caught, shown, speaking
from .twin.zenith import Zenith, ZenithDecoder, ZenithWire

# Answers


class WrongReasons(AcmeWire):
    """Takes the bound on tokens for a good end."""

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {**AcmeWire.finish_reasons, "length": "stop"}


def test_a_wrong_finish_reason_is_caught() -> None:
    """The head says another."""
    target = speaking(WrongReasons)
    assert "finish_reason is 'stop', not 'length'" in caught(check_scenario, target, shown(target, "max_tokens"))


class WithAReasonOfItsOwn(AcmeWire):
    """Says `eot` where others say `stop`."""

    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {**AcmeWire.finish_reasons, "eot": "stop"}


def test_a_word_of_its_own_is_the_heads_to_judge() -> None:
    """Who copies a wire may have finish reasons that no plain reading of that wire knows."""
    target = speaking(WithAReasonOfItsOwn)
    told = shown(target, "text")
    [interaction] = told.interactions
    assert interaction.head.expected is not None
    head = interaction.head.model_copy(update={"expected": replace(interaction.head.expected, raw_finish_reason="eot")})
    body = interaction.body.replace(b'"finish_reason": "stop"', b'"finish_reason": "eot"')
    same = Shown(told.scenario, "stream", (interaction.model_copy(update={"head": head, "body": body}),))
    check_scenario(target, same)
    assert "finish_reason is 'other', not 'stop'" in caught(check_scenario, speaking(AcmeWire), same)


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
