"""An `httpx` transport that answers with recordings: whole, cut anywhere, truncated, reset, stalled.

For vcrpy's plain pass a cassette needs no transport of ours; this one is for what vcrpy cannot do, which is to hand a
stream over in pieces. The twin for `httpx2` is in `core_llm_conformance.replay_httpx2`.
"""

from __future__ import annotations

import httpx

from core_llm_conformance._replay_core import (
    Ending,
    PlayedBody,
    Replay,
    ReplayAnswer,
    ReplayedRequest,
    TransportCore,
)

__all__ = ["Ending", "PlayedBody", "Replay", "ReplayAnswer", "ReplayTransport", "ReplayedRequest"]


class _Body(PlayedBody, httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as the library wants it."""


class ReplayTransport(TransportCore, httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Plays a `Replay`, or the answers given, for `httpx.Client` and `httpx.AsyncClient`."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a sync client."""
        answer, read_timeout = self.take(request, request.read())
        body = self.note(_Body(answer, read_timeout, httpx))
        extensions = {"network_stream": body}
        return httpx.Response(answer.status, headers=dict(answer.headers), stream=body, extensions=extensions)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an async client."""
        answer, read_timeout = self.take(request, await request.aread())
        body = self.note(_Body(answer, read_timeout, httpx))
        extensions = {"network_stream": body}
        return httpx.Response(answer.status, headers=dict(answer.headers), stream=body, extensions=extensions)
