"""A real llama.cpp server, for tests that speak to it over HTTP: Chat Completions, Responses, Messages, embeddings.

It runs in a process of its own, since a server inside this one cannot be relied upon to end. The weights are, unless a
test brings others, the default model of ``plugin-local``, which the tests that use this must depend upon.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True, slots=True)
class Served:
    """What the process of the server is told.

    Attributes:
        weights: Path of a GGUF file.
        embeds: Whether it embeds.
        template: The chat template; empty for the model's own.
        context_length: Tokens.
    """

    weights: str
    embeds: bool = False
    template: str = ""
    context_length: int = CONTEXT_LENGTH


@contextmanager
def llama_server(
    *,
    embeds: bool = False,
    weights: Path | None = None,
    template: Path | None = None,
    context_length: int | None = None,
) -> Iterator[LlamaServer]:
    """Start a server with a small model, fetching its weights if need be, and end it on leaving the block.

    Args:
        embeds: Whether it embeds too, by the mean of its hidden states: real vectors, of no use in a search.
        weights: A GGUF file, in place of the default model.
        template: A chat template in Jinja, in place of the model's own.
        context_length: Tokens, in place of 2048.
    """
    asked = Served(
        str(weights or importlib.import_module("plugin_local").locate("default")),
        embeds=embeds,
        template="" if template is None else template.read_text(encoding="utf-8"),
        context_length=context_length or CONTEXT_LENGTH,
    )
    command = [sys.executable, "-m", __spec__.name, json.dumps(asdict(asked))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), f"llama.cpp did not start: {address!r}"
            yield LlamaServer(address)
        finally:
            process.kill()


def serve(asked: Served) -> None:
    """Serve until standard input ends, which it does when the process that started this one is gone."""
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.verbosity = -1
    params.model.path, params.model_alias = asked.weights, {MODEL}
    params.chat_template = asked.template
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = asked.context_length, 1, 1
    params.use_jinja, params.cache_ram_mib = True, 0
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [API_KEY]
    if asked.embeds:
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201  # this is what the starting process reads
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve(Served(**json.loads(sys.argv[1])))
