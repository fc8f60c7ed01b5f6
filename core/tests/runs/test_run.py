"""The turns of a model and its tools, as one stream: sync, asyncio and trio."""

from __future__ import annotations

import threading

import anyio
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    Client,
    Finish,
    InvalidRequestError,
    Limits,
    Message,
    ModelRetry,
    Request,
    Response,
    RunLimitError,
    RunLimits,
    ServerError,
    Signal,
    SignalController,
    TimeoutExceededError,
    ToolCallPart,
    ToolContext,
    ToolManager,
    ToolResult,
    ToolResultPart,
    ToolStart,
    Usage,
    tool,
)
from core_llm.testing import Answer, Delay, FakeProvider

from .script import calls, kinds, run, weather

OSLO_AND_ROME = calls(("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"}))


def test_a_run_streams_all_turns_as_one() -> None:
    """Each turn begins and ends, and has a Finish of its own; the tools run between them."""
    events = run(OSLO_AND_ROME, "Sunny in both.", tools=[weather])

    assert kinds(events) == [
        *("turn_start", "finish", "tool_start", "tool_start", "tool_result", "tool_result", "turn_end"),
        *("turn_start", "finish", "turn_end"),
    ]
    results = [event.result.content for event in events if isinstance(event, ToolResult)]
    assert sorted(map(str, results)) == ["sunny in Oslo", "sunny in Rome"]


def test_the_model_is_given_calls_and_results_in_order() -> None:
    """The second request has the question, the model's calls, and their results in the order of the calls."""
    model = FakeProvider(OSLO_AND_ROME, "Sunny in both.")

    with Client(providers=[model]) as client, client.run("fake:model", "Weather?", tools=[weather]) as stream:
        answer = stream.finish()

    question, asked, results = model.requests[1].messages
    assert question == Message.user("Weather?")
    assert asked.tool_calls == tuple(OSLO_AND_ROME)
    assert [(part.tool_call_id, part.content) for part in results.parts if isinstance(part, ToolResultPart)] == [
        ("call-0", "sunny in Oslo"),
        ("call-1", "sunny in Rome"),
    ]
    assert answer.text == stream.text == "Sunny in both."
    assert stream.messages[-1] == answer.message


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_run_has_the_same_events(backend: str) -> None:
    """The async run gives what the sync one gives, with sync and async tools."""

    @tool
    async def clock(city: str) -> str:
        await anyio.lowlevel.checkpoint()
        return f"noon in {city}"

    script: list[Answer] = [calls(("clock", {"city": "Oslo"})), calls(("weather", {"city": "Oslo"})), "Noon, sunny."]

    async def go() -> list[str]:
        async with (
            AsyncClient(providers=[FakeProvider(*script)]) as client,
            client.run("fake:model", "Go.", tools=[clock, weather]) as stream,
        ):
            return kinds([event async for event in stream])

    assert anyio.run(go, backend=backend) == kinds(run(*script, tools=[clock, weather]))


def test_handlers_are_given_what_the_model_never_sees() -> None:
    """A handler may ask for dependencies, the call, the turn, and a way to say more to the model."""

    @tool
    def order(item: str, context: ToolContext[dict[str, int]]) -> str:
        context.inject("Be quick.")
        return f"{item}: {context.deps['price']} in turn {context.turn}, {context.metadata['id']}"

    model = FakeProvider(calls(("order", {"item": "hat"})), "Ordered.")
    with (
        Client(providers=[model]) as client,
        client.run("fake:model", "Go.", tools=[order], deps={"price": 7}, metadata={"id": "r1"}) as stream,
    ):
        stream.finish()

    results = model.requests[1].messages[2].parts[0]
    assert isinstance(results, ToolResultPart)
    assert results.content == "hat: 7 in turn 1, r1"
    assert model.requests[1].messages[3] == Message.user("Be quick.")
    assert list(model.requests[0].tools[0].parameters["properties"]) == ["item"]  # type: ignore[arg-type]


def test_a_message_can_be_put_in_while_it_runs() -> None:
    """Steering: what is injected during the last turn makes another one."""
    model = FakeProvider("Blue.", "Red.")
    with Client(providers=[model]) as client, client.run("fake:model", "A colour?") as stream:
        for event in stream:
            if isinstance(event, Finish) and stream.turns == 1:
                stream.inject("Another one.")

    assert stream.text == "Red."
    assert [message.text for message in stream.messages] == ["A colour?", "Blue.", "Another one.", "Red."]
    with pytest.raises(InvalidRequestError, match="the run is over"):
        stream.inject("Late.")


def test_a_tool_may_end_the_run() -> None:
    """After a tool that ends the run the model is not asked again."""

    @tool(ends_run=True)
    def answer(text: str) -> str:
        return text

    events = run(calls(("answer", {"text": "42"})), tools=[answer])

    assert kinds(events) == ["turn_start", "finish", "tool_start", "tool_result", "turn_end"]


def test_a_call_that_failed_ends_no_run() -> None:
    """A tool that asks for something better gets it, and ends the run then."""

    @tool(ends_run=True)
    def answer(text: str) -> str:
        if text != "42":
            raise ModelRetry("No, the right one.")
        return text

    wrong, right = calls(("answer", {"text": "41"})), calls(("answer", {"text": "42"}))
    events = run(wrong, right, "Never.", tools=[answer])

    assert [event.result.content for event in events if isinstance(event, ToolResult)] == ["No, the right one.", "42"]
    assert kinds(events).count("turn_start") == 2


def test_a_forced_tool_is_forced_once() -> None:
    """A forced call in every turn would never end; a function chooses for each turn."""
    model = FakeProvider(calls(("weather", {"city": "Oslo"})), "Sunny.", calls(("weather", {"city": "Rome"})), "Sunny.")
    with Client(providers=[model]) as client:
        with client.run("fake:model", "Go.", tools=[weather], tool_choice="weather") as stream:
            stream.finish()
        with client.run(
            "fake:model", "Go.", tools=[weather], tool_choice=lambda turn: "none" if turn > 1 else "auto"
        ) as stream:
            stream.finish()

    choices = [request.tool_choice for request in model.requests]
    assert [getattr(choice, "name", choice) for choice in choices] == ["weather", None, "auto", "none"]


def test_tools_may_change_while_it_runs() -> None:
    """A manager's tools are told anew in each turn."""
    manager = ToolManager([weather])

    @tool
    def learn() -> str:
        manager.unregister("weather")
        return "forgotten"

    manager.register(learn)
    model = FakeProvider(calls(("learn", {})), "Done.")
    with Client(providers=[model]) as client, client.run("fake:model", "Go.", tools=manager) as stream:
        stream.finish()

    assert [[spec.name for spec in request.tools] for request in model.requests] == [["weather", "learn"], ["learn"]]


def cut_off(reason: str) -> Response:
    """Return an answer with one whole call and one that was cut off."""
    whole, cut = OSLO_AND_ROME[0], ToolCallPart(id="call-1", name="weather", raw_arguments='{"ci', is_complete=False)
    return Response(parts=(whole, cut), finish_reason=reason, is_complete=True)  # type: ignore[arg-type]


def test_a_turn_that_was_cut_off_runs_nothing() -> None:
    """Where the token limit ended the answer, no handler runs, and the conversation stays valid."""
    ran: list[str] = []

    @tool
    def weather(city: str) -> None:
        ran.append(city)

    with (
        Client(providers=[FakeProvider(cut_off("length"))]) as client,
        client.run("fake:model", "Go.", tools=[weather]) as stream,
    ):
        stream.finish()

    assert ran == []
    result = stream.messages[-1].parts[0]
    assert isinstance(result, ToolResultPart)
    assert (result.tool_call_id, result.content) == ("call-0", "Not executed: the answer ended with 'length'.")


def test_arguments_that_are_no_json_are_told_to_the_model() -> None:
    """A call that cannot be used is answered with what was wrong; the others run."""
    model = FakeProvider(cut_off("tool_calls"), "Sorry.")
    with Client(providers=[model]) as client, client.run("fake:model", "Go.", tools=[weather]) as stream:
        stream.finish()

    results = [part.content for part in model.requests[1].messages[2].parts if isinstance(part, ToolResultPart)]
    assert results == ["sunny in Oslo", 'Not executed: the arguments are not a JSON object. They were: {"ci']


@pytest.mark.parametrize(
    ("limits", "turns"),
    [
        ({"max_turns": 2}, 2),
        ({"max_calls": 2, "max_repeats": None}, 3),
        ({"max_repeats": 1}, 2),
        ({"max_tokens": 30, "max_repeats": None}, 3),
        ({"max_cost": 0.5, "price": lambda _: 0.2, "max_repeats": None}, 3),
    ],
    ids=["turns", "calls", "repeats", "tokens", "cost"],
)
def test_each_limit_names_itself_and_keeps_what_happened(limits: dict[str, object], turns: int) -> None:
    """The error says which limit, and the run can go on from its state with a higher one."""
    usage = Usage(input_tokens=6, output_tokens=4)
    again = calls(("weather", {"city": "Oslo"}))
    answer = Response(parts=tuple(again), finish_reason="tool_calls", usage=usage, is_complete=True)
    model = FakeProvider(lambda _: answer)
    with (
        Client(providers=[model]) as client,
        pytest.raises(RunLimitError) as caught,
        client.run("fake:model", "Go.", tools=[weather], run_limits=RunLimits(**limits)) as stream,
    ):
        stream.finish()

    assert caught.value.limit == next(iter(limits))
    assert caught.value.state.turn == turns
    assert stream.messages[-1].role == "tool"


def test_a_run_has_its_time() -> None:
    """A handler that does not return cannot hold a run beyond its seconds; the limit names itself."""
    release = threading.Event()

    @tool
    def block() -> None:
        release.wait(60)

    with pytest.raises(RunLimitError, match=r"its limit of 0\.1 s") as caught:
        run(calls(("block", {})), "Never.", tools=[block], run_limits=RunLimits(seconds=0.1))
    release.set()

    assert caught.value.limit == "seconds"


@pytest.mark.parametrize("limits", [{"max_turns": 0}, {"seconds": -1}, {"max_cost": 1.0}, {"max_turn": 3}])
def test_absurd_limits_are_refused(limits: dict[str, object]) -> None:
    """A limit that cannot be held is refused where it is made."""
    from core_llm import InvalidSettingError  # noqa: PLC0415

    with pytest.raises(InvalidSettingError, match="RunLimits"):
        RunLimits(**limits)


def test_stopping_a_run_stops_its_handlers() -> None:
    """An abort from another thread ends a run that waits for a tool, at once, with the reason."""
    controller = SignalController()
    cancelled = threading.Event()

    @tool
    async def wait() -> None:
        controller.abort("enough")
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    with pytest.raises(AbortedError) as caught:
        run(calls(("wait", {})), "Never.", tools=[wait], signal=controller.signal)

    assert caught.value.reason == "enough"
    assert cancelled.wait(20)


def test_a_signal_says_how_it_stopped_a_run() -> None:
    """A time of the caller's that passes while a tool runs is told as one."""

    @tool
    async def wait() -> None:
        await anyio.sleep_forever()

    with pytest.raises(AbortedError, match=r"timeout of 0\.1 s has passed") as caught:
        run(calls(("wait", {})), "Never.", tools=[wait], signal=Signal.timeout(0.1))

    assert caught.value.kind == "timeout"


def test_leaving_a_run_early_keeps_the_conversation_valid() -> None:
    """Breaking off while a tool runs cancels it; its call is closed in the messages that are left."""

    @tool
    async def weather(city: str) -> str:
        if city == "Rome":
            await anyio.sleep_forever()
        return f"sunny in {city}"

    with (
        Client(providers=[FakeProvider(OSLO_AND_ROME, "Never.")]) as client,
        client.run("fake:model", "Go.", tools=ToolManager([weather], max_parallel=1)) as stream,
    ):
        for event in stream:
            if isinstance(event, ToolStart) and event.call.arguments == {"city": "Rome"}:
                break

    results = [part.content for part in stream.messages[-1].parts if isinstance(part, ToolResultPart)]
    assert results == ["sunny in Oslo", "Interrupted: whether it was carried out is not known."]


def test_what_the_model_fails_with_is_raised_with_what_had_come() -> None:
    """An error in the second turn keeps the first one's results."""
    failing = ServerError("the model broke", status_code=500, headers={}, body="")
    with (
        Client(providers=[FakeProvider(OSLO_AND_ROME, failing)], max_retries=0) as client,
        pytest.raises(ServerError),
        client.run("fake:model", "Go.", tools=[weather]) as stream,
    ):
        stream.finish()

    assert [message.role for message in stream.messages] == ["user", "assistant", "tool"]
    assert stream.turns == 2


def test_a_turn_is_planned_once() -> None:
    """What rewrites requests, and a choice that depends on the turn, is asked once for each."""
    seen: list[int] = []
    chosen: list[int] = []

    def note(request: Request) -> Request:
        seen.append(len(request.messages))
        return request

    run(OSLO_AND_ROME, "Sunny.", tools=[weather], processors=[note], tool_choice=chosen.append)

    assert seen == [1, 3]
    assert chosen == [1, 2]


def test_a_signal_that_never_fires_lifts_the_total_limit() -> None:
    """It does so for each turn, as it does for a call."""
    slow: Answer = ["A", Delay(0.3), "b"]
    with Client(providers=[FakeProvider(slow, slow)], limits=Limits(total=0.1)) as client:
        with client.run("fake:model", "Go.", tools=[], signal=Signal.never()) as stream:
            assert stream.finish().text == "Ab"
        with client.run("fake:model", "Go.", tools=[]) as stream, pytest.raises(TimeoutExceededError):
            stream.finish()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_run_that_was_left_has_no_end(is_async: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Who reads on after the block is told, and never takes the answer for whole."""

    async def leave() -> None:
        async with AsyncClient(providers=[FakeProvider("One two")]) as client:
            async with client.run("fake:model", "Go.", tools=[]) as stream:
                await anext(stream)
            await stream.finish()

    with pytest.raises(AbortedError, match="the run was closed before its end"):
        if is_async:
            anyio.run(leave)
        else:
            with Client(providers=[FakeProvider("One two")]) as client:
                with client.run("fake:model", "Go.", tools=[]) as stream:
                    next(stream)
                stream.finish()


def test_closing_a_run_from_another_thread() -> None:
    """Who reads it gets an error with the reason, at once."""
    slow: Answer = ["A", Delay(20), "b"]
    with Client(providers=[FakeProvider(slow)]) as client, client.run("fake:model", "Go.", tools=[]) as stream:
        closer = threading.Timer(0.05, stream.close)
        closer.start()
        with pytest.raises(AbortedError, match="the run was closed"):
            stream.finish()
