"""Where an API knows a header for it, the attempts of one request are known to be the same."""

from __future__ import annotations

from core_llm_conformance.script import json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller
from .tiny import Tiny, at, event, hello

CUT = sse_answer(event(id="r1", text="Hel"))
BUSY = json_answer({"error": {"message": "busy"}}, 503)


class Once(Tiny):
    """Has keys for requests that are the same again."""

    idempotency_header = "X-Once"


def test_the_attempts_of_one_request_carry_one_key(caller: Caller) -> None:
    """A retry is the same request again; a restart is another one, and so is another call."""
    with FaultServer(BUSY, CUT, hello(), hello()) as server:
        provider = at(server.url, Once)
        caller.streams(provider, [{"recovery": "restart"}, {}])
        keys = [request.headers["x-once"] for request in server.requests]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_no_key_is_sent_where_the_provider_knows_none(caller: Caller) -> None:
    """Nor in place of the caller's own."""
    with FaultServer(hello(), hello()) as server:
        caller.stream(at(server.url))
        caller.stream(at(server.url, Once), extra_headers={"X-Once": "mine"})
        assert [request.headers.get("x-once") for request in server.requests] == [None, "mine"]
