"""Broken in what a wire asks of its surroundings: the clock, chance, the environment, files, threads, a log."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from core_llm import BearerAuth, OutgoingRequest, Request, StreamEvent
from core_llm.wire import ChatDecoder, Frame, JSONValue, WireRequest, as_objects

from ..twin.acme import AcmeWire
from .bugs import bug


@bug("wire-quirks, Gemini: synthesise stable ids", "test_decoders_are_independent", says="another")
class IdsByChance(ChatDecoder):
    """A call without an id gets one that is another each time, and the conversation cannot be stored."""

    def _read_tool_calls(self, value: JSONValue) -> Sequence[StreamEvent]:
        items: list[JSONValue] = []
        for item in as_objects(value):
            named = "id" in item
            items.append({**item, "id": f"call_{uuid.uuid4().hex[:9]}"} if named else item)
        return super()._read_tool_calls(items)


@bug("the design: a wire has no clock", "test_wire_is_pure", says="time.time")
class ClockInTheWire(ChatDecoder):
    """The decoder notes when a frame came."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame."""
        self._came = time.time()
        return super().feed(frame)


@bug("the design: a wire has no environment", "test_wire_is_pure", says="os.environ")
class EnvironmentInTheWire(AcmeWire):
    """An organisation is read from the environment with every request."""

    def headers(self) -> dict[str, str]:
        """Return headers of every request."""
        return {"x-organisation": os.environ.get("ACME_ORGANISATION", "none")}


@bug("the design: a wire is pure", "test_wire_is_pure", says="random.")
class ChanceInTheWire(AcmeWire):
    """A request has a number that chance made."""

    def headers(self) -> dict[str, str]:
        """Return headers of every request."""
        return {"x-nonce": str(random.random())}  # noqa: S311  # the bug


@bug("the design: a wire does no I/O", "test_wire_is_pure", says="files")
class FileInTheWire(AcmeWire):
    """A table of models is read from a file when a request is encoded."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request."""
        self._table = Path(__file__).read_text(encoding="utf-8")[:10]
        return super().encode_request(request)


@bug("users-pains 55: the sync call in an async world", "test_decoding_does_not_block", says="sleep")
class SleepInTheWire(ChatDecoder):
    """Text is slowed down, so that it looks typed."""

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame."""
        time.sleep(0.0001)
        return super().feed(frame)


@bug("users-pains 33, 38: what is left behind after a break", "test_wire_is_pure", says="thread")
class ThreadPerStream(AcmeWire):
    """Each stream starts a thread that watches it, and that nobody ends when the stream is left."""

    def decoder(self, request: Request) -> ChatDecoder:
        """Return a decoder that is watched."""
        threading.Thread(target=threading.Event().wait, args=(0.01,), daemon=True).start()
        return super().decoder(request)


@bug("users-pains 54: keys in logs and traces", "test_no_secret_in_errors[401-json]", says="the key was logged")
class KeyInTheLog(BearerAuth):
    """The headers are logged, with the key in them."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with its key."""
        signed = super().sign(request, credentials, now)
        logging.getLogger("acme").debug("sending %s", dict(signed.headers))
        return signed
