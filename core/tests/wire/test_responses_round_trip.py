"""Responses: an answer that was stored as JSON goes back to its provider as it came, and to another as what it says."""

from __future__ import annotations

import pytest

from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Message
from core_llm._request import Request
from core_llm._response import Response
from core_llm.wire import Responses, response_from

from .responses import REQUEST, added, done, ended, fed, new_decoder

OUTPUT: list[JSONObject] = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Look it up."}],
        "encrypted_content": "gAAAAAB+/=é\u2028",
    },
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "phase": "commentary",
        "content": [
            {
                "type": "output_text",
                "text": "Sunny.",
                "annotations": [{"type": "url_citation", "url": "https://x.test", "start_index": 0, "end_index": 6}],
            },
        ],
    },
    {"type": "image_generation_call", "id": "ig_1", "status": "completed", "output_format": "png", "result": "YWJj"},
    {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": [{"name": "n", "input_schema": {}}]},
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select 1"},
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{ "city": "Oslo" }',
        "status": "completed",
        "namespace": "n",
    },
]


def streamed() -> Response:
    """Return the answer as a stream tells it, item by item."""
    decoder = new_decoder()
    frames = [frame for index, item in enumerate(OUTPUT) for frame in (added(index, item), done(index, item))]
    return response_from(decoder, fed(decoder, *frames, ended(*OUTPUT)))


def plain() -> Response:
    """Return the answer as a plain body tells it."""
    body: JSONObject = {"id": "resp_1", "model": "m-1", "status": "completed", "output": list[JSONValue](OUTPUT)}
    return Responses("acme").decode_response(body, REQUEST)


def sent_back(response: Response, provider: str) -> JSONValue:
    """Return the items that an answer becomes in the next request to a provider, after it was stored."""
    stored = Message.model_validate_json(response.message.model_dump_json())
    body = Responses(provider).encode_request(Request(model="m", messages=(stored,))).body
    assert isinstance(body, dict)
    return body["input"]


def test_a_stream_and_a_plain_body_make_the_same_parts() -> None:
    """However the answer came, it is the same."""
    assert streamed() == plain()


@pytest.mark.parametrize("response", [streamed(), plain()], ids=["streamed", "plain"])
def test_every_item_goes_back_as_it_came(response: Response) -> None:
    """Ids, phases, encrypted texts and what the provider's tools did: the same JSON, after a way through storage."""
    assert sent_back(response, "acme") == OUTPUT


def test_another_provider_sees_only_what_was_said() -> None:
    """Nothing opaque leaves for whom it is not."""
    arguments = '{ "city": "Oslo" }'
    assert sent_back(plain(), "other") == [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": arguments},
    ]
