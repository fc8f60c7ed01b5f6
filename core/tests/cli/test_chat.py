"""``core-llm chat`` with one question: what goes out, what is printed, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from core_llm_conformance.script import Gate, Pause, json_answer, sse_answer, sse_event
from core_llm_conformance.server import FaultServer

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[bytes]]


def delta(**fields: str) -> bytes:
    """Return one frame of an answer."""
    return sse_event({"id": "c1", "model": "tiny", "choices": [{"index": 0, "delta": dict(fields)}]})


def end(reason: str = "stop") -> bytes:
    """Return the frames that end an answer."""
    finish = sse_event({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    return finish + sse_event("[DONE]")


def sent(server: FaultServer) -> dict[str, object]:
    """Return the body of the last request."""
    body = server.last_request.json
    assert isinstance(body, dict)
    return dict(body)


def interrupt(process: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C until the command ends; return its exit code.

    Once is enough but in the instant before a blocking call: Python then sees the signal when the call returns.
    """
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    raise TimeoutError("Ctrl-C did not end the command")


def test_answer_is_printed_as_plain_text(server: FaultServer, run: Run) -> None:
    """The text of the answer, and nothing else, goes to standard output; it ends with a line break."""
    server.enqueue(sse_answer(delta(content="Hello, "), delta(content="world."), end()))
    done = run("chat", "-m", "mybox:tiny", "Hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, world.\n", "")
    assert sent(server)["messages"] == [{"role": "user", "content": "Hi"}]


def test_each_piece_is_printed_when_it_comes(server: FaultServer, start: Start) -> None:
    """A pipe gets the first piece while the server still holds the second one back."""
    gate = Gate()
    server.enqueue(sse_answer(delta(content="Hello, "), Pause(gate), delta(content="world."), end()))
    process = start("chat", "-m", "mybox:tiny", "Hi")
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 100) == b"Hello, "
    gate.open()
    assert process.stdout.read() == b"world.\n"


def test_piped_text_is_the_prompt(server: FaultServer, run: Run) -> None:
    """Without an argument, what comes through the pipe is the prompt."""
    server.enqueue(sse_answer(delta(content="Yes."), end()))
    assert run("chat", "-m", "mybox:tiny", piped="Is it?\n").stdout == "Yes.\n"
    assert sent(server)["messages"] == [{"role": "user", "content": "Is it?"}]


def test_piped_text_follows_the_argument(server: FaultServer, run: Run) -> None:
    """With an argument, what comes through the pipe is appended to it."""
    server.enqueue(sse_answer(delta(content="Short."), end()))
    run("chat", "-m", "mybox:tiny", "Sum it up:", piped="A long story.\n")
    assert sent(server)["messages"] == [{"role": "user", "content": "Sum it up:\n\nA long story."}]


def test_binary_pipe_is_refused(run: Run) -> None:
    """What is no text cannot be a prompt; the error says what to do instead."""
    done = run("chat", "-m", "mybox:tiny", piped=b"\x89PNG\xff")
    message = "error: what comes through the pipe is not UTF-8 text; give a file with -f in its place\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_system_and_settings_are_sent(server: FaultServer, run: Run) -> None:
    """``-s`` and ``-o`` become the request's own fields, each in its type; a dotted name is for one provider only."""
    server.enqueue(sse_answer(delta(content="Ok."), end()))
    knobs = ["temperature=0.5", "stop=END", "stop=STOP", "mybox.top_k=7", "another.top_k=9"]
    run("chat", "-m", "mybox:tiny", "-s", "Be brief.", *(word for knob in knobs for word in ("-o", knob)), "Hi")
    body = sent(server)
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert (body["temperature"], body["stop"], body["top_k"]) == (0.5, ["END", "STOP"], 7)


def test_text_file_is_sent_as_text(server: FaultServer, run: Run, tmp_path: Path) -> None:
    """A file of text goes along as text, under its name, whatever the model can take besides."""
    notes = tmp_path / "notes.md"
    notes.write_text("# Notes\n")
    server.enqueue(sse_answer(delta(content="Ok."), end()))
    run("chat", "-m", "mybox:tiny", "-f", str(notes), "Read this.")
    assert sent(server)["messages"] == [{"role": "user", "content": "Read this.\n\nnotes.md:\n# Notes\n"}]


def test_picture_is_sent_as_a_file(server: FaultServer, run: Run, tmp_path: Path) -> None:
    """A picture goes along as one."""
    picture = tmp_path / "dot.png"
    picture.write_bytes(b"\x89PNG\r\n")
    server.enqueue(sse_answer(delta(content="A dot."), end()))
    run("chat", "-m", "mybox:tiny", "-f", str(picture), "What is it?")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}
    assert sent(server)["messages"] == [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]


def test_json_prints_one_event_a_line(server: FaultServer, run: Run) -> None:
    """``--json`` prints the events from the start of the stream to its end."""
    server.enqueue(sse_answer(delta(content="Grüße\u2028"), end()))
    lines = run("chat", "-m", "mybox:tiny", "--json", "Hi").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in events] == ["stream_start", "part_start", "text_delta", "part_end", "finish"]
    assert events[2]["text"] == "Grüße\u2028"
    assert events[-1]["response"]["finish_reason"] == "stop"


def test_json_prints_a_failure_as_an_event(server: FaultServer, run: Run) -> None:
    """With ``--json`` a failure is the last event, standard error stays empty, and the exit code tells."""
    server.enqueue(json_answer({"error": {"message": "no such model"}}, status=404))
    done = run("chat", "-m", "mybox:tiny", "--json", "Hi")
    [event] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (event["type"], event["error"]["error"]) == ("stream_error", "NotFoundError")
    assert (done.returncode, done.stderr) == (1, "")


def test_no_stream_sends_a_plain_request(server: FaultServer, run: Run) -> None:
    """``--no-stream`` asks for the answer in one piece."""
    choice: JsonValue = {"index": 0, "message": {"content": "All at once."}, "finish_reason": "stop"}
    server.enqueue(json_answer({"id": "c1", "choices": [choice]}))
    assert run("chat", "-m", "mybox:tiny", "--no-stream", "Hi").stdout == "All at once.\n"
    assert not sent(server).get("stream")


def test_reasoning_is_left_out_of_a_pipe(server: FaultServer, run: Run) -> None:
    """What the model thought is not part of what a pipe gets."""
    server.enqueue(sse_answer(delta(reasoning_content="Hm."), delta(content="42."), end()))
    assert run("chat", "-m", "mybox:tiny", "Hi").stdout == "42.\n"


def test_an_answer_that_hit_the_token_limit_says_so(server: FaultServer, run: Run) -> None:
    """An answer that is whole for the wire and cut off for the reader gets a note on standard error."""
    server.enqueue(sse_answer(delta(content="To be con"), end("length")))
    done = run("chat", "-m", "mybox:tiny", "Hi")
    assert (done.returncode, done.stdout) == (0, "To be con\n")
    assert done.stderr == "note: the answer was cut off by the limit on its tokens\n"


def test_what_came_before_a_failure_is_kept(server: FaultServer, run: Run) -> None:
    """A stream that breaks off leaves its text on standard output, one line on standard error, and exit code 1."""
    server.enqueue(sse_answer(delta(content="Half an ans")))
    done = run("chat", "-m", "mybox:tiny", "Hi")
    assert (done.returncode, done.stdout) == (1, "Half an ans\n")
    assert done.stderr.startswith("error: mybox ended the stream before its terminal marker")
    assert done.stderr.count("\n") == 1


def test_message_of_a_server_stays_one_line(server: FaultServer, run: Run) -> None:
    """An error of several lines, control characters included, is one plain line."""
    server.enqueue(json_answer({"error": {"message": "no\nsuch \x1b[31mmodel"}}, status=404))
    done = run("chat", "-m", "mybox:tiny", "Hi")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no such [31mmodel" in done.stderr


def test_ctrl_c_ends_with_130(server: FaultServer, start: Start) -> None:
    """Ctrl-C ends the command; what came stays printed, and the server sees the connection close."""
    server.enqueue(sse_answer(delta(content="Once upon"), Pause(Gate())))
    process = start("chat", "-m", "mybox:tiny", "Hi")
    assert process.stdout is not None
    assert process.stderr is not None
    assert os.read(process.stdout.fileno(), 100) == b"Once upon"
    assert interrupt(process) == 130
    assert (process.stdout.read(), process.stderr.read().strip()) == (b"\n", b"")
    server.connections[0].closed_by_client.wait()


def test_ctrl_c_is_an_event_too(server: FaultServer, start: Start) -> None:
    """With ``--json`` the last line says that the answer was stopped."""
    server.enqueue(sse_answer(delta(content="Once upon"), Pause(Gate())))
    process = start("chat", "-m", "mybox:tiny", "--json", "Hi")
    assert process.stdout is not None
    assert b"stream_start" in process.stdout.readline()
    assert interrupt(process) == 130
    last = json.loads(process.stdout.read().splitlines()[-1])
    assert (last["type"], last["error"]["error"]) == ("stream_error", "AbortedError")


def test_ctrl_c_while_a_plugin_is_imported(start: Start, add_package: Callable[..., None]) -> None:
    """Ctrl-C before anything was sent ends the command as quietly."""
    add_package("plugin-slow", "import time\nprint('importing', flush=True)\ntime.sleep(60)\n", providers="slow")
    process = start("chat", "-m", "slow:x", "Hi")
    assert process.stdout is not None
    assert process.stderr is not None
    assert os.read(process.stdout.fileno(), 100) == b"importing\n"
    assert interrupt(process) == 130
    assert process.stderr.read().strip() == b""


def test_reader_that_leaves_is_no_error(server: FaultServer, start: Start) -> None:
    """When the reader of the pipe goes away, as ``head -1`` does, the command ends without a word."""
    gate = Gate()
    server.enqueue(sse_answer(delta(content="One\n"), Pause(gate), delta(content="Two\n"), end()))
    process = start("chat", "-m", "mybox:tiny", "Hi")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"One\n"
    process.stdout.close()
    gate.open()
    assert (process.stderr.read(), process.wait()) == (b"", 141)


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_any_locale_prints_utf8(server: FaultServer, run: Run, environ: dict[str, str], locale: str) -> None:
    """Into a pipe goes UTF-8, and an argument is read as UTF-8, whatever the locale can."""
    environ |= {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    server.enqueue(sse_answer(delta(content="Grüße 👋"), end()))
    assert run("chat", "-m", "mybox:tiny", "Schöne Grüße").stdout == "Grüße 👋\n"
    assert sent(server)["messages"] == [{"role": "user", "content": "Schöne Grüße"}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_full_disk_is_one_line(server: FaultServer, start: Start) -> None:
    """Output that cannot be written is an error like any other."""
    server.enqueue(sse_answer(delta(content="Hello"), end()))
    with Path("/dev/full").open("wb") as full:
        process = start("chat", "-m", "mybox:tiny", "Hi", stdout=full)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == (b"error: No space left on device\n", 1)


def test_closed_streams_do_no_harm(server: FaultServer, start: Start) -> None:
    """Started without standard input and output, the command still works."""
    server.enqueue(sse_answer(delta(content="Hello"), end()))
    process = start("chat", "-m", "mybox:tiny", "Hi", through='exec "$0" "$@" <&- >&-')
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == (b"", 0)
