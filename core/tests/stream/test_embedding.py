"""Texts embedded through the clients: requests, retries, limits, and what is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack, cast

import pytest

from core_llm import (
    AsyncClient,
    BadRequestError,
    Capabilities,
    Client,
    CoreLLMError,
    Embeddings,
    EmbedOptions,
    InvalidRequestError,
    InvalidSettingError,
    Limits,
    MalformedResponseError,
    OverloadedError,
    Provider,
    StatusError,
    StreamInterruptedError,
    TimeoutExceededError,
    UnsupportedError,
)
from core_llm._calls import ClientOptions
from core_llm._json import JSONObject, JSONValue
from core_llm.wire import ChatCompletions
from core_llm_conformance.script import Answer, Reset, Send, Stall, json_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

from .calls import Caller
from .tiny import at

BUSY = json_answer({"error": {"message": "busy"}}, 503)


class Pairs(ChatCompletions):
    """Chat Completions of a server that takes two texts at once."""

    max_embed_inputs = 2


class Acme(Provider):
    """Embeds, without a key."""

    name = "tiny"
    wire_format = Pairs
    needs_api_key = False


class Locked(Acme):
    """The same, with a key."""

    needs_api_key = True


def lengths(request: RecordedRequest) -> Answer:
    """Answer with the length of each text, the last first."""
    texts = cast("dict[str, list[str]]", request.json)["input"]
    data: list[JSONValue] = [{"index": number, "embedding": [len(text), 1]} for number, text in enumerate(texts)]
    return json_answer({"data": data[::-1], "model": "m-1", "usage": {"prompt_tokens": len(texts)}})


def embedded(
    caller: Caller,
    provider: Provider,
    inputs: str | Sequence[str],
    client: ClientOptions | None = None,
    **options: Unpack[EmbedOptions],
) -> Embeddings:
    """Embed some texts in one of the ways of calling."""
    given = caller.options(provider, client or {})
    model = f"{provider.endpoint}:m"
    if caller.mode == "sync":
        with Client(**given) as sync:
            return sync.embed(model, inputs, **options)

    async def go() -> Embeddings:
        async with AsyncClient(**given) as clients:
            return await clients.embed(model, inputs, **options)

    return caller.run(go)


def test_several_texts_are_embedded(wired: Caller) -> None:
    """In as many requests as it takes, on one connection; the vectors are in the order of the texts."""
    with FaultServer(*[lengths] * 2) as server:
        embeddings = embedded(wired, at(server.url, Acme), ["a", "bb", "ccc"])
        assert [request.json for request in server.requests] == [
            {"model": "m", "input": ["a", "bb"]},
            {"model": "m", "input": ["ccc"]},
        ]
        assert len(server.connections) == 1
    assert embeddings.vectors == ((1.0, 1.0), (2.0, 1.0), (3.0, 1.0))
    assert (embeddings.model, embeddings.provider, embeddings.dimensions) == ("m-1", "tiny", 2)
    assert embeddings.usage is not None
    assert embeddings.usage.input_tokens == 3


def test_one_text_is_a_list_of_one(caller: Caller) -> None:
    """A text is not taken for its letters."""
    with FaultServer(lengths) as server:
        assert embedded(caller, at(server.url, Acme), "abc").vectors == ((3.0, 1.0),)


def test_each_request_is_tried_again_by_itself(caller: Caller) -> None:
    """What was embedded already is not paid for twice."""
    with FaultServer(BUSY, lengths, Answer(before=[Reset()]), lengths) as server:
        assert len(embedded(caller, at(server.url, Acme), ["a", "b", "c"]).vectors) == 3
        assert [cast("JSONObject", request.json)["input"] for request in server.requests] == [
            ["a", "b"],
            ["a", "b"],
            ["c"],
            ["c"],
        ]


def test_no_retries_means_none(caller: Caller) -> None:
    """As the call says."""
    with FaultServer(BUSY) as server, pytest.raises(OverloadedError):
        embedded(caller, at(server.url, Acme), "a", max_retries=0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (json_answer({"error": {"message": "no"}}, 400), BadRequestError),
        (Answer(502, {}, [Send(b"<html><title>Bad Gateway</title></html>")]), StatusError),
        (Answer(200, {}, [Send(b"<html>")]), MalformedResponseError),
        (Answer(200, {}, [Send(b'{"data": [{"ind')]), MalformedResponseError),
        (Answer(200, {}, [Send(b'{"data": ['), Reset()]), StreamInterruptedError),
        (json_answer({"data": []}), MalformedResponseError),
    ],
    ids=["status", "a proxy", "a page", "half", "cut", "nothing"],
)
def test_what_goes_wrong_is_an_error_of_this_package(caller: Caller, answer: Answer, kind: type[CoreLLMError]) -> None:
    """Half an answer is none."""
    with FaultServer(answer) as server, pytest.raises(kind) as raised:
        embedded(caller, at(server.url, Acme), "a", max_retries=0)
    assert (raised.value.provider, raised.value.model) == ("tiny", "m")  # type: ignore[attr-defined]


def test_limits_hold(wired: Caller) -> None:
    """The second request does not hang either."""
    with FaultServer(lengths, Answer(before=[Stall()])) as server, pytest.raises(TimeoutExceededError) as raised:
        embedded(wired, at(server.url, Acme), ["a", "b", "c"], limits=Limits(first_event=0.1), max_retries=0)
    assert raised.value.limit == "first_event"


def test_the_total_limit_bounds_all_requests_together(caller: Caller) -> None:
    """A wait that is longer than what is left is not begun."""
    wait = json_answer({}, 429, {"retry-after": "30"})
    with FaultServer(lengths, wait) as server, pytest.raises(StatusError):
        embedded(caller, at(server.url, Acme), ["a", "b", "c"], limits=Limits(total=1))


def test_own_fields_and_headers_go_along() -> None:
    """Configured fields, then the call's, for this provider only; headers and query on every request."""
    options: dict[str, JSONObject] = {"tiny": {"extra": 2}, "other": {"extra": 3}}
    with FaultServer(*[lengths] * 2) as server:
        section = {"base_url": server.url, "provider_options": {"user": "u1", "extra": 1}}
        with Client(config={"providers": {"tiny": section}}, providers=[Acme]) as client:
            client.embed(
                "tiny:m",
                ["a", "b", "c"],
                provider_options=options,
                extra_headers={"x-team": "search"},
                extra_query={"v": "2"},
            )
        assert [request.json for request in server.requests] == [
            {"model": "m", "input": ["a", "b"], "user": "u1", "extra": 2},
            {"model": "m", "input": ["c"], "user": "u1", "extra": 2},
        ]
        assert {(request.headers["x-team"], *request.query["v"]) for request in server.requests} == {("search", "2")}


def test_requests_are_signed(caller: Caller) -> None:
    """As any other."""
    with FaultServer(lengths) as server:
        embedded(caller, at(server.url, Locked), "a", {"api_keys": {"tiny": "made-up-key"}})
        assert server.requests[0].headers["authorization"] == "Bearer made-up-key"


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        ([], {}, "nothing to embed"),
        ("", {}, "text 0 of 1 is empty"),
        (["a", ""], {}, "text 1 of 2 is empty"),
        (["a", 1], {}, "inputs.1"),
        (None, {}, "inputs"),
        ("a", {"dimensions": 0}, "dimensions"),
        ("a", {"input_type": "title"}, "input_type"),
    ],
)
def test_what_cannot_be_embedded_is_not_sent(inputs: object, options: dict[str, object], said: str) -> None:
    """The error says which text or option it is."""
    with FaultServer() as server, pytest.raises(InvalidRequestError, match=said):
        embedded(Caller("sync"), at(server.url, Acme), inputs, **options)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dimension": 2}, "did you mean 'dimensions'"),
        ({"temperature": 0.5}, "no 'temperature'; it takes dimensions"),
        ({"max_retries": -1}, "max_retries must be"),
        ({"limits": 3}, "limits must be"),
    ],
)
def test_options_that_are_none_are_refused(options: dict[str, object], said: str) -> None:
    """Nothing is lost in silence."""
    with FaultServer() as server, pytest.raises(InvalidSettingError, match=said):
        embedded(Caller("sync"), at(server.url, Acme), "a", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_a_provider_without_embeddings_says_so(caller: Caller) -> None:
    """Whether it is declared or the wire has none; nothing is sent."""

    class Declared(Acme):
        capabilities: ClassVar[dict[str, Capabilities]] = {"*": Capabilities(embeddings="unsupported")}

    with FaultServer() as server:
        for provider in (at(server.url, Declared), at(server.url)):
            with pytest.raises(UnsupportedError) as raised:
                embedded(caller, provider, "a")
            assert (raised.value.feature, raised.value.provider) == ("embeddings", "tiny")


def test_a_knob_that_the_wire_lacks_is_refused_or_left_out(caller: Caller) -> None:
    """As for the settings of a chat."""
    with FaultServer(lengths) as server:
        with pytest.raises(UnsupportedError, match="input_type"):
            embedded(caller, at(server.url, Acme), "a", input_type="query")
        assert server.requests == []
        embedded(caller, at(server.url, Acme), "a", input_type="query", dimensions=2, on_unsupported="drop")
        assert server.requests[0].json == {"model": "m", "input": ["a"], "dimensions": 2}
