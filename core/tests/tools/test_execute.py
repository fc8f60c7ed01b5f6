"""The calls of a turn are run: in parallel or in order, each within its time, whatever their handlers do."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import anyio
import anyio.lowlevel
import pytest

from core_llm import Signal
from core_llm._messages import FilePart, TextPart, ToolCallPart, ToolResultPart
from core_llm._tool_errors import ModelRetry, ToolExecutionError
from core_llm._tools.context import ToolContext, logger_of
from core_llm._tools.definition import Tool, tool
from core_llm._tools.execute import Batch
from core_llm._tools.manager import ToolManager

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test on both."""
    return str(request.param)


def calls_of(name: str, *arguments: object) -> list[ToolCallPart]:
    """Return calls of one tool, numbered."""
    return [
        ToolCallPart(id=f"call-{number}", name=name, arguments=given)  # type: ignore[arg-type]  # JSON all the same
        for number, given in enumerate(arguments)
    ]


def context_of(call: ToolCallPart, attempt: int) -> ToolContext[object]:
    """Return a context."""
    return ToolContext(deps=None, call=call, attempt=attempt, signal=Signal.never(), logger=logger_of(call))


async def ignored(*what: object) -> None:
    """Take no note."""


async def run(
    manager: ToolManager, calls: Sequence[ToolCallPart], *, retries: dict[str, int] | None = None, **given: object
) -> tuple[ToolResultPart, ...]:
    """Run calls within a generous time."""
    batch = Batch(manager, calls, context_of, {} if retries is None else retries, ignored, ignored, **given)  # type: ignore[arg-type]
    with anyio.fail_after(20):
        return await batch.run()


async def test_results_keep_the_order_of_the_calls() -> None:
    """However the handlers finish, each result stands where its call stood."""
    last_is_done = anyio.Event()

    @tool
    async def wait(*, is_last: bool) -> str:
        if is_last:
            last_is_done.set()
        await last_is_done.wait()
        return "last" if is_last else "first"

    results = await run(ToolManager([wait]), calls_of("wait", {"is_last": False}, {"is_last": True}))

    assert [(result.tool_call_id, result.content) for result in results] == [("call-0", "first"), ("call-1", "last")]


async def test_one_at_a_time_keeps_the_order_of_running() -> None:
    """With max_parallel=1 no handler begins before the one before has ended."""
    seen: list[str] = []

    @tool
    async def note(name: str) -> None:
        seen.append(f"begin {name}")
        await anyio.lowlevel.checkpoint()
        seen.append(f"end {name}")

    await run(ToolManager([note], max_parallel=1), calls_of("note", {"name": "a"}, {"name": "b"}))

    assert seen == ["begin a", "end a", "begin b", "end b"]


async def test_a_thousand_calls_run_fifty_at_a_time() -> None:
    """No more than max_parallel handlers run at once, and that many do."""
    running, most = 0, 0
    gate = anyio.Event()

    @tool
    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 50:
            gate.set()
        await gate.wait()
        running -= 1
        return number

    results = await run(ToolManager([work], max_parallel=50), calls_of("work", *({"number": n} for n in range(1000))))

    assert most == 50
    assert [result.content for result in results] == [str(number) for number in range(1000)]


async def test_sync_handlers_run_side_by_side_in_threads() -> None:
    """Two handlers that wait for each other both return."""
    meeting = threading.Barrier(2, timeout=20)

    @tool
    def meet(name: str) -> str:
        meeting.wait()
        return f"{name} in {threading.current_thread() is not threading.main_thread()}"

    results = await run(ToolManager([meet]), calls_of("meet", {"name": "a"}, {"name": "b"}))

    assert [result.content for result in results] == ["a in True", "b in True"]


@pytest.mark.parametrize(
    ("returned", "content"),
    [
        ("text", "text"),
        (None, "null"),
        ({"a": [1, 2.5]}, '{"a":[1,2.5]}'),
        (TextPart(text="t"), (TextPart(text="t"),)),
        (
            [TextPart(text="t"), FilePart(media_type="image/png", data=b"x")],
            (TextPart(text="t"), FilePart(media_type="image/png", data=b"x")),
        ),
        (ToolResultPart(tool_call_id="", content="no", is_error=True), "no"),
    ],
)
async def test_results_are_text_json_or_parts(returned: object, content: object) -> None:
    """What a handler returns reaches the model as it is, or as JSON."""
    results = await run(ToolManager([Tool(lambda: returned, name="get")]), calls_of("get", {}))

    assert (results[0].content, results[0].tool_call_id, results[0].name) == (content, "call-0", "get")


def _raise(error: Exception) -> Callable[[], object]:
    def handler() -> object:
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (_raise(ValueError("no such city")), "the tool 'get' failed: ValueError: no such city"),
        (_raise(KeyError("sk-proj-" + "a1B2" * 10)), "the tool 'get' failed: KeyError: '[redacted]'"),
        (lambda: object(), "the tool 'get' returned a object that has no JSON form"),  # noqa: PLW0108  # a handler
        (lambda: "x" * 1_000_001, "the tool 'get' returned 1000001 characters"),
    ],
    ids=["raises", "raises-a-secret", "returns-no-JSON", "returns-too-much"],
)
async def test_what_goes_wrong_is_told_to_the_model(handler: Callable[[], object], said: str) -> None:
    """A failing handler gives a result that says so, redacted; the run goes on."""
    results = await run(ToolManager([Tool(handler, name="get")]), calls_of("get", {}))

    assert results[0].is_error
    assert str(results[0].content).startswith(said)


async def test_a_handler_that_wants_to_exit_has_failed() -> None:
    """What ends a program ends no run: neither this one nor the calls beside it."""

    @tool
    def leave(*, is_async: bool) -> object:
        if not is_async:
            sys.exit("goodbye")

        async def later() -> None:
            sys.exit("goodbye")

        return later()

    results = await run(ToolManager([leave]), calls_of("leave", {"is_async": False}, {"is_async": True}))

    assert [result.content for result in results] == ["the tool 'leave' failed: SystemExit: goodbye"] * 2


async def test_failures_can_be_raised_instead() -> None:
    """With on_error='raise' the first failure ends the batch, and the handlers beside it are cancelled."""
    cancelled: list[str] = []

    @tool
    async def work(*, fails: bool) -> None:
        if fails:
            raise ValueError("broken")
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append("the other")

    with pytest.raises(ToolExecutionError, match="the tool 'work' failed: ValueError: broken") as caught:
        await run(ToolManager([work], on_error="raise"), calls_of("work", {"fails": False}, {"fails": True}))

    assert (caught.value.tool, caught.value.call_id) == ("work", "call-1")
    assert cancelled == ["the other"]


async def test_a_handler_that_never_returns_is_left_behind() -> None:
    """A sync handler that blocks for ever costs its time and no more."""
    release = threading.Event()

    @tool(timeout=0.05)
    def block() -> None:
        release.wait(60)

    results = await run(ToolManager([block]), calls_of("block", {}))
    release.set()

    assert results[0].content == "the tool 'block' did not answer within 0.05 s"


async def test_who_is_left_behind_is_told() -> None:
    """The signal of a sync handler fires when its time is over, so that its thread may end."""
    told = threading.Event()

    @tool(timeout=0.05)
    def work(context: ToolContext[None]) -> None:
        if context.signal.wait(60):
            told.set()

    results = await run(ToolManager([work]), calls_of("work", {}))

    assert results[0].content == "the tool 'work' did not answer within 0.05 s"
    assert told.wait(20)


async def test_a_generator_is_read_within_its_time() -> None:
    """A handler that yields gives a list; one that never ends costs its time and no more."""
    release = threading.Event()

    @tool
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    @tool(timeout=0.05)
    def block() -> Iterator[int]:
        yield int(release.wait(60))

    results = await run(ToolManager([count, block]), [*calls_of("count", {"to": 3}), *calls_of("block", {})])
    release.set()

    assert [result.content for result in results] == ["[0,1,2]", "the tool 'block' did not answer within 0.05 s"]


async def test_a_tool_may_ask_to_be_called_again() -> None:
    """ModelRetry goes to the model as often as the tool allows, then as a failure; a success begins anew."""
    retries: dict[str, int] = {}
    manager = ToolManager([Tool(_raise(ModelRetry("use a city")), name="get", max_retries=1)])

    first = await run(manager, calls_of("get", {}), retries=retries)
    second = await run(manager, calls_of("get", {}), retries=retries)

    assert first[0].content == "use a city"
    assert second[0].content == "the tool 'get' was called 2 times with what it cannot use. use a city"


async def test_calls_of_one_turn_are_asked_again_alike() -> None:
    """The model made them all before it was told anything, so the second is no second try of the first."""
    manager = ToolManager([Tool(_raise(ModelRetry("use a city")), name="get", max_retries=1)], on_error="raise")
    retries: dict[str, int] = {}

    results = await run(manager, calls_of("get", {}, {}), retries=retries)

    assert [result.content for result in results] == ["use a city", "use a city"]
    assert retries == {"get": 1}


async def test_calls_that_cannot_be_run_are_answered() -> None:
    """An unknown tool, wrong arguments and a denial are results for the model; no handler runs."""
    ran: list[int] = []

    @tool
    def only(number: int) -> None:
        ran.append(number)

    manager = ToolManager([only])
    denied = calls_of("only", {"number": 1})

    unknown = await run(manager, calls_of("other", {}))
    wrong = await run(manager, calls_of("only", {"number": "one"}))
    refused = await run(manager, denied, denied={"call-0": "The user said no."})

    assert unknown[0].content == "There is no tool 'other'. The tools are: only."
    assert "number: Input should be a valid integer" in str(wrong[0].content)
    assert refused[0].content == "The user said no."
    assert ran == []


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_handler_may_have_something_cancelled_of_its_own() -> None:
    """A task that a handler waits for and that was cancelled makes that call fail; the others run."""

    @tool
    async def work(number: int) -> int:
        if number == 0:
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task
        return number

    results = await run(ToolManager([work], max_parallel=1), calls_of("work", {"number": 0}, {"number": 1}))

    assert [str(result.content) for result in results] == [
        "the tool 'work' failed: asyncio.exceptions.CancelledError",
        "1",
    ]


async def test_cancelling_reaches_the_handlers() -> None:
    """When the run is stopped, handlers that await are cancelled and those in threads are left behind."""
    seen: list[str] = []
    release = threading.Event()

    @tool
    async def sleeper() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("cancelled")

    @tool
    def blocker() -> None:
        release.wait(60)

    with anyio.move_on_after(0.1) as scope:
        await run(ToolManager([sleeper, blocker]), [*calls_of("sleeper", {}), *calls_of("blocker", {})])
    release.set()

    assert scope.cancelled_caught
    assert seen == ["cancelled"]
