"""The fake provider for applications' tests: what its script says is what a client gets, by the usual machinery."""

from __future__ import annotations

import asyncio

import pytest

from core_llm import (
    AsyncClient,
    Capabilities,
    Client,
    Config,
    InvalidRequestError,
    Limits,
    OverloadedError,
    ReasoningPart,
    Request,
    Response,
    Retrying,
    StreamInterruptedError,
    TextDelta,
    TextPart,
    TimeoutExceededError,
    ToolCallPart,
    UnsupportedError,
    Usage,
    UsageUpdate,
    check_events,
)
from core_llm._stream.plan import Clock
from core_llm.testing import Cut, Delay, FakeProvider

OVERLOADED = OverloadedError("no capacity", status_code=503)
CALL = ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"})


def client(fake: FakeProvider) -> Client:
    """Return a client of one fake, which waits for no retry and reads nothing of this machine."""
    return Client(providers=[fake], config=Config.load(environ={"HOME": "/nowhere"}), clock=Clock(random=lambda: 0.0))


def test_a_text_is_streamed_word_by_word() -> None:
    """A scripted text arrives in several deltas, in a stream that keeps the grammar."""
    with client(FakeProvider("The sky is blue.")).stream("fake:any", "Why?") as stream:
        events = list(check_events(stream))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["The", " sky", " is", " blue."]
    assert stream.response.text == "The sky is blue."
    assert stream.response.finish_reason == "stop"


def test_it_stands_in_for_a_provider_by_its_name() -> None:
    """Code that names a real provider gets the fake of that name, and the fake has the request."""
    fake = FakeProvider("blue", name="openai")
    assert client(fake).generate("openai:gpt-5-mini", "Why?", temperature=0.5).text == "blue"
    [request] = fake.requests
    assert request.model == "gpt-5-mini"
    assert request.messages[0].text == "Why?"
    assert request.settings.temperature == 0.5


def test_one_answer_is_given_to_every_call() -> None:
    """A script of one answer never runs out."""
    asking = client(FakeProvider("yes"))
    assert [asking.generate("fake:any", "?").text for _ in range(3)] == ["yes", "yes", "yes"]


def test_several_answers_are_given_in_order_and_run_out() -> None:
    """Of several answers each call gets the next, and the call after the last says how many there were."""
    asking = client(FakeProvider("one", "two"))
    assert [asking.generate("fake:any", "?").text for _ in range(2)] == ["one", "two"]
    with pytest.raises(InvalidRequestError, match="no answer for call 3; its script has 2"):
        asking.generate("fake:any", "?")


def test_an_error_is_retried_like_any_other() -> None:
    """A scripted error that may be retried is, visibly, and the retry takes the next answer."""
    with client(FakeProvider(OVERLOADED, "better")).stream("fake:any", "?") as stream:
        retries = [event for event in stream if isinstance(event, Retrying)]
    assert [str(event.error) for event in retries] == ["no capacity"]
    assert stream.response.text == "better"


def test_an_error_after_some_text_has_it_as_partial() -> None:
    """An error in the middle of an answer is raised with what had arrived, and is not retried."""
    fake = FakeProvider(["Half an ", OVERLOADED])
    with pytest.raises(OverloadedError) as caught:
        client(fake).generate("fake:any", "?")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Half an "
    assert len(fake.requests) == 1


def test_a_cut_is_an_interrupted_stream() -> None:
    """An answer that is cut was never finished."""
    with pytest.raises(StreamInterruptedError) as caught:
        client(FakeProvider(["Half", Cut()])).generate("fake:any", "?")
    assert caught.value.partial is not None
    assert not caught.value.partial.is_complete


def test_parts_are_told_as_their_kind() -> None:
    """Reasoning, text and a call make the parts of the answer, and a call is its finish reason."""
    response = client(FakeProvider([ReasoningPart(text="Hm."), TextPart(text="Let me see."), CALL])).generate(
        "fake:any", "?"
    )
    assert [part.kind for part in response.parts] == ["reasoning", "text", "tool_call"]
    assert response.tool_calls == (CALL,)
    assert response.finish_reason == "tool_calls"


def test_an_event_goes_out_as_it_is() -> None:
    """An event in the script is handed on, and a count of tokens becomes the response's."""
    usage = Usage(input_tokens=3, output_tokens=1)
    with client(FakeProvider(["Hi", UsageUpdate(usage)])).stream("fake:any", "?") as stream:
        assert UsageUpdate(usage) in list(check_events(stream))
    assert stream.response.usage == usage


def test_a_whole_response_is_given_back() -> None:
    """A Response in the script says everything of the answer: parts, reason, usage, id."""
    scripted = Response(
        id="r1",
        parts=(TextPart(text="Once upon"),),
        finish_reason="length",
        raw_finish_reason="max_tokens",
        usage=Usage(output_tokens=2),
        metadata={"seed": 7},
    )
    response = client(FakeProvider(scripted)).generate("fake:any", "?")
    assert response == scripted.model_copy(update={"provider": "fake", "model": "any", "is_complete": True})


def test_a_response_without_an_end_is_cut() -> None:
    """A Response that is no whole one plays as a stream that broke there."""
    with pytest.raises(StreamInterruptedError):
        client(FakeProvider(Response(parts=(TextPart(text="Once"),)))).generate("fake:any", "?")


def test_a_function_answers_by_the_request() -> None:
    """A function sees the request and says what the answer is."""

    def echo(request: Request) -> str:
        return request.messages[-1].text.upper()

    assert client(FakeProvider(echo)).generate("fake:any", "hi").text == "HI"


def test_a_delay_runs_into_a_limit() -> None:
    """An answer that pauses too long exceeds the limit between two events, and ends its thread at once."""
    asking = client(FakeProvider(["Well", Delay(3600.0), "now"]))
    with pytest.raises(TimeoutExceededError) as caught:
        asking.generate("fake:any", "?", limits=Limits(between_events=0.05))
    assert caught.value.limit == "between_events"


def test_declared_capabilities_are_heeded() -> None:
    """What the fake is declared not to do is refused before it is asked."""
    fake = FakeProvider("blue", capabilities=Capabilities(settings={"seed": "unsupported"}))
    with pytest.raises(UnsupportedError):
        client(fake).generate("fake:any", "?", seed=1)
    assert fake.requests == []


def test_it_lists_models_and_works_async() -> None:
    """The async client lists and streams it as the sync one does."""

    async def ask() -> tuple[list[str], str]:
        fake = FakeProvider("The sky", models=("small", "large"))
        async with AsyncClient(providers=[fake]) as asking:
            listed = [model.id for model in await asking.models("fake")]
            return listed, (await asking.generate("fake:small", "?")).text

    assert asyncio.run(ask()) == (["small", "large"], "The sky")


def test_texts_are_embedded_without_a_script() -> None:
    """The same text has the same vector in every run, and what was asked for is kept."""
    fake = FakeProvider(name="openai")
    with Client(providers=[fake]) as client:
        embeddings = client.embed("openai:text-embedding-3-small", ["cat", "dog", "cat"], input_type="document")
        short = client.embed("openai:text-embedding-3-small", "cat", dimensions=3)
    assert embeddings.vectors[0] == embeddings.vectors[2] != embeddings.vectors[1]
    assert (embeddings.dimensions, embeddings.provider, embeddings.usage) == (8, "openai", None)
    assert short.vectors == (embeddings.vectors[0][:3],)
    assert [request.inputs for request in fake.embed_requests] == [("cat", "dog", "cat"), ("cat",)]


def test_a_long_vector_goes_on() -> None:
    """It does not repeat itself."""
    with Client(providers=[FakeProvider()]) as client:
        [vector] = client.embed("fake:model", "cat", dimensions=100).vectors
    assert len(vector) == 100
    assert vector[:32] != vector[32:64]
    assert max(map(abs, vector)) <= 1
