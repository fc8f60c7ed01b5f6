"""Prompt caching: where the marks go, and whose come first."""

from __future__ import annotations

import pytest

from core_llm import Message, ProviderPart, Request, Settings, TextPart, ToolResultPart, ToolSpec, UnsupportedError
from core_llm.wire import JSONObject, JSONValue
from plugin_anthropic._wire import Messages

OWN: dict[str, JSONValue] = {"anthropic": {"cache_control": {"type": "ephemeral"}}}
NOW = ToolSpec(name="now")
NOW_SENT: JSONObject = {"name": "now", "input_schema": {"type": "object", "properties": {}}}


def body_of(*messages: Message, settings: Settings, tools: tuple[ToolSpec, ...] = ()) -> JSONObject:
    """Return the body that a request becomes."""
    request = Request(model="claude-haiku-4-5", messages=messages, settings=settings, tools=tools)
    body = Messages("anthropic").encode_request(request).body
    assert isinstance(body, dict)
    return body


def test_a_cache_is_marked_twice() -> None:
    """Once after what every conversation begins with, once after this one."""
    settings = Settings(cache_ttl="1h")
    mark: JSONValue = {"type": "ephemeral", "ttl": "1h"}
    body = body_of(Message.system("Be brief."), Message.user("a", "b"), tools=(NOW,), settings=settings)
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    last: JSONValue = {"type": "text", "text": "b", "cache_control": mark}
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}, last]}]
    assert body["tools"] == [NOW_SENT]
    without_system = body_of(Message.user("Hi"), tools=(NOW,), settings=settings)
    assert without_system["tools"] == [{**NOW_SENT, "cache_control": mark}]


def test_the_caller_s_own_marks_come_first() -> None:
    """The API takes four; a mark that stands is neither moved nor joined by a fifth."""
    marked = [TextPart(text=str(number), provider_state=OWN) for number in range(4)]
    body = body_of(Message.system("S"), Message.user(*marked, "last"), settings=Settings(cache_ttl="5m"))
    assert body["system"] == [{"type": "text", "text": "S"}]
    inside = ToolResultPart(tool_call_id="a", content=(TextPart(text="x", provider_state=OWN),), provider_state=OWN)
    body = body_of(Message.system("S"), Message.user(*marked[:2], inside), settings=Settings(cache_ttl="5m"))
    assert body["system"] == [{"type": "text", "text": "S"}]


def test_a_cache_for_a_day_is_refused() -> None:
    """The API keeps it an hour at most."""
    with pytest.raises(UnsupportedError, match="5m or 1h, not 24h"):
        body_of(Message.user("Hi"), settings=Settings(cache_ttl="24h"))


def test_what_was_stored_is_not_changed() -> None:
    """A mark goes into the request, not into the message that it was made of."""
    data: JSONObject = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    message = Message.assistant(ProviderPart(provider="anthropic", type="web_search_tool_result", data=data))
    body_of(Message.user("Hi"), message, settings=Settings(cache_ttl="5m"))
    assert "cache_control" not in data
