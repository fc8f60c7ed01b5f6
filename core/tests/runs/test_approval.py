"""What needs approval does not run without it: asked, paused, resumed elsewhere; at most once."""

from __future__ import annotations

import sqlite3
import threading

import anyio
import pytest

from core_llm import (
    AbortedError,
    Approval,
    AsyncClient,
    Client,
    Finish,
    InvalidRequestError,
    InvalidSettingError,
    Message,
    RunOptions,
    RunState,
    Signal,
    SignalController,
    Tool,
    ToolCallPart,
    ToolResultPart,
    tool,
)
from core_llm._runs.approval import Approver
from core_llm.testing import FakeProvider

from .script import Till, calls, kinds, weather

PAY_AND_LOOK = calls(("pay", {"amount": 3}), ("weather", {"city": "Oslo"}))


def contents(state_or_messages: object) -> list[str]:
    """Return what the results of the last tool message say."""
    messages = getattr(state_or_messages, "messages", state_or_messages)
    last = next(message for message in reversed(messages) if message.role == "tool")  # type: ignore[call-overload]
    return [str(part.content) for part in last.parts if isinstance(part, ToolResultPart)]


@pytest.mark.parametrize(
    ("approve", "said", "paid"),
    [
        (None, "The call was not approved.", []),
        (lambda _: True, "paid 3", [3]),
        (lambda _: False, "The call was not approved.", []),
        (lambda _: Approval.deny("too much"), "too much", []),
        (lambda _: Approval.approve(arguments={"amount": 1}), "paid 1", [1]),
        (lambda _: 1 / 0, "Asking for approval failed.", []),
        (lambda _: "yes", "The call was not approved.", []),
    ],
    ids=["nobody", "yes", "no", "no-with-a-reason", "edited", "fails", "no-decision"],
)
def test_what_is_said_decides(approve: Approver | None, said: str, paid: list[int]) -> None:
    """Only a clear yes lets a call run; everything else is told to the model."""
    till = Till()
    with Client(providers=[FakeProvider(PAY_AND_LOOK, "Done.")]) as client:
        options: RunOptions = {"tools": [till.pay, weather]}
        if approve is not None:
            options["approve"] = approve
        with client.run("fake:model", "Pay.", **options) as stream:
            stream.finish()

    assert contents(stream.messages) == [said, "sunny in Oslo"]
    assert till.paid == paid


def test_an_async_approver_is_awaited_by_sync_code() -> None:
    """An approver may be async under the sync client too."""

    async def approve(call: ToolCallPart) -> bool:
        return call.arguments == {"amount": 3}

    till = Till()
    with (
        Client(providers=[FakeProvider(PAY_AND_LOOK, "Done.")]) as client,
        client.run("fake:model", "Pay.", tools=[till.pay, weather], approve=approve) as stream,
    ):
        stream.finish()

    assert till.paid == [3]


@pytest.mark.parametrize(("amount", "asked"), [(5, False), (50, True)])
def test_a_rule_says_which_calls_need_approval(amount: int, asked: bool) -> None:  # noqa: FBT001
    """A function of the call decides whether anybody is asked."""
    seen: list[str] = []

    def dear(call: ToolCallPart) -> bool:
        return call.arguments is not None and call.arguments["amount"] == 50

    pay = Tool(lambda amount: f"paid {amount}", name="pay", parameters={"type": "object"}, approval=dear)
    with (
        Client(providers=[FakeProvider(calls(("pay", {"amount": amount})), "Done.")]) as client,
        client.run("fake:model", "Pay.", tools=[pay], approve=lambda call: bool(seen.append(call.id))) as stream,
    ):
        stream.finish()

    assert bool(seen) is asked


def test_a_rule_that_fails_asks() -> None:
    """A rule that raises needs approval: it fails closed."""

    @tool(approval=lambda _: 1 / 0 > 0)
    def pay() -> str:
        return "paid"

    with (
        Client(providers=[FakeProvider(calls(("pay", {})), "Done.")]) as client,
        client.run("fake:model", "Pay.", tools=[pay]) as stream,
    ):
        stream.finish()

    assert contents(stream.messages) == ["The call was not approved."]


def test_a_paused_run_goes_on_in_another_process() -> None:
    """The state goes through JSON and a database; what ran before the pause does not run again."""
    till, looked = Till(), list[str]()

    @tool
    def weather(city: str) -> str:
        looked.append(city)
        return f"sunny in {city}"

    database = sqlite3.connect(":memory:")
    database.execute("create table runs (state text)")
    with (
        Client(providers=[FakeProvider(PAY_AND_LOOK)]) as client,
        client.run("fake:model", "Pay.", tools=[till.pay, weather], on_approval="pause") as stream,
    ):
        events = list(stream)
    assert stream.is_paused
    assert kinds(events)[-2:] == ["approval_needed", "turn_end"]
    database.execute("insert into runs values (?)", [stream.state.to_json()])

    [(text,)] = database.execute("select state from runs")
    database.close()
    with (
        Client(providers=[FakeProvider("Done.")]) as client,
        client.run(resume=RunState.from_json(text), tools=[till.pay, weather], approvals={"call-0": True}) as resumed,
    ):
        answer = resumed.finish()

    assert (answer.text, till.paid, looked) == ("Done.", [3], ["Oslo"])
    assert contents(resumed.messages) == ["paid 3", "sunny in Oslo"]


def test_what_was_said_while_a_run_waits_is_not_lost() -> None:
    """The state has it, over one pause and another; the model reads it after the results."""
    till = Till()
    both = calls(("pay", {"amount": 1}), ("pay", {"amount": 2}))
    model = FakeProvider(both, "Done.")
    with Client(providers=[model]) as client:
        with client.run("fake:model", "Pay.", tools=[till.pay], on_approval="pause") as first:
            for event in first:
                if isinstance(event, Finish):
                    first.inject("Be quick.")
        assert first.messages[-1] == Message.user("Be quick.")
        state = RunState.from_json(first.state.to_json())
        with client.run(
            prompt="And thrifty.", resume=state, tools=[till.pay], on_approval="pause", approvals={"call-0": True}
        ) as second:
            list(second)
        with client.run(resume=second.state, tools=[till.pay], approvals={"call-1": False}) as third:
            third.finish()

    assert [message.text for message in model.requests[1].messages[3:]] == ["Be quick.", "And thrifty."]


def test_approvals_may_come_one_by_one() -> None:
    """A run that is resumed with some decisions runs those calls and waits again for the others."""
    till = Till()
    both = calls(("pay", {"amount": 1}), ("pay", {"amount": 2}))
    with Client(providers=[FakeProvider(both, "Done.")]) as client:
        with client.run("fake:model", "Pay.", tools=[till.pay], on_approval="pause") as first:
            list(first)
        with client.run(
            resume=first.state, tools=[till.pay], on_approval="pause", approvals={"call-1": True}
        ) as second:
            list(second)
        assert (till.paid, [call.id for call in second.state.pending]) == ([2], ["call-0"])
        with client.run(resume=second.state, tools=[till.pay], approvals={"call-0": Approval.deny("no")}) as third:
            third.finish()

    assert till.paid == [2]
    assert contents(third.messages) == ["no", "paid 2"]


def test_a_decision_about_an_unknown_call_is_refused() -> None:
    """Approving what does not wait is a mistake, and says what waits."""
    with (
        Client(providers=[FakeProvider("Done.")]) as client,
        pytest.raises(InvalidRequestError, match="no call 'x' waits for approval; those that do are: none"),
    ):
        client.run(resume=RunState(model="fake:model"), approvals={"x": True})


def test_a_decision_that_is_none_is_refused() -> None:
    """What is neither yes nor no is a mistake that is told before anything runs."""
    waiting = RunState(model="fake:model", pending=tuple(calls(("pay", {"amount": 3}))))
    with (
        Client(providers=[FakeProvider("Done.")]) as client,
        pytest.raises(InvalidSettingError, match="about 'call-0' must be True, False or an Approval, not 'yes'"),
    ):
        client.run(resume=waiting, approvals={"call-0": "yes"})  # type: ignore[dict-item]  # it is wrong


def test_a_call_that_broke_off_is_not_run_again() -> None:
    """A state whose calls were begun and not finished goes on with that said to the model."""
    till = Till()
    begun = (Message.user("Pay."), Message.assistant(*calls(("pay", {"amount": 3}))))
    broken = RunState.from_json(RunState(model="fake:model", messages=begun, turn=1).to_json())

    with (
        Client(providers=[FakeProvider("I see.")]) as client,
        client.run(resume=broken, tools=[till.pay]) as stream,
    ):
        stream.finish()

    assert till.paid == []
    assert contents(stream.messages) == ["Interrupted: whether it was carried out is not known."]


def pay(till: Till, approve: Approver, signal: Signal, backend: str | None) -> RunState:
    """Run until the signal stops it, sync or on a loop, and return the state that is left."""
    options: RunOptions = {"tools": [till.pay], "approve": approve, "signal": signal}
    model = FakeProvider(calls(("pay", {"amount": 3})))

    async def go() -> RunState:
        async with AsyncClient(providers=[model]) as client, client.run("fake:model", "Pay.", **options) as stream:
            with pytest.raises(AbortedError, match="enough"):
                await stream.finish()
        return stream.state

    if backend is not None:
        return anyio.run(go, backend=backend)
    with (
        Client(providers=[model]) as client,
        client.run("fake:model", "Pay.", **options) as paying,
        pytest.raises(AbortedError, match="enough"),
    ):
        paying.finish()
    return paying.state


on_every_loop = pytest.mark.parametrize("backend", [None, "asyncio", "trio"], ids=["sync", "asyncio", "trio"])


@on_every_loop
def test_a_run_that_is_stopped_does_not_wait_for_an_approver(backend: str | None) -> None:
    """An approver that never answers cannot hold a run that is aborted; the call still waits for approval."""
    controller, cancelled = SignalController(), threading.Event()

    async def approve(_: ToolCallPart) -> None:
        controller.abort("enough")
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    state = pay(Till(), approve, controller.signal, backend)

    assert cancelled.wait(20)
    assert [call.id for call in state.pending] == ["call-0"]


@on_every_loop
def test_an_approval_that_comes_too_late_runs_nothing(backend: str | None) -> None:
    """A run that was stopped while it asked begins no handler, whatever is said."""
    controller, till = SignalController(), Till()

    def approve(_: ToolCallPart) -> bool:
        controller.abort("enough")
        return True

    state = pay(till, approve, controller.signal, backend)

    assert till.paid == []
    assert [call.id for call in state.pending] == ["call-0"]


@on_every_loop
def test_an_approver_may_return_what_is_to_be_awaited(backend: str | None) -> None:
    """A sync function that returns a coroutine is an approver like any other."""
    controller, asked = SignalController(), list[str]()

    async def later(call: ToolCallPart) -> bool:
        asked.append(call.id)
        controller.abort("enough")
        return True

    pay(Till(), lambda call: later(call), controller.signal, backend)  # noqa: PLW0108  # it is no coroutine function

    assert asked == ["call-0"]
