"""Recovery on every wire: an answer of each provider's shape breaks after its first words, and is had whole anyway.

No plugin has code for this; what differs is what each declares.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core_llm import Client, Recovery, Response, Retries, StreamInterruptedError, UsageUpdate
from core_llm._json import JSONObject
from core_llm_conformance.answering import answer_to, break_off
from core_llm_conformance.script import Answer, Send, sse_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

TEXT = "The sky is blue because air scatters blue light."
MODELS = {
    "openai:gpt-5-mini": "/v1",
    "openai:gpt-4.1": "/v1",
    "openai-compatible:small": "/v1",
    "grok:grok-3": "/v1",
    "openrouter:anthropic/claude-sonnet-4.5": "/v1",
    "azure:my-deployment": "",
    "anthropic:claude-sonnet-4-5": "/v1",
    "anthropic:claude-sonnet-4-6": "/v1",
    "gemini:gemini-2.5-flash": "",
    "vertex:gemini-2.5-flash": "",
    "ollama:llama3.2": "",
}
"""Model → what stands between the server and a wire's own paths."""
CONTINUED = [
    "openai-compatible:small",
    "openrouter:anthropic/claude-sonnet-4.5",
    "anthropic:claude-sonnet-4-5",
    "ollama:llama3.2",
]
"""Those that are declared to go on from the beginning of an answer; the named server, by its configuration."""
OPTIONS: dict[str, JSONObject] = {"vertex": {"project": "my-project"}, "openai-compatible": {"continuation": True}}


def client_for(url: str, model: str, options: JSONObject | None = None) -> Client:
    """Return a client whose provider of `model` is the scripted server."""
    name = model.partition(":")[0]
    section = {"base_url": url + MODELS[model], "api_key": "made-up-0123456789"}
    given = OPTIONS.get(name, {}) if options is None else options
    layer = {"providers": {name: {**section, "options": given} if given else section}}
    return Client(config=layer, retries=Retries(base_delay=0))


def broken(model: str, why: str = "cut") -> Callable[[RecordedRequest], Answer]:
    """Return what answers with the first words alone."""

    def answer(request: RecordedRequest) -> Answer:
        data = break_off(request, why=why)
        return Answer(200, {}, [Send(data)]) if model.startswith("ollama") else sse_answer(data)

    return answer


def recovered(model: str, recovery: Recovery, why: str = "cut") -> tuple[Response, list[str], list[RecordedRequest]]:
    """Return the response, the types of the events, and what the server saw."""
    with FaultServer(broken(model, why), answer_to) as server:
        with client_for(server.url, model).stream(model, "Why?", recovery=recovery) as stream:
            types: list[str] = [event.type for event in stream if not isinstance(event, UsageUpdate)]
        return stream.response, types, server.requests


@pytest.mark.parametrize("why", ["cut", "failed"])
@pytest.mark.parametrize("model", MODELS)
def test_every_provider_can_start_anew(model: str, why: str) -> None:
    """After a cut, and after an error in the middle of the stream."""
    response, types, _ = recovered(model, "restart", why)
    assert types.count("restarted") == 1
    assert (response.text, response.is_complete) == (TEXT, True)
    assert [attempt.voided_text for attempt in response.attempts] == ["The sky is blue", ""]


@pytest.mark.parametrize("why", ["cut", "failed"])
@pytest.mark.parametrize("model", CONTINUED)
def test_who_takes_a_beginning_continues_without_a_seam(model: str, why: str) -> None:
    """One text, said once; the beginning went back as the last message of the assistant's."""
    response, types, requests = recovered(model, "continue", why)
    assert types.count("resumed") == 1
    assert (response.text, len(response.parts), response.is_complete) == (TEXT, 1, True)
    body = requests[1].json
    assert isinstance(body, dict)
    messages = body["messages"]
    assert isinstance(messages, list)
    last = messages[-1]
    assert isinstance(last, dict)
    assert (last["role"], "The sky is blue" in str(last["content"])) == ("assistant", True)


@pytest.mark.parametrize("model", sorted(set(MODELS) - set(CONTINUED)))
def test_who_does_not_is_told_so(model: str) -> None:
    """The interruption is raised, with the reason why it was not continued."""
    with FaultServer(broken(model)) as server, pytest.raises(StreamInterruptedError) as caught:
        client_for(server.url, model).generate(model, "Why?", via_stream=True, recovery="continue")
    assert f"{model} is not declared to go on" in caught.value.__notes__[0]


def test_a_server_that_is_not_said_to_continue_is_not_asked_to() -> None:
    """Any server may be behind a named endpoint, so its configuration has the word."""
    model = "openai-compatible:small"
    with FaultServer(broken(model)) as server, pytest.raises(StreamInterruptedError) as caught:
        client_for(server.url, model, {}).generate(model, "Why?", via_stream=True, recovery="continue")
    assert "is not declared" in caught.value.__notes__[0]


def test_blanks_at_the_cut_are_not_sent_to_who_refuses_them() -> None:
    """Anthropic takes no beginning that ends in one; the text has it once all the same."""
    model = "anthropic:claude-sonnet-4-5"
    with FaultServer(lambda request: sse_answer(_with_a_blank(break_off(request))), answer_to) as server:
        response = client_for(server.url, model).generate(model, "Why?", via_stream=True, recovery="continue")
    assert response.text == TEXT


def _with_a_blank(data: bytes) -> bytes:
    return data.replace(b'" blue"', b'" blue "')


def test_an_answer_in_the_background_is_resumed() -> None:
    """Over Responses, from the event after the last that came; nothing is said twice."""
    background: dict[str, JSONObject] = {"openai": {"background": True}}
    model = "openai:gpt-5-mini"
    with FaultServer(broken(model), answer_to) as server:
        client = client_for(server.url, model)
        with client.stream(model, "Why?", recovery="resume", provider_options=background) as stream:
            types = [event.type for event in stream]
        resumed = server.requests[1]
    assert (resumed.method, resumed.path, resumed.query) == (
        "GET",
        "/v1/responses/resp_1",
        {"stream": ["true"], "starting_after": ["5"]},
    )
    assert types.count("resumed") == 1
    assert (stream.response.text, stream.response.is_complete) == (TEXT, True)
