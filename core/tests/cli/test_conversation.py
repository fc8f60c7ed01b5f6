"""``core-llm chat`` at a real pseudo-terminal: a conversation, and what Ctrl-C does to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core_llm_conformance.script import Gate, Pause, json_answer, sse_answer, sse_event
from core_llm_conformance.server import FaultServer

from .terminal import CTRL_D, Start, Terminal


@pytest.fixture
def chat(start: Start) -> Iterator[Terminal]:
    """A conversation with the test's server, up to the first prompt."""
    with Terminal(start, "chat", "-m", "mybox:tiny") as terminal:
        terminal.read_until("mybox:tiny")
        terminal.read_until("> ")
        yield terminal


def delta(**fields: str) -> bytes:
    """Return one frame of an answer."""
    return sse_event({"id": "c1", "choices": [{"index": 0, "delta": dict(fields)}]})


END = sse_event({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + sse_event("[DONE]")


def messages(server: FaultServer) -> list[tuple[str, str]]:
    """Return role and content of each message of the last request."""
    body = server.last_request.json
    assert isinstance(body, dict)
    sent = body["messages"]
    assert isinstance(sent, list)
    return [(str(message["role"]), str(message["content"])) for message in sent if isinstance(message, dict)]


def test_conversation_remembers(server: FaultServer, chat: Terminal) -> None:
    """The second question goes out with the first one and its answer; Ctrl-D leaves."""
    server.enqueue(sse_answer(delta(content="Hi Ada!"), END), sse_answer(delta(content="Ada."), END))
    chat.type("I am Ada\n")
    chat.read_until("Hi Ada!\r\n")
    chat.read_until("> ")
    chat.type("Who am I?\n")
    chat.read_until("Ada.\r\n")
    chat.read_until("> ")
    assert messages(server) == [("user", "I am Ada"), ("assistant", "Hi Ada!"), ("user", "Who am I?")]
    chat.type(CTRL_D)
    assert chat.wait()[0] == 0


def test_ctrl_c_stops_the_answer_only(server: FaultServer, chat: Terminal) -> None:
    """Ctrl-C closes the connection, keeps what came as part of the conversation, and gives a new prompt."""
    server.enqueue(sse_answer(delta(content="One, two,"), Pause(Gate())), sse_answer(delta(content="three."), END))
    chat.type("Count\n")
    chat.read_until("One, two,")
    assert "error" not in chat.press_ctrl_c("> ")
    server.connections[0].closed_by_client.wait()
    chat.type("Go on\n")
    chat.read_until("three.")
    assert messages(server) == [("user", "Count"), ("assistant", "One, two,"), ("user", "Go on")]


def test_ctrl_c_before_anything_came_forgets_the_question(server: FaultServer, chat: Terminal) -> None:
    """A question that was stopped before its answer began is not asked again with the next one."""
    gate = Gate()
    server.enqueue(sse_answer(Pause(gate)), sse_answer(delta(content="Fine."), END))
    chat.type("Never mind\n")
    gate.reached.wait()
    chat.press_ctrl_c("> ")
    chat.type("How are you?\n")
    chat.read_until("Fine.")
    assert messages(server) == [("user", "How are you?")]


def test_ctrl_c_at_the_prompt_gives_another(chat: Terminal) -> None:
    """Ctrl-C at the prompt throws the line away and stays; /quit leaves."""
    chat.type("half a quest")
    chat.read_until("quest")
    chat.press_ctrl_c("> ")
    chat.type("/quit\n")
    code, screen = chat.wait()
    assert code == 0
    assert "Traceback" not in screen


def test_failure_stays_in_the_conversation(server: FaultServer, chat: Terminal) -> None:
    """An answer that fails is one line of error and a new prompt."""
    server.enqueue(json_answer({"error": {"message": "busy"}}, status=500), sse_answer(delta(content="Back."), END))
    chat.type("Hello\n")
    assert "busy" in chat.read_until("> ").partition("error: ")[2]
    chat.type("Again\n")
    chat.read_until("Back.")
    assert messages(server) == [("user", "Again")]


def test_clear_starts_anew(server: FaultServer, chat: Terminal) -> None:
    """After /clear the model knows nothing of what was said."""
    server.enqueue(sse_answer(delta(content="Hi Ada!"), END), sse_answer(delta(content="No idea."), END))
    chat.type("I am Ada\n")
    chat.read_until("Hi Ada!")
    chat.read_until("> ")
    chat.type("/clear\n")
    chat.read_until("> ")
    chat.type("Who am I?\n")
    chat.read_until("No idea.")
    assert messages(server) == [("user", "Who am I?")]


def test_file_goes_with_the_first_answered_question(server: FaultServer, start: Start, tmp_path: Path) -> None:
    """A file on the command line is part of the first question that gets an answer, and of no other."""
    notes = tmp_path / "notes.txt"
    notes.write_text("Buy milk.")
    server.enqueue(json_answer({}, status=500), *(sse_answer(delta(content="Milk."), END) for _ in range(2)))
    with Terminal(start, "chat", "-m", "mybox:tiny", "-f", str(notes)) as chat:
        for question in ("What", "And", "More"):
            chat.read_until("> ")
            chat.type(f"{question}?\n")
        chat.read_until("> ")
    first, _, last = messages(server)
    assert (first, last) == (("user", "And?\n\nnotes.txt:\nBuy milk."), ("user", "More?"))


def test_reasoning_is_dimmed(server: FaultServer, chat: Terminal) -> None:
    """On a terminal the model's reasoning comes before the answer, dimmed."""
    server.enqueue(sse_answer(delta(reasoning_content="Hm."), delta(content="42."), END))
    chat.type("Six times seven?\n")
    assert "\x1b[2mHm.\x1b[0m\r\n\r\n42." in chat.read_until("42.")


@pytest.mark.parametrize("variable", ["NO_COLOR=1", "TERM=dumb"])
def test_plain_terminal_gets_no_codes(
    server: FaultServer, start: Start, environ: dict[str, str], variable: str
) -> None:
    """Where the person or the terminal wants no colours, reasoning is plain."""
    name, _, value = variable.partition("=")
    environ[name] = value
    server.enqueue(sse_answer(delta(reasoning_content="Hm."), delta(content="42."), END))
    with Terminal(start, "chat", "-m", "mybox:tiny", "Six times seven?") as terminal:
        assert terminal.wait() == (0, "Hm.\r\n\r\n42.\r\n")


def test_retry_is_noted(server: FaultServer, start: Start, environ: dict[str, str]) -> None:
    """Whoever waits at a terminal learns why."""
    environ["CORE_LLM_MAX_RETRIES"] = "1"
    busy = json_answer({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0"})
    server.enqueue(busy, sse_answer(delta(content="Here."), END))
    with Terminal(start, "chat", "-m", "mybox:tiny", "Hi") as terminal:
        code, screen = terminal.wait()
    assert code == 0
    assert screen.startswith("note: trying again in 0.0 s: ")
    assert screen.endswith("Here.\r\n")


def test_model_cannot_steer_the_terminal(server: FaultServer, start: Start) -> None:
    """Control characters in an answer do not reach the terminal: here one that would rename its window."""
    server.enqueue(sse_answer(delta(content="Hi\x1b]0;owned\x07\r\n\tthere"), END))
    with Terminal(start, "chat", "-m", "mybox:tiny", "Hi") as terminal:
        _, screen = terminal.wait()
    assert screen.startswith("Hi]0;owned\r\n")
    assert "\x1b" not in screen
    assert "\x07" not in screen


def test_missing_set_up_ends_the_conversation(start: Start) -> None:
    """What no further question could better is said at once."""
    with Terminal(start, "chat", "-m", "nobody:x") as terminal:
        code, screen = terminal.wait()
    assert code == 1
    assert screen.startswith("error: no provider 'nobody'")


def test_tables_are_for_terminals(start: Start) -> None:
    """A listing is a table with headings on a terminal."""
    with Terminal(start, "models") as terminal:
        code, screen = terminal.wait()
    assert code == 0
    assert "Provider" in screen
    assert "plugin-mybox 1.0.0" in screen
