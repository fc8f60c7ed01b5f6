"""Any compatible server: named endpoints, no key, and the few fields in which servers differ."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, ConfigError, Message, ProviderConfig, ReasoningPart, Request, Settings
from core_llm.wire import JSONObject, JSONValue
from plugin_openai_compatible import OpenAICompatible

STREAM = (
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n'
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


def body_for(options: dict[str, JSONValue], *messages: Message) -> JSONObject:
    """Return the body that an endpoint with these options is sent."""
    provider = OpenAICompatible(ProviderConfig(base_url="http://127.0.0.1:1234/v1", options=options), name="lab")
    request = Request(model="m", messages=messages or (Message.user("Hi"),), settings=Settings(max_tokens=9))
    body = provider.wire("m").encode_request(request).body
    assert isinstance(body, dict)
    return body


def test_a_named_endpoint_streams_without_a_key() -> None:
    """A server named in the configuration is used like any provider, and no key is sent."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=STREAM, headers={"content-type": "text/event-stream"})

    lab = {"type": "openai-compatible", "base_url": "http://127.0.0.1:1234/v1"}
    client = Client(
        config={"providers": {"lab": lab}},
        providers=[OpenAICompatible],
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    with client.stream("lab:qwen", "Hi") as stream:
        assert list(stream.iter_text()) == ["Hel", "lo"]
    assert stream.response.provider == "lab"
    assert str(seen[0].url) == "http://127.0.0.1:1234/v1/chat/completions"
    assert "authorization" not in seen[0].headers
    assert json.loads(seen[0].content)["stream_options"] == {"include_usage": True}


def test_what_the_wire_has_no_field_for_can_be_dropped() -> None:
    """Such knobs are declared, so that a call may ask to leave them out where they cannot be sent."""
    declared = OpenAICompatible().capabilities_for("any")
    assert {name for name, support in declared.settings.items() if support == "unsupported"} == {
        "reasoning_budget",
        "cache_key",
        "cache_ttl",
    }


def test_the_bound_on_output_has_its_first_name() -> None:
    """Most compatible servers know `max_tokens`; an option says otherwise."""
    assert body_for({})["max_tokens"] == 9
    assert body_for({"max_tokens_field": "max_completion_tokens"})["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("options", "is_sent"), [({}, True), ({"stream_usage": True}, True), ({"stream_usage": False}, False)]
)
def test_a_server_may_reject_stream_options(options: dict[str, JSONValue], *, is_sent: bool) -> None:
    """An option leaves the field out."""
    assert ("stream_options" in body_for(options)) is is_sent


def test_reasoning_goes_back_where_the_server_wants_it() -> None:
    """An option names the field; without it none is sent."""
    messages = (Message.user("Hi"), Message.assistant(ReasoningPart(text="Hm."), "Yes."), Message.user("Sure?"))
    plain: JSONValue = {"role": "assistant", "content": "Yes."}
    told: JSONValue = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    for options, expected in [({}, plain), ({"reasoning_field": "reasoning_content"}, told)]:
        sent = body_for(dict(options), *messages)["messages"]
        assert isinstance(sent, list)
        assert sent[1] == expected


def test_an_endpoint_needs_an_address() -> None:
    """Without an address the error names the setting."""
    with pytest.raises(ConfigError, match=r"providers\.lab\.base_url"):
        OpenAICompatible(name="lab").url("/models")


@pytest.mark.parametrize("form", ["nine", 9, "alphanumeric-2"])
def test_a_form_of_ids_that_cannot_be_is_refused(form: JSONValue) -> None:
    """It is said where it stands in the configuration, before anything is sent."""
    with pytest.raises(ConfigError, match=r"providers\.lab\.options\.tool_call_ids: "):
        body_for({"tool_call_ids": form})
