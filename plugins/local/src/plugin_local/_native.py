"""Native: how llama.cpp is set up through xllamacpp, and what its errors mean. The only module that imports it.

Facts of xllamacpp 2026.10 that this rests on (each tried, checked 2026-11): a server always listens on HTTP; a failed
load says nothing of its cause; a server that is freed before its loop runs hangs; a refused request is a raised
ValueError or RuntimeError, or one chunk ``{"error": …}``; an exception out of the callback is swallowed; with
`kv_unified` all calls fail with a 500 when they outgrow the window together.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core_llm import (
    BadRequestError,
    ConfigError,
    ContextLengthError,
    InvalidRequestError,
    ServerError,
    StatusError,
)
from core_llm.wire import JSONObject
from plugin_local._gguf import explain_load_failure

DEFAULT_WINDOW = 8192
"""Tokens of context that are reserved unless asked for otherwise: long enough to talk, small enough for any memory."""
_MAX_THREADS = 8
"""More threads than this read memory no faster."""
_MAX_SOCKET_PATH = 100
"""Bytes that the name of a Unix socket may have everywhere (the limit is 104 on macOS, 108 on Linux)."""
_HTTP_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How to load a model.

    Attributes:
        context_length: Tokens, prompt and answer together, of one call; None for the model's own, at most 8192. Each
            takes memory. More than the model was trained for is not used.
        threads: Threads to compute with; None for half of the processors that this process may use, at most 8.
        batch_size: Tokens of the prompt that are read in one go. A stop is obeyed between two batches.
        parallel: Calls answered at the same time, each with a whole context; further ones wait their turn.
        gpu_layers: Layers to put on a GPU, where this xllamacpp has one; -1 for as many as fit, 0 for none.
    """

    context_length: int | None = None
    threads: int | None = None
    batch_size: int = 64
    parallel: int = 2
    gpu_layers: int = -1

    def __post_init__(self) -> None:
        """Refuse what llama.cpp would crash on."""
        for name in ("context_length", "threads", "batch_size", "parallel"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} of a local model is {value}; it must be at least 1")

    def window(self, trained: int | None) -> int:
        """Return the tokens of context of one call, for a model that was trained for `trained` (None: unknown)."""
        wanted = self.context_length or DEFAULT_WINDOW
        return wanted if trained is None else min(wanted, trained)


class NativeServer(Protocol):
    """What is used of xllamacpp's server."""

    def handle_chat_completions(self, request: bytes, callback: Callable[[bytes], bool]) -> None:
        """Answer a request, in JSON; each chunk goes to the callback, in JSON, which returns True to stop."""
        ...

    def handle_metrics(self) -> str:
        """Return figures of the server, which its loop works out."""
        ...


def start_server(path: Path, options: EngineOptions, window: int) -> NativeServer:
    """Load a model.

    Args:
        path: The GGUF file.
        options: How.
        window: Tokens of context of one call.

    Raises:
        InvalidRequestError: llama.cpp cannot load the file; the message says why, as far as can be found out.
        ConfigError: xllamacpp cannot be imported.
    """
    try:
        xllamacpp = importlib.import_module(
            "xllamacpp"
        )  # here, since it takes 50 ms that a listing of models can spare
    except ImportError as error:
        msg = f"llama.cpp cannot be loaded here ({error}); reinstall it: pip install --force-reinstall xllamacpp"
        raise ConfigError(msg) from None
    params = xllamacpp.CommonParams()
    params.verbosity = -1  # prints nothing
    params.model.path = str(path)
    params.model_alias = {path.stem}
    params.n_ctx = window * options.parallel
    params.n_parallel = options.parallel
    params.kv_unified = False
    params.n_batch = params.n_ubatch = options.batch_size
    params.n_gpu_layers = options.gpu_layers
    params.cpuparams.n_threads = options.threads or _default_threads()
    params.cache_ram_mib = 0  # or it would keep up to 8 GB of old prompts
    params.cache_idle_slots = False
    params.fit_params = False  # or it would change the context length by itself
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.endpoint_metrics = True  # needed below
    params.n_threads_http = 1
    params.api_keys = [secrets.token_urlsafe(32)]
    with _private_address() as address:
        params.hostnames = [address]
        try:
            server: NativeServer = xllamacpp.Server(params)
        except (RuntimeError, ValueError):
            raise InvalidRequestError(explain_load_failure(path)) from None
    server.handle_metrics()  # comes back once the loop runs; a server freed before (one load in 40) waits for ever
    return server


@contextmanager
def _private_address() -> Iterator[str]:
    """Give the HTTP server that comes with llama.cpp, and that nobody here uses, an address where nobody reaches it.

    A Unix socket in a folder of ours, removed as soon as the server listens. Where there is none, a port of loopback
    that takes only a random key.
    """
    folder = tempfile.mkdtemp(prefix="core-llm-")
    try:
        address = str(Path(folder, "s.sock"))
        yield address if os.name == "posix" and len(os.fsencode(address)) <= _MAX_SOCKET_PATH else "127.0.0.1"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _default_threads() -> int:
    """Return half of the processors this process may use: with two threads a core as usual, that is its cores."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MAX_THREADS, usable // 2))


def error_from_chunk(chunk: JSONObject, window: int, trained: int | None) -> StatusError:
    """Return the error that a chunk with ``error`` in it stands for; the words are llama.cpp's.

    Args:
        chunk: The chunk.
        window: Tokens of context of one call, as loaded.
        trained: Tokens that the model was trained for, if known.
    """
    found = chunk["error"]
    error = found if isinstance(found, dict) else {"message": str(found)}
    status, code, message = error.get("code"), error.get("type"), str(error.get("message") or "llama.cpp failed")
    status = status if isinstance(status, int) else _HTTP_SERVER_ERROR
    code = code if isinstance(code, str) else None
    body = json.dumps(chunk)
    if code == "exceed_context_size_error":
        more = trained is None or trained > window
        hint = (
            f"load the model with a context_length above {window}"
            if more
            else "the model has no larger one; shorten it"
        )
        return ContextLengthError(f"{message}; {hint}", status_code=status, code=code, body=body)
    if status < _HTTP_SERVER_ERROR:
        return BadRequestError(message, status_code=status, code=code, body=body)
    return ServerError(message, status_code=status, code=code, body=body, is_retryable=False)


def error_from_exception(error: Exception) -> StatusError:
    """Return the error for what llama.cpp threw; it throws while it prepares a request that it cannot take."""
    return BadRequestError(f"llama.cpp does not accept the request: {error}", status_code=400)
