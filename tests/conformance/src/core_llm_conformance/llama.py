"""A real llama.cpp server, for tests that speak to it over HTTP: Chat Completions, Responses, Messages, embeddings.

It runs in a process of its own, since a server inside this one cannot be relied upon to end. The weights are the
default model of ``plugin-local``, which the tests that use this must depend upon.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODEL = "smollm2"
API_KEY = "made-up-key"
CONTEXT_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """Where the server is.

    Attributes:
        url: Its address, without a path; ``/v1`` follows.
        model: The name that it gives its model.
        api_key: The key that it wants, as bearer or in ``x-api-key``.
    """

    url: str
    model: str = MODEL
    api_key: str = API_KEY


@contextmanager
def llama_server(*, embeds: bool = False) -> Iterator[LlamaServer]:
    """Start a server with a small model, fetching its weights if need be, and end it on leaving the block.

    Args:
        embeds: Whether it embeds too, by the mean of its hidden states: real vectors, of no use in a search.
    """
    weights = importlib.import_module("plugin_local").locate("default")
    command = [sys.executable, "-m", __spec__.name, str(weights), *(["embeds"] if embeds else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), f"llama.cpp did not start: {address!r}"
            yield LlamaServer(address)
        finally:
            process.kill()


def serve(weights: Path, *, embeds: bool) -> None:
    """Serve until standard input ends, which it does when the process that started this one is gone."""
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.verbosity = -1
    params.model.path, params.model_alias = str(weights), {MODEL}
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = CONTEXT_LENGTH, 1, 1
    params.use_jinja, params.cache_ram_mib = True, 0
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [API_KEY]
    if embeds:
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201  # this is what the starting process reads
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), embeds="embeds" in sys.argv[2:])
