"""``core-llm chat -T … --mcp …``: calls as they run, and the person's word before one runs that needs it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import Answer, sse_answer, sse_event
from core_llm_conformance.server import FaultServer

from .terminal import CTRL_D, HANG_GUARD, Start, Terminal

Run = Callable[..., subprocess.CompletedProcess[str]]
SHELF = '''
from core_llm import Tool, ToolSource, hookimpl, tool
import anyio, pathlib

@tool
def weather(city: str) -> str:
    """Say what the weather is."""
    return f"sunny in {city}"

def pay(amount: int) -> str:
    """Pay, without a word on approval."""
    with pathlib.Path("paid").open("a") as file:
        file.write(f"{amount}\\n")
    return f"paid {amount}"

anything = Tool.from_schema("anything", {"type": "object"}, lambda **given: "done", approval="always")

class Slow(ToolSource):
    async def serve(self, started):
        pathlib.Path("opening").touch()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.2)
            pathlib.Path("closed").touch()

class Cupboard(ToolSource):
    async def serve(self, started):
        self.offer([Tool(pay, name="cupboard_pay", approval="always")])
        started()
        try:
            await anyio.sleep_forever()
        finally:
            pathlib.Path("closed").touch()

@hookimpl
def core_llm_supply_tools():
    return [weather]

@hookimpl
def core_llm_find_tool_source(name):
    return {"cupboard": Cupboard, "slow": Slow}.get(name, lambda name: None)(name)
'''
TWO = ("chat", "-m", "mybox:tiny", "-T", "shelf:weather", "-T", "shelf:pay")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001  # made first
    """Stand in a folder that has a module with tools."""
    here = tmp_path / "here"
    here.mkdir()
    here.joinpath("shelf.py").write_text(SHELF, encoding="utf-8")
    monkeypatch.chdir(here)
    return here


def calling(*calls: tuple[str, dict[str, JsonValue]]) -> Answer:
    """Return an answer that calls tools."""
    functions: list[dict[str, JsonValue]] = [
        {"name": name, "arguments": json.dumps(arguments)} for name, arguments in calls
    ]
    items: list[JsonValue] = [
        {"index": number, "id": f"c{number}", "type": "function", "function": function}
        for number, function in enumerate(functions)
    ]
    return _answer({"tool_calls": items}, "tool_calls")


def saying(text: str) -> Answer:
    """Return an answer with a text."""
    return _answer({"content": text}, "stop")


def _answer(delta: JsonValue, reason: str) -> Answer:
    first: JsonValue = {"index": 0, "delta": delta}
    last: JsonValue = {"index": 0, "delta": {}, "finish_reason": reason}
    frames = [sse_event({"id": "1", "choices": [choice]}) for choice in (first, last)]
    return sse_answer(*frames, sse_event("[DONE]"))


def results(server: FaultServer) -> list[str]:
    """Return the results of tools that the last request told the model."""
    body = server.last_request.json
    assert isinstance(body, dict)
    sent = body["messages"]
    assert isinstance(sent, list)
    return [str(said["content"]) for said in sent if isinstance(said, dict) and said["role"] == "tool"]


def test_calls_and_results_are_shown_beside_the_answer(server: FaultServer, run: Run) -> None:
    """Standard output has the answer alone; what the tools do is told on standard error."""
    server.enqueue(calling(("weather", {"city": "Oslo"})), saying("It is sunny."))
    done = run(*TWO, "Weather?")
    assert (done.returncode, done.stdout) == (0, "It is sunny.\n")
    assert done.stderr == 'tool: weather(city="Oslo")\nresult: weather: sunny in Oslo\n'


def test_json_has_the_events_of_the_run(server: FaultServer, run: Run) -> None:
    """Each event is a line: those of the turns, the calls and the results among them."""
    server.enqueue(calling(("weather", {"city": "Oslo"})), saying("It is sunny."))
    done = run(*TWO, "--json", "Weather?")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    own = ("turn_start", "tool_start", "tool_result", "turn_end", "finish")
    assert [event["type"] for event in events if event["type"] in own] == [
        *("turn_start", "finish", "tool_start", "tool_result", "turn_end", "turn_start", "finish", "turn_end"),
    ]
    assert [e["result"]["content"] for e in events if e["type"] == "tool_result"] == ["sunny in Oslo"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "It needs approval, and there is no terminal at which the user could give it."),
        (["--approve", "never"], "The user allows no calls that need approval."),
    ],
    ids=["ask", "never"],
)
def test_what_needs_approval_does_not_run_without_it(
    server: FaultServer, run: Run, folder: Path, words: list[str], told: str
) -> None:
    """A plain function says nothing of approval, so its calls need it."""
    server.enqueue(calling(("pay", {"amount": 3})), saying("Fine."))
    done = run(*TWO, *words, "Pay!")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Fine.\n", f"failed: pay: {told}\n")
    assert results(server) == [f"Error: {told}"]
    assert not folder.joinpath("paid").exists()


def test_approval_can_be_given_beforehand(server: FaultServer, run: Run, folder: Path) -> None:
    """With --approve always, nobody is asked."""
    server.enqueue(calling(("pay", {"amount": 3})), saying("Fine."))
    assert run(*TWO, "--approve", "always", "Pay!").returncode == 0
    assert folder.joinpath("paid").read_text(encoding="utf-8") == "3\n"


def test_a_plugins_tool_is_named_alone(server: FaultServer, run: Run, add_package: Callable[..., None]) -> None:
    """A name without a colon is that of a tool which a plugin supplies; the model is told of no other."""
    add_package("plugin-shelf", SHELF, plugins="shelf")
    server.enqueue(calling(("weather", {"city": "Rome"})), saying("Sunny."))
    assert run("chat", "-m", "mybox:tiny", "-T", "weather", "Weather?").stdout == "Sunny.\n"
    assert results(server) == ["sunny in Rome"]


def test_a_source_is_opened_by_name_and_closed(
    server: FaultServer, run: Run, folder: Path, add_package: Callable[..., None]
) -> None:
    """--mcp opens what a plugin knows by that name, and closes it when the answer has come."""
    add_package("plugin-shelf", SHELF, plugins="shelf")
    server.enqueue(calling(("cupboard_pay", {"amount": 3})), saying("Paid."))
    done = run("chat", "-m", "mybox:tiny", "--mcp", "cupboard", "--approve", "always", "Pay!")
    assert (done.returncode, done.stdout) == (0, "Paid.\n")
    assert results(server) == ["paid 3"]
    assert folder.joinpath("closed").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-T", "shelf:wether"], "error: shelf:wether: there is no 'wether'\n"),
        (["-T", "nowhere_at_all:f"], "error: nowhere_at_all:f: there is no module 'nowhere_at_all'\n"),
        (["-T", "search"], "error: no plugin supplies a tool 'search'; they supply: none\n"),
        (["--mcp", "x"], "error: no plugin knows tools of 'x'; for MCP servers: pip install plugin-mcp\n"),
        (
            ["-T", "shelf:weather", "--no-stream"],
            "error: --no-stream asks once; with -T or --mcp there may be several answers\n",
        ),
    ],
)
def test_wrong_words_are_told_in_one_line(run: Run, words: list[str], message: str) -> None:
    """Nothing is sent; the exit code says that the words were wrong."""
    done = run("chat", "-m", "mybox:tiny", *words, "Hi")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_a_run_that_goes_round_in_circles_fails(server: FaultServer, run: Run) -> None:
    """The limits of runs hold here too; the exit code says that it failed."""
    server.enqueue(*[calling(("weather", {"city": "Oslo"})) for _ in range(4)])
    done = run(*TWO, "Weather?")
    assert done.returncode == 1
    assert "the model goes round in circles" in done.stderr.splitlines()[-1]


def test_the_person_is_asked_before_a_call(server: FaultServer, start: Start, folder: Path) -> None:
    """They see the call with all its arguments; yes runs it, no tells the model why not, always asks no more."""
    pays = [calling(("pay", {"amount": amount})) for amount in (1, 2, 3, 4)]
    server.enqueue(*pays, saying("All paid."))
    with Terminal(start, *TWO, "Pay!") as terminal:
        for amount, answer in ((1, "y"), (2, "n too dear"), (3, "what?\na")):
            terminal.read_until(f"pay(amount={amount})")
            terminal.read_until("[a]lways: ")
            terminal.type(f"{answer}\n")
        code, shown = terminal.wait()
    assert code == 0
    assert shown.endswith("All paid.\r\n")
    assert results(server) == ["paid 1", "Error: too dear", "paid 3", "paid 4"]
    assert folder.joinpath("paid").read_text(encoding="utf-8") == "1\n3\n4\n"


def test_the_person_may_edit_a_call(server: FaultServer, start: Start, folder: Path, environ: dict[str, str]) -> None:
    """Their editor has the arguments as JSON; the call is shown anew, and runs as they left it."""
    editor = folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/3/5/ "$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    environ["EDITOR"] = str(editor)
    server.enqueue(calling(("pay", {"amount": 3})), saying("Paid."))
    with Terminal(start, *TWO, "Pay!") as terminal:
        terminal.read_until("[a]lways: ")
        terminal.type("e\n")
        terminal.read_until("pay(amount=5)")
        terminal.read_until("[a]lways: ")
        terminal.type("y\n")
        assert terminal.wait()[0] == 0
    assert results(server) == ["paid 5"]


def test_ctrl_c_at_the_question_runs_nothing(server: FaultServer, start: Start, folder: Path) -> None:
    """Who does not answer has not approved; the command ends as if it was interrupted."""
    server.enqueue(calling(("pay", {"amount": 3})))
    with Terminal(start, *TWO, "Pay!") as terminal:
        terminal.read_until("[a]lways: ")
        assert terminal.end_by_ctrl_c()[0] == 130
    assert not folder.joinpath("paid").exists()


def test_ctrl_c_at_the_question_keeps_what_ran_before(server: FaultServer, start: Start) -> None:
    """The conversation goes on with the calls that ran, and knows that the other one was stopped."""
    server.enqueue(calling(("weather", {"city": "Oslo"})), calling(("pay", {"amount": 3})), saying("Bye."))
    with Terminal(start, *TWO) as terminal:
        terminal.read_until("> ")
        terminal.type("Weather? Then pay!\n")
        terminal.read_until("[a]lways: ")
        terminal.press_ctrl_c("> ")
        terminal.type("Bye\n")
        terminal.read_until("Bye.\r\n")
    assert results(server) == ["sunny in Oslo", "Error: Not executed."]


def test_arguments_cannot_pass_for_lines_of_the_command(server: FaultServer, start: Start) -> None:
    """What the model writes into a name or a value, line breaks and marks that turn letters round, is shown as such."""
    server.enqueue(calling(("anything", {"a)\nRun it?": "b\nc\u202ed é"})), saying("Fine."))
    with Terminal(start, "chat", "-m", "mybox:tiny", "-T", "shelf:anything", "Go!") as terminal:
        shown = terminal.read_until("Run it? [y]es")
        terminal.type("n\n")
        assert terminal.wait()[0] == 0
    assert shown == 'anything("a)\\nRun it?"="b\\nc\\u202ed é")\r\nRun it? [y]es'


def test_ctrl_c_while_a_source_opens_closes_it(start: Start, folder: Path, add_package: Callable[..., None]) -> None:
    """What it has begun is cleaned up, such as a process that it has started."""
    add_package("plugin-shelf", SHELF, plugins="shelf")
    process = start("chat", "-m", "mybox:tiny", "--mcp", "slow", "Hi")
    deadline = time.monotonic() + HANG_GUARD
    while not folder.joinpath("opening").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(HANG_GUARD) == 130
    assert folder.joinpath("closed").exists()


def test_a_conversation_keeps_calls_and_results(server: FaultServer, start: Start) -> None:
    """The next question goes out with what the tools were asked and said."""
    server.enqueue(calling(("weather", {"city": "Oslo"})), saying("Sunny."), saying("Bye."))
    with Terminal(start, *TWO) as terminal:
        terminal.read_until("> ")
        terminal.type("Weather?\n")
        terminal.read_until("Sunny.\r\n")
        terminal.read_until("> ")
        terminal.type("Bye\n")
        terminal.read_until("Bye.\r\n")
        terminal.read_until("> ")  # what is typed before it is asked for may be thrown away
        terminal.type(CTRL_D)
        assert terminal.wait()[0] == 0
    body = server.last_request.json
    assert isinstance(body, dict)
    sent = body["messages"]
    assert isinstance(sent, list)
    roles = [said["role"] for said in sent if isinstance(said, dict)]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
