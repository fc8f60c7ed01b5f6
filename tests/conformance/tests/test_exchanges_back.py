"""The checks of what goes back into a conversation catch what they are there for."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from core_llm import (
    Message,
    Part,
    ReasoningPart,
    Request,
    StreamEvent,
    ToolCallPart,
)
from core_llm.wire import JSONObject
from core_llm_conformance.exchanges.going_back import check_message_goes_back, check_survives_json

from .twin.acme import AcmeWire
from .twin.changed import caught, shown, speaking
from .twin.zenith import Zenith, ZenithDecoder, ZenithWire


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
