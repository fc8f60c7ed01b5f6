"""What plugins have to do with runs: they supply tools to those who ask, may stop any call, and see results."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace

import anyio
import pytest

from core_llm import (
    Approval,
    AsyncClient,
    Client,
    DuplicateToolError,
    InvalidRequestError,
    InvalidSettingError,
    Message,
    PluginError,
    Tool,
    ToolCallPart,
    ToolManager,
    ToolObserver,
    ToolResultPart,
    hookimpl,
    tool,
)
from core_llm.testing import FakeProvider

from .script import Till, calls, weather


def plugin(**hooks: Callable[..., object]) -> object:
    """Return a plugin with these hooks."""
    return SimpleNamespace(**{f"core_llm_{name}": hookimpl(function) for name, function in hooks.items()})


def client_with(*plugins: object, answers: tuple[object, ...] = ("Done.",)) -> Client:
    """Return a client with plugins, whose model follows a script."""
    return Client(providers=[FakeProvider(*answers)], plugins=plugins)  # type: ignore[arg-type]  # answers


def said(messages: tuple[Message, ...]) -> list[str]:
    """Return what the results of tools say."""
    return [str(part.content) for message in messages for part in message.parts if isinstance(part, ToolResultPart)]


@tool
def search(query: str) -> str:
    """Search for something."""
    return f"nothing about {query}"


SUPPLIES = plugin(supply_tools=lambda: [search, weather])


def test_an_installed_plugin_gives_no_model_its_tools() -> None:
    """Tools of plugins reach a run only where the caller asks for them."""
    provider = FakeProvider("Hi.", "Hi.", "Hi.")
    with Client(providers=[provider], plugins=[SUPPLIES]) as client:
        for wanted in (False, True, ["weather"]):
            with client.run("fake:model", "Go.", plugin_tools=wanted) as run:
                run.finish()

    told = [[spec.name for spec in request.tools] for request in provider.requests]
    assert told == [[], ["search", "weather"], ["weather"]]


def test_a_name_that_no_plugin_supplies_is_an_error() -> None:
    """Asked for by a wrong name, the error says which names there are."""
    with client_with(SUPPLIES) as client:
        with pytest.raises(InvalidRequestError, match="no plugin supplies a tool 'serch'; did you mean 'search'"):
            client.run("fake:model", "Go.", plugin_tools=["serch"])
        with pytest.raises(InvalidSettingError, match="plugin_tools must be True, False or a list"):
            client.run("fake:model", "Go.", plugin_tools="search")


def test_tools_of_plugins_can_be_put_into_a_manager() -> None:
    """A ToolManager is the caller's: a run adds nothing to it, and the caller can."""
    manager = ToolManager()
    with client_with(SUPPLIES) as client:
        with pytest.raises(InvalidSettingError, match=r"register client.plugin_tools\(\) in it"):
            client.run("fake:model", "Go.", tools=manager, plugin_tools=True)
        manager.register(*client.plugin_tools("search"))

    assert [known.name for known in manager] == ["search"]


def test_two_plugins_with_one_tool_are_named() -> None:
    """The error says who they are; naming other tools avoids it."""
    other = plugin(supply_tools=lambda: [Tool(weather.handler, name="search")])
    with client_with(SUPPLIES, other) as client:
        with pytest.raises(DuplicateToolError, match=r"'search' is supplied by Simple.* and Simple"):
            client.plugin_tools()
        assert [found.name for found in client.plugin_tools("weather")] == ["weather"]


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (lambda: [1], "supplies what is no tool"),
        (lambda: weather, "core_llm_supply_tools returns"),
        (lambda: 1 / 0, "failed to supply its tools: ZeroDivisionError"),
    ],
    ids=["no-tool", "no-list", "raises"],
)
def test_a_plugin_that_fails_to_supply_is_named(hook: Callable[[], object], message: str) -> None:
    """A run does not start without what was asked for."""
    with client_with(plugin(supply_tools=hook)) as client, pytest.raises(PluginError, match=message):
        client.run("fake:model", "Go.", plugin_tools=True)


@pytest.mark.parametrize(
    ("verdicts", "paid"),
    [
        ([None, None], []),
        ([True, None], [3]),
        ([True, False], []),
        ([False, True], []),
        ([True, "sure"], []),
        ([True, ZeroDivisionError()], []),
        ([Approval.approve(arguments={"amount": 1}), True], [1]),
    ],
    ids=["no-opinion", "yes", "yes-no", "no-yes", "no-decision", "raises", "edited"],
)
@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_all_plugins_are_asked_and_one_denial_denies(mode: str, verdicts: list[object], paid: list[int]) -> None:
    """Whatever the others say, a denial, an exception or an answer that is none keeps the call from running."""
    asked: list[tuple[str, str]] = []

    def answering(verdict: object) -> Callable[..., object]:
        def hook(call: ToolCallPart, tool: Tool[..., object]) -> object:
            asked.append((call.name, tool.name))
            if isinstance(verdict, Exception):
                raise verdict
            return verdict

        return hook

    till = Till()
    plugins = [plugin(approve_tool_call=answering(verdict)) for verdict in verdicts]
    answers = (calls(("pay", {"amount": 3})), "Done.")

    async def run_async() -> None:
        async with (
            AsyncClient(providers=[FakeProvider(*answers)], plugins=plugins) as client,
            client.run("fake:model", "Pay.", tools=[till.pay]) as run,
        ):
            await run.finish()

    if mode == "sync":
        with client_with(*plugins, answers=answers) as client, client.run("fake:model", "P", tools=[till.pay]) as run:
            run.finish()
    else:
        anyio.run(run_async, backend=mode)

    assert asked == [("pay", "pay"), ("pay", "pay")]
    assert till.paid == paid


def test_a_plugin_may_stop_a_call_that_needs_no_approval() -> None:
    """Plugins are asked of every call, and the model is told why it was denied."""
    guard = plugin(approve_tool_call=lambda call: Approval.deny("not there") if "Oslo" in str(call) else None)
    answers = (calls(("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})), "Done.")
    with client_with(guard, answers=answers) as client, client.run("fake:model", "Go", tools=[weather]) as run:
        run.finish()

    assert said(run.messages) == ["not there", "sunny in Rome"]


def test_a_plugin_sees_the_calls_of_a_run_and_of_no_other() -> None:
    """An observer is told of starts, results and denials of the run that it was made for, though tools are shared."""
    seen: list[str] = []

    class Watching(ToolObserver):
        def __init__(self, model: str | None) -> None:
            self.model = model

        def on_tool_start(self, call: ToolCallPart) -> None:
            seen.append(f"{self.model} starts {call.name}")

        def on_tool_end(self, call: ToolCallPart, result: ToolResultPart) -> None:
            seen.append(f"{self.model} ends {call.name}: {result.content}")

    def watch(model: str) -> Watching:
        return Watching(model)

    manager = ToolManager([weather, Till().pay])
    answers = (calls(("weather", {"city": "Oslo"})), "Done.", calls(("pay", {"amount": 3})), "Done.")
    with client_with(plugin(observe_tools=watch), answers=answers) as client:
        for model in ("fake:one", "fake:two"):
            with client.run(model, "Go.", tools=manager) as run:
                run.finish()

    assert seen == [
        "fake:one starts weather",
        "fake:one ends weather: sunny in Oslo",
        "fake:two ends pay: The call was not approved.",
    ]


def test_an_observer_that_fails_harms_no_run(caplog: pytest.LogCaptureFixture) -> None:
    """Neither one that cannot be made, nor what is no observer, nor one that raises; all are in the log."""

    class Raising(ToolObserver):
        def on_tool_start(self, call: ToolCallPart) -> None:
            raise ValueError(call.name)

    plugins = (
        plugin(observe_tools=lambda: 1 / 0),
        plugin(observe_tools=lambda: "nobody"),
        plugin(observe_tools=lambda model: Raising() if model else None),
    )
    answers = (calls(("weather", {"city": "Oslo"})), "Done.")
    with (
        caplog.at_level(logging.WARNING, "core_llm"),
        client_with(*plugins, answers=answers) as client,
        client.run("fake:model", "Go", tools=[weather]) as run,
    ):
        assert run.finish().text == "Done."

    assert [record.getMessage().partition(" ")[2] for record in caplog.records] == [
        "object (given to the client) failed to observe the tools of a run of fake:model",
        *["observer of tools failed"] * 3,  # two calls of what is no observer, and the one that raises
    ]
