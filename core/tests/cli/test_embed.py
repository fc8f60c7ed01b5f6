"""``core-llm embed``: texts from the command line or a pipe, one line of JSON for each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from core_llm_conformance.script import Answer, json_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

Run = Callable[..., subprocess.CompletedProcess[str]]


def lengths(request: RecordedRequest) -> Answer:
    """Answer with the length of each text."""
    texts = json.loads(request.body)["input"]
    return json_answer({"model": "m-1", "data": [{"index": n, "embedding": [len(t), 1]} for n, t in enumerate(texts)]})


def test_texts_become_lines(server: FaultServer, run: Run) -> None:
    """In their order, each with what it is the vector of."""
    server.enqueue(lengths)
    done = run("embed", "-m", "mybox:m", "Hi", "Grüße")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"index": 0, "text": "Hi", "model": "m-1", "embedding": [2.0, 1.0]},
        {"index": 1, "text": "Grüße", "model": "m-1", "embedding": [5.0, 1.0]},
    ]


def test_lines_of_a_pipe_are_texts(server: FaultServer, run: Run) -> None:
    """Blank ones are none; where the lines end, by whatever mark, does not matter."""
    server.enqueue(lengths)
    done = run("embed", "-m", "mybox:m", piped="one\r\n\n  \nthree")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["one", "three"]


def test_a_long_pipe_is_read_in_parts(server: FaultServer, run: Run) -> None:
    """What is written first does not wait for what is read last."""
    server.enqueue(lengths, lengths)
    done = run("embed", "-m", "mybox:m", piped="x\n" * 1001)
    assert [len(json.loads(request.body)["input"]) for request in server.requests] == [1000, 1]
    assert [json.loads(line)["index"] for line in done.stdout.splitlines()] == list(range(1001))


def test_options_go_along(server: FaultServer, run: Run) -> None:
    """As many numbers as are wanted, and what only one provider has."""
    server.enqueue(lengths)
    done = run("embed", "-m", "mybox:m", "-d", "2", "-o", 'mybox.user="u1"', "Hi")
    assert done.returncode == 0
    assert server.last_request.json == {"model": "m", "input": ["Hi"], "dimensions": 2, "user": "u1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["embed", "-m", "mybox:m"], "there is nothing to embed; give a text"),
        (["embed", "Hi"], "Missing option '-m'"),
        (["embed", "-m", "mybox:m", ""], "text 0 of 1 is empty"),
        (["embed", "-m", "mybox:m", "-d", "0", "Hi"], "0 is not in the range"),
        (["embed", "-m", "mybox:m", "-o", "temperature=1", "Hi"], "embed has no setting temperature"),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_usage(run: Run, words: list[str], said: str) -> None:
    """One line says why; nothing is written."""
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_what_is_no_text_is_an_error(run: Run) -> None:
    """With the number of its line."""
    done = run("embed", "-m", "mybox:m", piped=b"one\n\xff\xfe\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: line 2 of what comes through the pipe is not UTF-8 text\n"


def test_a_provider_without_a_field_says_so(run: Run) -> None:
    """Before anything is sent."""
    done = run("embed", "-m", "mybox:m", "-t", "query", "Hi")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no field for input_type" in done.stderr
