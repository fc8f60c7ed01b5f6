"""What a server may ask of us: nothing, unless it is allowed to ask a model of ours, or the user."""

from __future__ import annotations

import anyio
import pytest

from core_llm import AsyncClient, Client, Message
from core_llm.testing import FakeProvider
from plugin_mcp import Elicitation, MCPServer, Sampling, SamplingRequest

from .helping import asked, called, local, texts

protocols = pytest.mark.parametrize("protocol", ["auto", "legacy"])


@protocols
def test_a_server_may_ask_nothing_by_default(protocol: str) -> None:
    """Neither sampling nor elicitation is on; the server is told so, and the call fails."""
    with local(protocol=protocol) as server:
        results = called(server.tools, ("ask_user", {}), ("ask_model", {"text": "Who?"}))
    assert [result.is_error for result in results] == [True, True]


@protocols
def test_a_model_of_ours_answers_if_it_may(protocol: str) -> None:
    """The caller chooses the model and bounds the answer; what the server would like counts for little."""
    provider = FakeProvider("Ada.")
    with (
        Client(providers=[provider]) as client,
        local(protocol=protocol, sampling=Sampling(client, "fake:small", max_tokens=77)) as server,
    ):
        [result] = called(server.tools, ("ask_model", {"text": "Who?"}))
    assert result.content == "small says 'Ada.' to 'Who?'"
    [request] = provider.requests
    assert request.messages == (Message.system("Be brief."), Message.user("Who?"))
    assert request.settings.max_tokens == 77


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_client_answers_under_async_code(backend: str) -> None:
    """Where the server is opened by async code, its model is asked by the same loop."""

    async def use() -> list[str]:
        provider = FakeProvider(asked(("ask_model", {"text": "Who?"})), "Ada.", "Done.")
        async with (
            AsyncClient(providers=[provider]) as client,
            local(sampling=Sampling(client, "fake:small")) as server,
            client.run("fake:model", "Go.", tools=server.tools) as run,
        ):
            await run.finish()
        return [str(part.content) for message in run.messages for part in message.parts if part.kind == "tool_result"]

    assert anyio.run(use, backend=backend) == ["small says 'Ada.' to 'Who?'"]


def test_somebody_may_look_at_each_request() -> None:
    """Only True lets a request through; the number of answers is bounded too."""
    seen: list[SamplingRequest] = []

    def approve(request: SamplingRequest) -> bool:
        seen.append(request)
        return request.messages != (("user", "No"),)

    with Client(providers=[FakeProvider("Ada.")]) as client:
        sampling = Sampling(client, "fake:small", approve=approve, max_tokens=50, max_requests=1)
        with local(sampling=sampling, protocol="legacy") as server:
            no, yes, more = (called(server.tools, ("ask_model", {"text": text}))[0] for text in ("No", "Yes", "More"))
    assert (no.is_error, yes.is_error, more.is_error) == (True, False, True)
    assert seen[0] == SamplingRequest("ours", "Be brief.", (("user", "No"),), 50)


@protocols
def test_who_is_asked_and_fails_has_declined(protocol: str) -> None:
    """The server learns that, and nothing of the failure."""

    def approve(request: SamplingRequest) -> bool:
        raise ValueError(f"no such row in /home/ada/{request.server}")

    provider = FakeProvider("Ada.")
    with (
        Client(providers=[provider]) as client,
        local(protocol=protocol, sampling=Sampling(client, "fake:small", approve=approve)) as server,
    ):
        [result] = called(server.tools, ("ask_model", {"text": "Who?"}))
    assert result.is_error
    assert "/home/ada" not in str(result.content)
    assert provider.requests == []


@protocols
@pytest.mark.parametrize(
    ("answer", "told"),
    [({"age": 36}, "accept age=36"), (None, "decline None"), (ZeroDivisionError(), "cancel None")],
    ids=["answers", "declines", "fails"],
)
def test_the_user_is_asked_through_a_callback(protocol: str, answer: object, told: str) -> None:
    """It is given the question and the form of an answer; what it returns, or that it fails, goes to the server."""
    questions: list[Elicitation] = []

    def elicit(question: Elicitation) -> object:
        questions.append(question)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with local(protocol=protocol, elicit=elicit) as server:
        assert texts(called(server.tools, ("ask_user", {}))) == [told]
    assert (questions[0].server, questions[0].message) == ("ours", "How old are you?")
    assert questions[0].schema is not None
    assert questions[0].schema["required"] == ["age"]


def test_the_callback_may_be_async() -> None:
    """Sync code may hand in an async callback; it is awaited in the portal."""

    async def elicit(question: Elicitation) -> dict[str, int]:
        await anyio.lowlevel.checkpoint()
        return {"age": len(question.message)}

    server: MCPServer = local(elicit=elicit)
    with server:
        assert texts(called(server.tools, ("ask_user", {}))) == ["accept age=16"]
