"""The transport of `core_llm_conformance.replay` for `httpx2`, which has base classes of its own and must be there."""

from __future__ import annotations

import httpx2

from core_llm_conformance._replay_core import PlayedBody, TransportCore

__all__ = ["Httpx2ReplayTransport"]


class _Body(PlayedBody, httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body as the library wants it."""


class Httpx2ReplayTransport(TransportCore, httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Plays a `Replay`, or the answers given, for `httpx2.Client` and `httpx2.AsyncClient`."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of a sync client."""
        answer, read_timeout = self.take(request, request.read())
        body = self.note(_Body(answer, read_timeout, httpx2))
        extensions = {"network_stream": body}
        return httpx2.Response(answer.status, headers=dict(answer.headers), stream=body, extensions=extensions)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of an async client."""
        answer, read_timeout = self.take(request, await request.aread())
        body = self.note(_Body(answer, read_timeout, httpx2))
        extensions = {"network_stream": body}
        return httpx2.Response(answer.status, headers=dict(answer.headers), stream=body, extensions=extensions)
