"""A real model answers in this process, stops when told, and never takes the interpreter down with it."""

from __future__ import annotations

import multiprocessing
import os
import struct
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core_llm import AbortedError, BadRequestError, ConfigError, ContextLengthError, InvalidRequestError
from core_llm.wire import JSONObject
from plugin_local._engine import LocalEngine
from plugin_local._native import EngineOptions

HANG_GUARD = 120.0
STORY: JSONObject = {"messages": [{"role": "user", "content": "Tell me a long story."}], "temperature": 0}
LONG_PROMPT: JSONObject = {"messages": [{"role": "user", "content": "word " * 5000}]}


PIXEL: JSONObject = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def take_all(_: JSONObject) -> bool:
    """Go on."""
    return False


def content(chunk: JSONObject) -> str:
    """Return the text in a chunk."""
    match chunk:
        case {"choices": [{"delta": {"content": str(text)}}]}:
            return text
    return ""


def test_an_answer_arrives_token_by_token(engine: LocalEngine) -> None:
    """Twenty tokens are twenty chunks with text; the last chunks have the finish reason and the usage."""
    chunks: list[JSONObject] = []
    engine.chat(
        {**STORY, "max_tokens": 20, "stream_options": {"include_usage": True}}, lambda c: chunks.append(c) or False
    )
    assert len([chunk for chunk in chunks if content(chunk)]) == 20
    assert chunks[-2]["choices"] == [{"finish_reason": "length", "index": 0, "delta": {}}]
    assert chunks[-1]["usage"]["completion_tokens"] == 20  # type: ignore[index, call-overload]
    assert not any("prompt_progress" in chunk for chunk in chunks)


def test_a_greedy_answer_makes_sense(engine: LocalEngine) -> None:
    """The model is really there: its answer is about the question."""
    texts: list[str] = []
    question: JSONObject = {"role": "user", "content": "Why is the sky blue?"}
    engine.chat(
        {"messages": [question], "temperature": 0, "max_tokens": 40}, lambda c: texts.append(content(c)) or False
    )
    assert "light" in "".join(texts)


def test_generating_stops_at_the_chunk_that_said_so(engine: LocalEngine) -> None:
    """After True nothing more comes, though the model had a long story to tell."""
    chunks: list[JSONObject] = []
    engine.chat(STORY, lambda chunk: chunks.append(chunk) or len(chunks) == 5)
    assert len(chunks) == 5


def test_reading_a_long_prompt_stops(engine: LocalEngine) -> None:
    """Between two batches of the prompt the call asks, and ends at the first yes, before any chunk."""
    asked: list[None] = []
    chunks: list[JSONObject] = []
    prompt = {**LONG_PROMPT, "cache_prompt": False}
    engine.chat(prompt, lambda c: chunks.append(c) or False, should_stop=lambda: asked.append(None) or len(asked) == 3)
    assert (len(asked), chunks) == (3, [])


def test_a_stopped_call_leaves_its_place_to_the_next(model_file: Path) -> None:
    """With room for one call at a time, a stop in the middle of a prompt lets the next one be answered."""
    engine = LocalEngine.open(model_file, EngineOptions(parallel=1))
    engine.chat(LONG_PROMPT, take_all, should_stop=lambda: True)
    chunks: list[JSONObject] = []
    engine.chat({**STORY, "max_tokens": 2}, lambda chunk: chunks.append(chunk) or False)
    engine.close()
    assert len([chunk for chunk in chunks if content(chunk)]) == 2


def test_a_call_that_waits_for_its_turn_can_be_stopped(model_file: Path) -> None:
    """A call behind another asks too, though llama.cpp has not begun with it."""
    engine = LocalEngine.open(model_file, EngineOptions(parallel=1))
    begun = threading.Event()
    chunks: list[JSONObject] = []
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine.chat, LONG_PROMPT, take_all, should_stop=lambda: begun.set() or False)
        assert begun.wait(HANG_GUARD)
        engine.chat(STORY, lambda chunk: chunks.append(chunk) or False, should_stop=lambda: True)
        assert not first.done()
        engine.close()
        with pytest.raises(AbortedError, match="the local model was closed while it answered"):
            first.result(HANG_GUARD)
    assert chunks == []


def test_calls_at_once_get_whole_answers(engine: LocalEngine) -> None:
    """Three calls from three threads, one more than are answered together, are each answered to the end."""
    answers: list[list[str]] = [[], [], []]

    def ask(answer: list[str]) -> None:
        engine.chat({**STORY, "max_tokens": 10}, lambda chunk: answer.append(content(chunk)) or False)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask, answers, timeout=HANG_GUARD))
    assert [len([text for text in answer if text]) for answer in answers] == [10, 10, 10]


def test_a_consumer_that_waits_does_not_hold_up_another_call(model_file: Path) -> None:
    """While one consumer sits on its first chunk, the next call is answered, even with room for one at a time."""
    engine = LocalEngine.open(model_file, EngineOptions(parallel=1))
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine.chat, {**STORY, "max_tokens": 5}, lambda _: not release.wait(HANG_GUARD))
        texts: list[str] = []
        engine.chat({**STORY, "max_tokens": 5}, lambda chunk: texts.append(content(chunk)) or False)
        assert not first.done()
        release.set()
        first.result(HANG_GUARD)
    engine.close()
    assert len([text for text in texts if text]) == 5


def test_what_the_consumer_raises_comes_out(engine: LocalEngine) -> None:
    """An exception in the callback ends the call and reaches its caller, an interrupt included."""

    def interrupt(_: JSONObject) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.chat(STORY, interrupt)


def test_a_prompt_that_does_not_fit_is_a_context_length_error(model_file: Path) -> None:
    """The error has both figures, and says that another context length would do."""
    engine = LocalEngine.open(model_file, EngineOptions(context_length=256, parallel=1))
    with pytest.raises(
        ContextLengthError, match=r"\(5031 tokens\) exceeds .* \(256 tokens\).* context_length above 256"
    ):
        engine.chat(LONG_PROMPT, take_all)
    engine.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": "hello"}, "llama.cpp does not accept the request: Expected 'messages' to be an array"),
        ({**STORY, "temperature": "hot"}, "Field 'temperature': .* type must be number, but is string"),
        ({"messages": [{"role": "user", "content": [PIXEL]}]}, "image input is not supported"),
    ],
)
def test_a_request_that_llama_cpp_refuses_is_a_bad_request(engine: LocalEngine, body: JSONObject, words: str) -> None:
    """Whether it raises or answers with an error, the error is one type with its words."""
    with pytest.raises(BadRequestError, match=words) as raised:
        engine.chat(body, take_all)
    assert (raised.value.status_code, raised.value.is_retryable) == (400, False)


def test_a_file_and_its_options_are_loaded_once(engine: LocalEngine, model_file: Path) -> None:
    """The same file, by another path, is the same engine; with other options it is another."""
    relative = Path(os.path.relpath(model_file))
    other = LocalEngine.open(relative, EngineOptions(context_length=256))
    assert LocalEngine.open(relative) is engine
    assert (other is engine, other.context_length, engine.context_length) == (False, 256, 8192)
    other.close()


def test_a_closed_engine_loads_again_when_opened(model_file: Path) -> None:
    """Closing frees the model and says so to later calls; opening the file brings it back."""
    options = EngineOptions(context_length=256)
    engine = LocalEngine.open(model_file, options)
    engine.close()
    with pytest.raises(ConfigError, match="was closed; open it again"):
        engine.chat(STORY, take_all)
    assert not engine.is_loaded
    assert LocalEngine.open(model_file, options).is_loaded
    engine.close()


def test_a_cut_model_is_not_loaded(model_file: Path, tmp_path: Path) -> None:
    """A file whose download stopped half-way is an error that says so, and can be opened once it is whole."""
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(model_file.read_bytes()[:50_000_000])
    with pytest.raises(InvalidRequestError, match=f"{cut} is damaged or cut short: it ends after 50,000,000 bytes"):
        LocalEngine.open(cut)


def test_a_model_of_an_unknown_architecture_is_not_loaded(tmp_path: Path) -> None:
    """A file with a good head that llama.cpp cannot run is an error with its architecture."""
    path = tmp_path / "x.gguf"
    key, value = b"general.architecture", b"zebra"
    pair = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(value)) + value
    path.write_bytes((b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair).ljust(1000, b"\0"))
    with pytest.raises(InvalidRequestError, match=r"llama\.cpp cannot load .* architecture 'zebra'"):
        LocalEngine.open(path)


@pytest.mark.parametrize("options", [{"threads": 0}, {"context_length": -1}, {"batch_size": 0}, {"parallel": 0}])
def test_senseless_options_are_refused(options: dict[str, int]) -> None:
    """A figure that llama.cpp would crash on is an error that names it."""
    with pytest.raises(ConfigError, match=f"{next(iter(options))} of a local model is"):
        EngineOptions(**options)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("", id="idle"),
        pytest.param("in_background(STORY, lambda chunk: started.set())", id="generating"),
        pytest.param("in_background(STORY, lambda chunk: started.set() or forever.wait())", id="consumer-waits"),
        pytest.param("in_background(LONG_PROMPT, print, should_stop=started.set)", id="reading-the-prompt"),
    ],
)
def test_the_interpreter_ends_well_and_quietly(ending: str, model_file: Path) -> None:
    """Whatever a model is at when the program ends, the exit status is the program's own and nothing is printed."""
    program = f"""
        import sys, threading
        from pathlib import Path
        from plugin_local._engine import LocalEngine
        STORY, LONG_PROMPT = {STORY!r}, {LONG_PROMPT!r}
        started, forever = threading.Event(), threading.Event()
        engine = LocalEngine.open(Path({str(model_file)!r}))
        threading.excepthook = lambda failure: None
        def in_background(*args, **kwargs):
            threading.Thread(target=engine.chat, args=args, kwargs=kwargs, daemon=True).start()
            started.wait()
        {ending}
        sys.exit(7)
    """
    assert run(program) == (7, "", "")


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this platform has no fork")
def test_a_forked_worker_loads_the_model_for_itself(model_file: Path) -> None:
    """A child of multiprocessing, forked after loading, is answered and ends."""
    program = f"""
        import multiprocessing
        from pathlib import Path
        from plugin_local._engine import LocalEngine
        def work():
            LocalEngine.open(Path({str(model_file)!r})).chat({STORY!r} | {{"max_tokens": 1}}, lambda chunk: False)
            print("answered", flush=True)
        LocalEngine.open(Path({str(model_file)!r}))
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        print(child.exitcode)
    """
    assert run(program)[:2] == (0, "answered\n0\n")


def run(program: str) -> tuple[int, str, str]:
    """Run a program in a fresh interpreter; return its exit status and what it printed."""
    ended = subprocess.run(  # our own text
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=HANG_GUARD,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr
