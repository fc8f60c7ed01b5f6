"""`core_llm.generate` and `core_llm.stream`: one default client, for scripts. It is made at the first call."""

from __future__ import annotations

from functools import cache
from typing import Unpack

from core_llm._client import Client
from core_llm._options import CallOptions, Prompt
from core_llm._response import Response
from core_llm._stream.stream import Stream


@cache
def default_client() -> Client:
    """Return the client that the functions here share."""
    return Client()


def generate(model: str | None = None, prompt: Prompt | None = None, **options: Unpack[CallOptions]) -> Response:
    """Return a whole answer from the default client; see `Client.generate`."""
    return default_client().generate(model, prompt, **options)


def stream(model: str | None = None, prompt: Prompt | None = None, **options: Unpack[CallOptions]) -> Stream:
    """Return a streamed answer from the default client; see `Client.stream`."""
    return default_client().stream(model, prompt, **options)
