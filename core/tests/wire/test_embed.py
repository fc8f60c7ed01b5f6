"""Embeddings on the wire: batches, the shape of OpenAI's endpoint, and answers that are none."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from core_llm import (
    BadRequestError,
    CoreLLMError,
    Embeddings,
    EmbedRequest,
    MalformedResponseError,
    ServerError,
    UnsupportedError,
    Usage,
)
from core_llm.wire import ChatCompletions, EmbeddingWire, JSONObject, JSONValue, Responses, WireRequest, WireResponse
from core_llm.wire.embed import batches, read_vector

TRUE: JSONValue = True
"""A number to Python, and none to JSON."""
HTML = b"<html><title>502 Bad Gateway</title></html>"


class Small(ChatCompletions):
    """Chat Completions of a server that takes two texts at once."""

    max_embed_inputs = 2


def wanted(*texts: str, **fields: object) -> EmbedRequest:
    """Return a request for some texts."""
    return EmbedRequest.model_validate({"model": "m", "inputs": texts, **fields})


def item(index: JSONValue, *numbers: JSONValue) -> JSONObject:
    """Return an item of an answer."""
    return {"object": "embedding", "index": index, "embedding": list(numbers)}


def listed(*items: JSONValue, **fields: JSONValue) -> JSONObject:
    """Return a whole answer."""
    return {"object": "list", "data": list(items), "model": "m-1", "usage": {"prompt_tokens": 2}, **fields}


def embedded(wire: EmbeddingWire, request: EmbedRequest, *bodies: JSONValue | bytes) -> Embeddings:
    """Return what `wire` makes of a request that is answered so."""
    exchange = wire.embed(request)
    next(exchange)
    with pytest.raises(StopIteration) as stopped:
        for body in bodies:
            exchange.send(WireResponse(200, {}, body if isinstance(body, bytes) else to_json(body)))
    embeddings: Embeddings = stopped.value.value
    return embeddings


def asked(wire: EmbeddingWire, request: EmbedRequest) -> tuple[WireRequest, Mapping[str, JSONValue]]:
    """Return the first request of an exchange, and its body."""
    wired = next(wire.embed(request))
    assert isinstance(wired.body, dict)
    return wired, wired.body


@pytest.mark.parametrize("kind", [ChatCompletions, Responses])
def test_a_request_and_its_answer(kind: type[ChatCompletions | Responses]) -> None:
    """Both wires of OpenAI have the endpoint; what comes in another order is put in that of the texts."""
    wire = kind("acme")
    wired, body = asked(wire, wanted("a", "b", dimensions=2))
    assert (wired.method, wired.path) == ("POST", "/embeddings")
    assert body == {"model": "m", "input": ["a", "b"], "dimensions": 2}
    answer = listed(item(1, 0.5, 1), item(0, -1e-8, 0), id="emb-1")
    assert embedded(wire, wanted("a", "b", dimensions=2), answer) == Embeddings(
        vectors=((-1e-8, 0.0), (0.5, 1.0)),
        model="m-1",
        provider="acme",
        usage=Usage(input_tokens=2, raw={"prompt_tokens": 2}),
        metadata=({"id": "emb-1"},),
    )


def test_a_long_list_is_sent_in_parts() -> None:
    """The vectors keep the order of all texts, and the usage is that of all requests."""
    first = listed(item(1, 2), item(0, 1), usage={"prompt_tokens": 5, "total_tokens": 5}, id="1")
    second = listed(item(0, 3), usage={"prompt_tokens": 4, "total_tokens": 4}, id="2")
    embeddings = embedded(Small("acme"), wanted("a", "b", "c"), first, second)
    assert embeddings.vectors == ((1.0,), (2.0,), (3.0,))
    assert embeddings.usage == Usage(
        input_tokens=9,
        raw={"requests": [{"prompt_tokens": 5, "total_tokens": 5}, {"prompt_tokens": 4, "total_tokens": 4}]},
    )
    assert embeddings.metadata == ({"id": "1"}, {"id": "2"})


def test_a_usage_that_is_unknown_once_is_unknown() -> None:
    """Half a bill is none."""
    first, second = listed(item(0, 1), item(1, 1)), listed(item(0, 3), usage=None)
    assert embedded(Small("acme"), wanted("a", "b", "c"), first, second).usage is None


def test_an_answer_that_says_little() -> None:
    """No usage and no name of a model: the one is unknown, the other as asked for."""
    embeddings = embedded(ChatCompletions("acme"), wanted("a"), {"data": [item(0, 1)]})
    assert (embeddings.usage, embeddings.model) == (None, "m")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"total_tokens": 3}, Usage(input_tokens=3)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, Usage(input_tokens=3, output_tokens=0)),
        ({"prompt_tokens": 3, "cost": 1.6e-7}, Usage(input_tokens=3)),
    ],
)
def test_usage(usage: JSONObject, expected: Usage) -> None:
    """Voyage has a total only; what was not said of the output is unknown."""
    embeddings = embedded(ChatCompletions("acme"), wanted("a"), listed(item(0, 1), usage=usage))
    assert embeddings.usage == expected.model_copy(update={"raw": usage})


def test_own_fields_join_the_body_of_every_request() -> None:
    """Those for this provider, and no others."""
    options = {"acme": {"user": "u1"}, "other": {"x": 1}}
    exchange = Small("acme").embed(wanted("a", "b", "c", provider_options=options))
    first = next(exchange)
    second = exchange.send(WireResponse(200, {}, to_json(listed(item(0, 1), item(1, 1)))))
    assert first.body == {"model": "m", "input": ["a", "b"], "user": "u1"}
    assert second.body == {"model": "m", "input": ["c"], "user": "u1"}


def test_base64_is_decoded_where_it_was_asked_for() -> None:
    """Little-endian float32, exact; by the wire's habit or by the caller's own field."""

    class Exact(ChatCompletions):
        embed_encoding = "base64"

    numbers = (0.1, -3.0)
    body = listed({"index": 0, "embedding": b64encode(pack("<2f", *numbers)).decode()})
    assert asked(Exact("acme"), wanted("a"))[1]["encoding_format"] == "base64"
    by_habit = embedded(Exact("acme"), wanted("a"), body)
    assert by_habit.vectors == ((0.10000000149011612, -3.0),)
    by_option = wanted("a", provider_options={"acme": {"encoding_format": "base64"}})
    assert embedded(ChatCompletions("acme"), by_option, body).vectors == by_habit.vectors
    assert embedded(Exact("acme"), wanted("a"), listed(item(0, 1))).vectors == ((1.0,),)  # a server that cannot


def test_signed_bytes_are_decoded_where_they_were_asked_for() -> None:
    """As Perplexity writes them."""
    request = wanted("a", provider_options={"acme": {"encoding_format": "base64_int8"}})
    body = listed({"index": 0, "embedding": b64encode(bytes([1, 255, 128])).decode()})
    assert embedded(ChatCompletions("acme"), request, body).vectors == ((1.0, -1.0, -128.0),)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (listed(item(0, 1), item(2, 1)), "for text 2 of 2"),
        (listed(item(0, 1), item(-1, 1)), "for text -1 of 2"),
        (listed(item(0, 1), item(0, 1)), "two vectors for text 0"),
        (listed(item(1, 1)), "no vector for text 0 of 2"),
        (listed(), "no vector for text 0 of 2"),
        (listed(item(0, 1), item(1, 1), item(2, 1)), "for text 2 of 2"),
        (listed(item(0, 1), {"embedding": [1]}), "without an index"),
        (listed(item(0, 1), item("1", 1)), "without an index"),
        (listed(item(0, 1), item(TRUE, 1)), "without an index"),
        (listed(item(0, 1), [1]), "without an index"),
        (listed(item(0, 1), item(1, 1, 2)), "different lengths: 1 and 2"),
        (listed(item(0, 1), item(1)), "no list of numbers"),
        (listed(item(0, 1), item(1, "0.5")), "no number"),
        (listed(item(0, 1), item(1, None)), "no number"),
        (listed(item(0, 1), item(1, TRUE)), "no number"),
        (listed(item(0, 1), item(1, [1])), "no number"),
        (listed(item(0, 1), {"index": 1, "embedding": {"values": [1]}}), "no list of numbers"),
        (listed(item(0, 1), {"index": 1, "embedding": None}), "no list of numbers"),
        (listed(item(0, 1), {"index": 1, "embedding": "AACAPw=="}), "no encoding was asked for"),
        ({"object": "list", "model": "m"}, "without any vector"),
        ({"choices": []}, "without any vector"),
        ([], "a JSON list"),
        (HTML, "is not JSON"),
        (b"", "is not JSON"),
        (b'{"data": [{"index": 0, "embedding": [0.1, 0.', "is not JSON"),
    ],
)
def test_what_is_no_answer_raises(body: JSONValue | bytes, said: str) -> None:
    """It is never made up for, and the error says what is wrong."""
    with pytest.raises(MalformedResponseError, match=said):
        embedded(ChatCompletions("acme"), wanted("a", "b"), body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_what_is_no_finite_number_raises(number: str) -> None:
    """JSON has no such numbers, but Python's own servers write them."""
    body = b'{"data": [{"index": 0, "embedding": [0.5, %s]}]}' % number.encode()
    with pytest.raises(MalformedResponseError, match="no finite number"):
        embedded(ChatCompletions("acme"), wanted("a"), body)


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("AACAPw", "base64", "is not base64"),
        ("AACA!!==", "base64", "is not base64"),
        ("AACA", "base64", "is not base64"),
        ("", "base64", "is empty"),
        (b64encode(pack("<f", float("nan"))).decode(), "base64", "no finite number"),
        ("AACAPw==", "base64_binary", "base64_binary was"),
    ],
)
def test_what_is_no_base64_raises(text: str, encoding: str, said: str) -> None:
    """Cut off, of a wrong length, or of a kind that is not known here."""
    with pytest.raises(MalformedResponseError, match=said):
        read_vector(text, "acme", encoding)


def test_another_length_than_the_one_asked_for_raises() -> None:
    """A server that does not know the field leaves it out in silence."""
    with pytest.raises(MalformedResponseError, match="3 dimensions where 2 were asked for"):
        embedded(ChatCompletions("acme"), wanted("a", dimensions=2), listed(item(0, 1, 2, 3)))


@pytest.mark.parametrize(
    ("second", "said"),
    [(listed(item(0, 1, 2)), "different lengths: 1 and 2"), (listed(item(0, 1), model="m-2"), "two models: m-1, m-2")],
)
def test_batches_that_do_not_fit_together_raise(second: JSONObject, said: str) -> None:
    """A router may have gone to another model in between, whose vectors are not to be compared."""
    with pytest.raises(MalformedResponseError, match=said):
        embedded(Small("acme"), wanted("a", "b", "c"), listed(item(0, 1), item(1, 1)), second)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "It broke.", "type": "server_error"}}, ServerError),
        ({"object": "error", "message": "It broke.", "code": 400}, BadRequestError),
        ({"detail": "It broke."}, ServerError),
    ],
)
def test_an_error_inside_a_success_raises(body: JSONObject, kind: type[CoreLLMError]) -> None:
    """As everywhere."""
    with pytest.raises(kind, match="It broke"):
        embedded(ChatCompletions("acme"), wanted("a"), body)


def test_a_knob_without_a_field_raises() -> None:
    """OpenAI does not tell queries and documents apart."""
    with pytest.raises(UnsupportedError, match="input_type of m") as raised:
        next(ChatCompletions("acme").embed(wanted("a", input_type="query")))
    assert raised.value.feature == "input_type"


@given(st.lists(st.text(max_size=20), min_size=1), st.integers(1, 5), st.integers(1, 30))
def test_batches_lose_nothing_and_keep_the_bounds(texts: list[str], size: int, size_bytes: int) -> None:
    """Only a single text may be longer than the bound, and then it is alone."""
    found = list(batches(texts, size, size_bytes))
    assert [text for batch in found for text in batch] == texts
    for batch in found:
        length = sum(len(text.encode("utf-8", "surrogatepass")) for text in batch)
        assert len(batch) == 1 or (len(batch) <= size and length <= size_bytes)


def test_a_batch_is_filled_before_the_next() -> None:
    """By number, by bytes of UTF-8, or not at all."""
    assert list(batches(["a", "b", "c"], 2, None)) == [("a", "b"), ("c",)]
    assert list(batches(["éé", "a", "b"], None, 5)) == [("éé", "a"), ("b",)]
    assert list(batches(["a", "b", "c"], None, None)) == [("a", "b", "c")]
