"""A conversation with tools begun with one provider goes on with another: every pair of wires.

What is sealed stays with whom it is of; calls and results arrive, each with its own, in the order of the calls, under
ids that the provider takes. The rules are in docs/how-to/change-providers.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

import pytest

from core_llm import Client, Message, Settings, ToolResultPart, tool
from core_llm.wire import JSONObject, JSONValue, as_object, as_objects, as_text
from core_llm_conformance.answering import answer_to
from core_llm_conformance.server import FaultServer

TEXT = "The sky is blue because air scatters blue light."
MODELS: Mapping[str, tuple[str, Settings]] = {
    "openai:gpt-5-mini": ("/v1", Settings(reasoning_effort="low")),
    "openrouter:deepseek/deepseek-chat": ("/v1", Settings(reasoning_effort="low")),
    "anthropic:claude-sonnet-4-5": ("/v1", Settings(reasoning_budget=1024)),
    "gemini:gemini-3-flash": ("", Settings(reasoning_effort="low")),
    "ollama:llama3.2": ("", Settings()),
}
"""Model → what stands before the wire's own paths, and the settings of the run."""
SEALED = {
    "openai": ("msg_0", "fc_0", "fc_1"),
    "openrouter": ("reasoning_details",),
    "anthropic": ("signed",),
    "gemini": ("c2lnbmVk",),
    "ollama": (),
}
"""Provider → what its scripted server gives that nobody else understands."""
Told = tuple[str, str, str]
"""A call or a result: which of the two, its id if it has one, and what was asked or answered."""


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}"


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Give a server that answers everything well."""
    with FaultServer(*repeat(answer_to, 500)) as server:
        yield server


def client_for(server: FaultServer, model: str) -> Client:
    """Return a client whose provider of `model` is the scripted server."""
    name = model.partition(":")[0]
    section: JSONObject = {"base_url": server.url + MODELS[model][0], "api_key": "made-up-0123456789"}
    return Client(config={"providers": {name: section}}, max_retries=0)


def begun(server: FaultServer, model: str) -> list[Message]:
    """Return a conversation that `model` has begun: two calls, their results, and the answer."""
    with (
        client_for(server, model) as client,
        client.run(model, "Weather?", tools=[weather], settings=MODELS[model][1]) as run,
    ):
        run.finish()
        return list(run.messages)


def chat_tells(body: JSONObject) -> Iterator[Told]:
    """Yield the calls and results of Chat Completions."""
    for message in as_objects(body["messages"]):
        for call in as_objects(message.get("tool_calls")):
            yield "call", as_text(call["id"]), as_text(as_object(call["function"])["arguments"])
        if message["role"] == "tool":
            yield "result", as_text(message["tool_call_id"]), as_text(message["content"])


def responses_tells(body: JSONObject) -> Iterator[Told]:
    """Yield the calls and results of Responses."""
    for item in as_objects(body["input"]):
        if item.get("type") == "function_call":
            yield "call", as_text(item["call_id"]), as_text(item["arguments"])
        elif item.get("type") == "function_call_output":
            yield "result", as_text(item["call_id"]), as_text(item["output"])


def messages_tells(body: JSONObject) -> Iterator[Told]:
    """Yield the calls and results of Messages."""
    for message in as_objects(body["messages"]):
        for block in as_objects(message["content"]):
            if block["type"] == "tool_use":
                yield "call", as_text(block["id"]), json.dumps(block["input"])
            elif block["type"] == "tool_result":
                yield "result", as_text(block["tool_use_id"]), as_text(block["content"])


def gemini_tells(body: JSONObject) -> Iterator[Told]:
    """Yield the calls and results of generateContent, which knows them by their place."""
    for content in as_objects(body["contents"]):
        for part in as_objects(content["parts"]):
            if "functionCall" in part:
                yield "call", "", json.dumps(as_object(part["functionCall"])["args"])
            elif "functionResponse" in part:
                response = as_object(as_object(part["functionResponse"])["response"])
                yield "result", "", as_text(response["output"])


def ollama_tells(body: JSONObject) -> Iterator[Told]:
    """Yield the calls and results of Ollama, which knows them by their place."""
    for message in as_objects(body["messages"]):
        for call in as_objects(message.get("tool_calls")):
            yield "call", "", json.dumps(as_object(call["function"])["arguments"])
        if message["role"] == "tool":
            yield "result", "", as_text(message["content"])


READERS: Mapping[str, Callable[[JSONObject], Iterator[Told]]] = {
    "openai": responses_tells,
    "openrouter": chat_tells,
    "anthropic": messages_tells,
    "gemini": gemini_tells,
    "ollama": ollama_tells,
}


@pytest.mark.parametrize("second", MODELS)
@pytest.mark.parametrize("first", MODELS)
def test_a_conversation_goes_on_with_another_provider(server: FaultServer, first: str, second: str) -> None:
    """Its calls and results are told, what only the first understands is not, and the second calls tools as ever."""
    conversation = [*begun(server, first), Message.user("And tomorrow?")]
    with client_for(server, second) as client:
        assert client.generate(second, conversation, settings=MODELS[second][1]).text == TEXT
        body = server.requests[-1].json
        with client.run(second, conversation, tools=[weather], settings=MODELS[second][1]) as run:
            assert run.finish().text == TEXT
    assert isinstance(body, dict)
    names = first.partition(":")[0], second.partition(":")[0]
    oslo, rome, oslo_result, rome_result = READERS[names[1]](body)
    assert (oslo[0], json.loads(oslo[2])) == ("call", {"city": "Oslo"})
    assert (rome[0], json.loads(rome[2])) == ("call", {"city": "Rome"})
    assert oslo_result == ("result", oslo[1], "Sunny in Oslo")
    assert rome_result == ("result", rome[1], "Sunny in Rome")
    assert (oslo[1] != rome[1]) == (names[1] not in ("gemini", "ollama"))
    found = [sealed for sealed in SEALED[names[0]] if f'"{sealed}"' in json.dumps(body)]
    assert found == (list(SEALED[names[0]]) if first == second else [])
    assert json.dumps(body).count(TEXT) == 1


@pytest.mark.parametrize("first", MODELS)
def test_a_server_that_takes_nine_letters_gets_nine(server: FaultServer, first: str) -> None:
    """Whoever made the ids: a call and its result have the same one, and each call its own."""
    section: JSONObject = {
        "type": "openai-compatible",
        "base_url": f"{server.url}/v1",
        "options": {"tool_call_ids": "alphanumeric-9"},
    }
    conversation = [*begun(server, first), Message.user("And tomorrow?")]
    with Client(config={"providers": {"mistral": section}}) as client:
        client.generate("mistral:small", conversation)
    body: JSONValue = server.requests[-1].json
    assert isinstance(body, dict)
    oslo, rome, oslo_result, rome_result = (call_id for _, call_id, _ in chat_tells(body))
    assert (oslo, rome) == (oslo_result, rome_result)
    assert oslo != rome
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", call_id) for call_id in (oslo, rome))


@pytest.mark.parametrize("model", MODELS)
def test_results_that_came_in_any_order_go_in_the_order_of_their_calls(server: FaultServer, model: str) -> None:
    """Whoever wrote them down: the second call's result first, beside a text, and the first call's after it."""
    question, calls, results, *_ = begun(server, model)
    first, second = (part for part in results.parts if isinstance(part, ToolResultPart))
    beside = Message(role="user", parts=(second, *Message.user("Hurry up.").parts))
    with client_for(server, model) as client:
        client.generate(model, [question, calls, beside, Message.tool(first)], settings=MODELS[model][1])
    body = server.requests[-1].json
    assert isinstance(body, dict)
    told = [(what, text) for what, _, text in READERS[model.partition(":")[0]](body)]
    assert told[2:] == [("result", "Sunny in Oslo"), ("result", "Sunny in Rome")]
    shown = json.dumps(body)
    assert 0 < shown.index("Sunny in Oslo") < shown.index("Sunny in Rome") < shown.index("Hurry up.")
