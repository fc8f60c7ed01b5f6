"""The two wires as the vendor that made them answers: nothing is left out for being null, and deltas are padded.

Services that pass answers of that vendor on are told by these, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar
from zlib import crc32

from core_llm_conformance.documented.chat import ChatBodies
from core_llm_conformance.documented.responses import ResponsesBodies
from core_llm_conformance.documented.said import JsonObject, Said

BOOK = 1_000
"""Characters beyond which a response does not say its instructions again, so that a cassette stays readable."""


def padding(piece: str) -> str:
    """Return letters that hide the length of a piece: by chance on the wire, here always the same for a piece."""
    letters = f"{crc32(piece.encode()):08x}"
    return letters[: 1 + len(piece) % len(letters)]


class FullChatBodies(ChatBodies):
    """Every figure of usage is told, and every chunk is padded."""

    embeds_base64: ClassVar[bool] = True

    def beside(self, kind: str) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return how the request was served."""
        return {"service_tier": "default", "system_fingerprint": "fp_1"}

    def beside_choice(self, kind: str, said: Said) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return that nobody asked for log probabilities."""
        return {"logprobs": None}

    def message(self, said: Said) -> JsonObject:
        """Return the message, in which nothing is told as null or as an empty list."""
        return {"refusal": None, "annotations": [], **super().message(said)}

    def deltas(self, said: Said) -> Iterator[JsonObject]:
        """Yield what a stream adds; the first delta says, too, that nothing was refused."""
        first, *others = super().deltas(said)
        yield {**first, "content": None if said.calls else "", "refusal": None}
        yield from others

    def chunk(self, delta: JsonObject, said: Said, reason: str | None = None) -> JsonObject:
        """Return one chunk, padded."""
        return {**super().chunk(delta, said, reason), "usage": None, "obfuscation": padding(str(delta))}

    def usage_chunk(self, said: Said) -> JsonObject:
        """Return the chunk that has the usage, padded."""
        return {**super().usage_chunk(said), "obfuscation": padding("usage")}

    def usage(self, said: Said) -> JsonObject:
        """Return the usage with all of its details."""
        return {
            **super().usage(said),
            "prompt_tokens_details": {"cached_tokens": said.cached or 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": said.thought or 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def expected_usage(self, said: Said) -> JsonObject:
        """Return the figures that are told even if they are nothing."""
        return {"cache_read_tokens": said.cached or 0, "reasoning_tokens": said.thought or 0}


class FullResponsesBodies(ResponsesBodies):
    """A response says all of its settings again, and deltas are padded."""

    embeds_base64: ClassVar[bool] = True

    def beside(self, status: str) -> JsonObject:
        """Return the settings."""
        told = self.options.get("system")
        instructions: JsonObject = {} if isinstance(told, str) and len(told) > BOOK else {"instructions": told}
        return {
            **instructions,
            "background": False,
            "max_output_tokens": self.options.get("max_tokens"),
            "max_tool_calls": None,
            "metadata": {},
            "previous_response_id": None,
            "prompt_cache_key": None,
            "reasoning": {"effort": self.options.get("reasoning_effort"), "summary": self.summary()},
            "safety_identifier": None,
            "service_tier": "default" if status in ("completed", "incomplete") else "auto",
            "store": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "user": None,
        }

    def summary(self) -> str | None:
        """Return how reasoning is told; it is told only if that is asked for, as scenarios that are about it do."""
        return "detailed" if "reasoning" in self.scenario.needs else None

    def pad(self, piece: str) -> JsonObject:
        """Return the padding of a delta."""
        return {"obfuscation": padding(piece)}
