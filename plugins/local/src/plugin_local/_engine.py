"""Engine: one model held in memory by llama.cpp, shared by all of this process that use it, answering chats.

What goes in and comes out are Chat Completions requests and chunks as dicts; events are made of them elsewhere. How
llama.cpp is set up, and what its errors mean, is in `_native`.

A native call runs in a thread of its own that never waits for anybody: it puts its chunks on a queue, from which the
caller's thread takes them. So a slow or vanished consumer holds no part of llama.cpp, a stop is obeyed without waiting
for the running batch, and when the interpreter exits every native call can be ended first. (With a thread inside
llama.cpp at that moment the process dies of an abort or a segmentation fault: tried with xllamacpp 2026.10.)
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from core_llm import AbortedError, ConfigError, MalformedResponseError
from core_llm.wire import JSONObject, JSONValue
from plugin_local._gguf import ModelMetadata, read_metadata
from plugin_local._native import (
    EngineOptions,
    NativeServer,
    error_from_chunk,
    error_from_exception,
    start_server,
)

_STOP_POLL = 0.1
"""Seconds without a chunk after which a call asks whether it is still wanted."""
_EXIT_PATIENCE = 30.0
"""Seconds that closing waits for llama.cpp to end a call; it does so within one batch."""


class LocalEngine:
    """A loaded model. Any number of threads may chat at once; `EngineOptions.parallel` of them are answered together.

    Attributes:
        path: The model file.
        metadata: What it says of itself.
        options: How it was loaded.
    """

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path = path
        self.options = options
        self.metadata: ModelMetadata = read_metadata(path)
        self._lock = Lock()  # guards what is below; held while loading, so that others wait for the model
        self._server: NativeServer | None = None
        self._calls: set[_Call] = set()

    @classmethod
    def open(cls, path: Path, options: EngineOptions | None = None) -> LocalEngine:
        """Return the engine for a model file, loaded: the same one for the same file and options.

        Args:
            path: A GGUF file.
            options: How to load it.

        Raises:
            InvalidRequestError: The file is missing, not GGUF, damaged, or not for this llama.cpp.
            ConfigError: llama.cpp cannot be imported here.
        """
        options = options or EngineOptions()
        key = (path.resolve(), options)
        with _engines_lock:
            engine = _engines.get(key)
        if engine is None:
            fresh = cls(path, options)
            with _engines_lock:
                engine = _engines.setdefault(key, fresh)
        engine._load()  # noqa: SLF001  # its own class
        return engine

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._server is not None

    @property
    def context_length(self) -> int:
        """Tokens, prompt and answer together, that one call may have."""
        return self.options.window(self.metadata.context_length)

    def chat(
        self,
        body: JSONObject,
        on_chunk: Callable[[JSONObject], bool],
        *,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Answer one Chat Completions request; blocks until it is answered or stopped.

        Args:
            body: The request; it is streamed whatever it says.
            on_chunk: Gets each chunk in this thread; returns True to stop. What it raises stops the call and comes out.
            should_stop: Asked after every batch of the prompt that was read, and several times a second while there is
                nothing to hand on, as when other calls are before this one.

        Raises:
            ContextLengthError: The prompt does not fit into `context_length`.
            BadRequestError: llama.cpp does not accept the request.
            ServerError: llama.cpp failed while answering.
            AbortedError: The engine was closed meanwhile.
            ConfigError: It had been closed before.
        """
        call = self._start(body)
        try:
            while (chunk := call.next_chunk(should_stop)) is not None:
                if "prompt_progress" in chunk:
                    if should_stop():
                        return
                elif "error" in chunk:
                    raise error_from_chunk(chunk, self.context_length, self.metadata.context_length)
                elif on_chunk(chunk):
                    return
        finally:
            call.stop()

    def close(self) -> None:
        """End all calls and free the memory. Who opens the file again gets it loaded again."""
        with self._lock:
            server, self._server = self._server, None
            calls = [*self._calls]
        for call in calls:
            call.end()
        for call in calls:
            call.thread.join(_EXIT_PATIENCE)
        del server  # the last reference: llama.cpp frees the model here

    def _load(self) -> None:
        with self._lock:
            if self._server is None:
                _register_exit()
                self._server = start_server(self.path, self.options, self.context_length)

    def _start(self, body: JSONObject) -> _Call:
        request: dict[str, JSONValue] = {**body, "stream": True, "return_progress": True}
        with self._lock:
            if self._server is None:
                raise ConfigError(f"the engine for {self.path} was closed; open it again")
            call = _Call(self._server, json.dumps(request).encode(), self._forget)
            call.thread.start()
            self._calls.add(call)
        return call

    def _forget(self, call: _Call) -> None:
        with self._lock:
            self._calls.discard(call)

    def _after_fork(self) -> None:
        self._lock = Lock()
        self._calls = set()
        if self._server is not None:
            _inherited.append(self._server)
            self._server = None


class _Call:
    """One native call and its thread."""

    def __init__(self, server: NativeServer, request: bytes, on_end: Callable[[_Call], None]) -> None:
        self.thread = Thread(target=self._run, args=(server, request, on_end), name="plugin-local", daemon=True)
        self._arrived: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        self._is_stopped = False

    def next_chunk(self, should_stop: Callable[[], bool]) -> JSONObject | None:
        """Return the next chunk, once it is there; None after the last, or once `should_stop` says yes.

        Raises:
            BadRequestError: llama.cpp refused the request by raising.
            AbortedError: The call was ended by closing the engine.
            MalformedResponseError: A chunk is not a JSON object.
        """
        while True:
            try:
                arrived = self._arrived.get(timeout=_STOP_POLL)
                break
            except Empty:
                if should_stop():
                    return None
        if isinstance(arrived, Exception):
            raise arrived
        if arrived is None:
            return None
        try:
            chunk = json.loads(arrived)
        except ValueError:
            chunk = None
        if not isinstance(chunk, dict):
            text = arrived[:200].decode("utf-8", "replace")
            raise MalformedResponseError("llama.cpp sent a chunk that is not a JSON object", frame=text)
        return chunk

    def stop(self) -> None:
        """Let the native call end at its next chunk, without waiting for it."""
        self._is_stopped = True

    def end(self) -> None:
        """Stop, and let the thread that takes the chunks know."""
        self._is_stopped = True
        self._arrived.put(AbortedError("the local model was closed while it answered", reason="closed"))

    def _run(self, server: NativeServer, request: bytes, on_end: Callable[[_Call], None]) -> None:
        try:
            server.handle_chat_completions(request, self._take)
        except Exception as error:  # noqa: BLE001  # whatever C++ threw comes as one of several types
            self._arrived.put(error_from_exception(error))
        else:
            self._arrived.put(None)
        finally:
            on_end(self)

    def _take(self, chunk: bytes) -> bool:
        if not self._is_stopped:
            self._arrived.put(chunk)
        return self._is_stopped


_engines: dict[tuple[Path, EngineOptions], LocalEngine] = {}
_engines_lock = Lock()
_inherited: list[NativeServer] = []
"""Servers of the parent of this process: freeing one would wait for ever for a thread that only the parent has."""
_is_registered = False


def close_all() -> None:
    """Close every engine of this process."""
    with _engines_lock:
        engines = [*_engines.values()]
    for engine in engines:
        engine.close()


def _register_exit() -> None:
    """Arrange, once the first model loads, that no thread is inside llama.cpp when the interpreter goes."""
    global _is_registered  # noqa: PLW0603  # once a process
    with _engines_lock:
        if not _is_registered:
            atexit.register(close_all)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_after_fork)
            _is_registered = True


def _after_fork() -> None:
    """Give a forked child engines that are not loaded: the threads of the parent's do not exist in it."""
    global _engines_lock  # noqa: PLW0603  # another thread may have held it at the fork
    _engines_lock = Lock()
    for engine in _engines.values():
        engine._after_fork()  # noqa: SLF001  # of this module
