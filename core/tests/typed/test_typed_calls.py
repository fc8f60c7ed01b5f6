"""Answers as values of a type: how they are asked for, corrected, and refused."""

from __future__ import annotations

import queue
import subprocess
import sys

import pytest

from core_llm import (
    AbortedError,
    Capabilities,
    Client,
    CoreLLMError,
    InvalidOutputError,
    InvalidRequestError,
    InvalidSettingError,
    LocalChannel,
    Message,
    NamedToolChoice,
    OutputCutError,
    OutputError,
    OutputRefusedError,
    OutputSchema,
    RefusalPart,
    Request,
    Response,
    ServerError,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    TypedResponse,
    UnsupportedError,
    Usage,
)
from core_llm._request import OutputMode
from core_llm.testing import FakeProvider

from .places import BAD, GOOD, MISTAKE, NO_SCHEMA, ONLY_WORDS, OSLO, Caller, City, given


def test_an_answer_is_a_value_of_the_type(caller: Caller) -> None:
    """Whoever calls, and however."""
    assert caller.generate(FakeProvider(GOOD), City) == OSLO
    assert caller.generate(FakeProvider('{"value": [1, 2]}'), list[int]) == [1, 2]


def test_a_model_is_held_to_the_schema_where_it_can_be() -> None:
    """What is not known is taken to work: the request has the schema in the wire's own field."""
    model = FakeProvider(GOOD)
    with Client(providers=[model]) as client:
        response = client.generate("fake:model", "Hi", output=City)

    assert isinstance(response, TypedResponse)
    assert (response.output, response.text) == (OSLO, GOOD)
    output = model.requests[0].output
    assert isinstance(output, OutputSchema)
    assert (output.name, output.is_strict) == ("City", None)
    assert output.json_schema["required"] == ["name", "population"]


def test_a_model_without_schemas_calls_a_tool() -> None:
    """Its arguments are the value; it must be called, as nothing else is there to do."""
    model = FakeProvider([given(GOOD)], capabilities=NO_SCHEMA)
    with Client(providers=[model]) as client:
        assert client.generate("fake:model", "Hi", output=City).output == OSLO

    request = model.requests[0]
    assert request.output is None
    assert [tool.name for tool in request.tools] == ["give_output"]
    assert request.tool_choice == NamedToolChoice(name="give_output")


@pytest.mark.parametrize(
    ("capabilities", "options", "choice"),
    [
        (Capabilities(tool_choice="unsupported"), {}, None),
        (Capabilities(), {"reasoning_effort": "low"}, None),
        (Capabilities(), {"tools": [ToolSpec(name="weather")]}, "required"),
        (Capabilities(), {"tool_choice": "auto"}, NamedToolChoice(name="give_output")),
        (Capabilities(), {"tool_choice": "none"}, "none"),
    ],
)
def test_the_tool_is_forced_where_that_works(
    capabilities: Capabilities, options: dict[str, object], choice: object
) -> None:
    """Not where the model cannot be forced, or reasons; with other tools, it must call one of them."""
    model = FakeProvider([given(GOOD)], capabilities=capabilities)
    with Client(providers=[model]) as client:
        client.generate("fake:model", "Hi", output=City, output_mode="tool", **options)  # type: ignore[call-overload]
    assert model.requests[0].tool_choice == choice


def test_a_model_without_either_is_told_in_words() -> None:
    """The schema follows what the system says, and words around the answer are skipped."""
    model = FakeProvider(f"Here you are:\n```json\n{GOOD}\n```", capabilities=ONLY_WORDS)
    with Client(providers=[model]) as client:
        assert client.generate("fake:model", "Hi", system="Be brief.", output=City).output == OSLO

    first, told, said = model.requests[0].messages
    assert (first.text, said.text) == ("Be brief.", "Hi")
    assert told.role == "system"
    assert '"required":["name","population"]' in told.text
    assert model.requests[0].output is None


def test_words_go_where_a_model_hears_them() -> None:
    """To the user's message where there is no system; and JSON is asked for where the wire can."""
    capabilities = Capabilities(system_prompt="unsupported", json_output="supported")
    model = FakeProvider(GOOD, capabilities=capabilities)
    with Client(providers=[model]) as client:
        client.generate("fake:model", "Hi", output=City, output_mode="prompted")

    (message,) = model.requests[0].messages
    assert message.role == "user"
    assert message.text.startswith("HiAnswer with one JSON object")
    assert model.requests[0].output == "json"


def test_a_mode_that_is_forced_is_checked() -> None:
    """What a model is declared not to do is an error before anything is sent."""
    with (
        Client(providers=[FakeProvider(GOOD, capabilities=NO_SCHEMA)]) as client,
        pytest.raises(UnsupportedError, match="structured output"),
    ):
        client.generate("fake:model", "Hi", output=City, output_mode="native")


def test_an_answer_that_does_not_fit_is_corrected_once(caller: Caller) -> None:
    """The model is told what is wrong, after its own words."""
    model = FakeProvider(BAD, GOOD)
    assert caller.generate(model, City) == OSLO

    question, answer, told = model.requests[1].messages
    assert (question.text, answer.text) == ("Hi", BAD)
    assert told == Message.user(
        f"The answer does not fit what was asked for. Correct this and answer again:\n- {MISTAKE}"
    )


def test_every_attempt_is_counted() -> None:
    """The usage is that of all answers, and each is on record with what was wrong with it."""
    usage = Usage(input_tokens=10, output_tokens=5)
    answers = [Response(parts=(TextPart(text=text),), usage=usage, finish_reason="stop") for text in (BAD, GOOD)]
    with Client(providers=[FakeProvider(*answers)]) as client:
        response = client.generate("fake:model", "Hi", output=City)

    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (20, 10)
    assert [(record.mode, record.error, record.voided_text) for record in response.attempts] == [
        ("retry", "InvalidOutputError", BAD),
        ("correct", None, ""),
    ]


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (1, 2), (3, 4)])
def test_corrections_come_to_an_end(retries: int, asked: int) -> None:
    """The error has the last answer, its text, and each mistake."""
    model = FakeProvider(BAD)
    with Client(providers=[model]) as client, pytest.raises(InvalidOutputError) as caught:
        client.generate("fake:model", "Hi", output=City, output_retries=retries)

    assert len(model.requests) == caught.value.tries == asked
    assert caught.value.mistakes == (MISTAKE,)
    assert (caught.value.text, caught.value.response.text) == (BAD, BAD)


def test_a_call_that_does_not_fit_is_answered_as_a_call() -> None:
    """The mistakes are the result of the call; other calls of the same answer are closed."""
    other = ToolCallPart(id="c2", name="weather", arguments={})
    model = FakeProvider([given(BAD), other], [given(GOOD)])
    with Client(providers=[model]) as client:
        client.generate("fake:model", "Hi", output=City, output_mode="tool", tools=[ToolSpec(name="weather")])

    results = [part for part in model.requests[1].messages[-1].parts if isinstance(part, ToolResultPart)]
    assert [(result.tool_call_id, result.is_error) for result in results] == [("c1", True), ("c2", True)]
    assert MISTAKE in str(results[0].content)


def test_a_call_whose_arguments_are_no_json_is_corrected() -> None:
    """It cannot go back into the conversation, so the model is told by the user."""
    broken = ToolCallPart(id="c1", name="give_output", raw_arguments='{"name": "Os', is_complete=False)
    model = FakeProvider(Response(parts=(broken,), finish_reason="stop"), [given(GOOD)])
    with Client(providers=[model]) as client:
        assert client.generate("fake:model", "Hi", output=City, output_mode="tool").output == OSLO
    assert [message.role for message in model.requests[1].messages] == ["user", "user"]


@pytest.mark.parametrize(
    ("response", "error", "says"),
    [
        (Response(parts=(RefusalPart(text="I will not."),), finish_reason="content_filter"), OutputRefusedError,
         "I will not"),
        (Response(parts=(TextPart(text=""),), finish_reason="content_filter"), OutputRefusedError, "a filter stopped"),
        (Response(parts=(TextPart(text='{"name": "Os'),), finish_reason="length"), OutputCutError, "raise max_tokens"),
        (Response(parts=(ToolCallPart(id="c", name="weather", arguments={}),), finish_reason="tool_calls"),
         OutputError, "called weather"),
    ],
    ids=["refused", "filtered", "cut", "tools"],
)  # fmt: skip
def test_what_a_correction_would_not_help_is_not_corrected(
    response: Response, error: type[OutputError], says: str
) -> None:
    """A refusal, half an answer, and calls of tools are errors at once, with the whole response."""
    model = FakeProvider(response)
    with Client(providers=[model]) as client, pytest.raises(error, match=says) as caught:
        client.generate("fake:model", "Hi", output=City, output_retries=5)
    assert len(model.requests) == 1
    assert caught.value.response.parts == response.parts


def test_a_whole_value_at_the_limit_of_tokens_is_taken() -> None:
    """A model that fills up with blanks to the limit has said all there is."""
    whole = Response(parts=(TextPart(text=GOOD + "\n  "),), finish_reason="length")
    with Client(providers=[FakeProvider(whole)]) as client:
        assert client.generate("fake:model", "Hi", output=City).output == OSLO


@pytest.mark.parametrize("mode", ["native", "prompted"])
def test_a_number_at_the_limit_of_tokens_may_be_half_of_one(mode: OutputMode) -> None:
    """Without anything around it, nobody can tell 70 from the beginning of 709000."""
    cut = Response(parts=(TextPart(text="70"),), finish_reason="length")
    whole = Response(parts=(TextPart(text='{"value": 70}\n2'),), finish_reason="length")
    with Client(providers=[FakeProvider(cut, whole)]) as client:
        with pytest.raises(OutputCutError):
            client.generate("fake:model", "Hi", output=int, output_mode=mode)
        assert client.generate("fake:model", "Hi", output=int, output_mode=mode).output == 70


def test_the_mode_is_that_of_the_model_that_takes_over() -> None:
    """A fallback that knows no schemas is asked with a tool."""
    first = FakeProvider(ServerError("gone", status_code=500), name="first")
    second = FakeProvider([given(GOOD)], name="second", capabilities=NO_SCHEMA)
    with Client(providers=[first, second], max_retries=0) as client:
        response = client.generate("first:m", "Hi", output=City, fallback=["second:m"])
    assert (response.output, response.provider) == (OSLO, "second")
    assert first.requests[0].output is not None
    assert second.requests[0].output is None


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"output": City, "output_mode": "magic"}, InvalidSettingError, "one of native, tool, prompted"),
        ({"output": City, "output_retries": -1}, InvalidSettingError, "a number from 0 on"),
        ({"output": "City"}, InvalidRequestError, "must be a type"),
        ({"output_mode": "tool"}, InvalidSettingError, "goes with output="),
        ({"output": City, "output_mode": "tool", "tools": [ToolSpec(name="give_output")]}, InvalidRequestError,
         "is there already"),
        ({"output": City, "colour": 1}, InvalidSettingError, "unknown setting 'colour'"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said_before(
    options: dict[str, object], error: type[CoreLLMError], says: str
) -> None:
    """On making the stream, and nothing is sent."""
    model = FakeProvider(GOOD)
    with Client(providers=[model]) as client, pytest.raises(error, match=says):
        client.stream("fake:model", "Hi", **options)  # type: ignore[call-overload]
    assert model.requests == []


def test_a_typed_response_is_stored_as_a_response() -> None:
    """Its value is in its text, so nothing is stored twice."""
    with Client(providers=[FakeProvider(GOOD)]) as client:
        response = client.generate("fake:model", "Hi", output=City)
    stored = Response.from_json(response.to_json())
    assert (stored.text, stored.parts) == (response.text, response.parts)


def test_an_aborted_stream_asks_for_no_correction() -> None:
    """Whoever stops a call between its answers gets what a stopped call gives."""
    model = FakeProvider(BAD, GOOD)
    with Client(providers=[model]) as client, client.stream("fake:model", "Hi", output=City) as stream:
        with pytest.raises(AbortedError, match="enough"):
            for event in stream:
                if event.type == "restarted":
                    stream.abort("enough")
        with pytest.raises(AbortedError):
            _ = stream.output
    assert len(model.requests) == 1


def test_stopping_reaches_a_correction_that_is_waited_for() -> None:
    """An abort ends the wait for the next answer's beginning."""
    seen: queue.SimpleQueue[bool] = queue.SimpleQueue()

    class Slow(FakeProvider):
        def run_local(self, request: Request, channel: LocalChannel) -> None:
            if self.requests:
                stream.abort("enough")
                seen.put(channel.is_cancelled)
            super().run_local(request, channel)

    with (
        Client(providers=[Slow(BAD, GOOD)]) as client,
        client.stream("fake:model", "Hi", output=City) as stream,
        pytest.raises(AbortedError, match="enough"),
    ):
        stream.finish()

    assert seen.get(timeout=20)


def test_who_wants_no_type_pays_nothing() -> None:
    """A plain call imports none of it."""
    program = """
import sys
from core_llm import Client
from core_llm._request import OutputMode
from core_llm.testing import FakeProvider
Client(providers=[FakeProvider("Hi")]).generate("fake:model", "Hi")
rooms = ("core_llm._output.", "core_llm._typed", "core_llm.wire.schemas")
print([name for name in sys.modules if name.startswith(rooms)])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # ours
    assert ran.stdout.strip() == "[]"
