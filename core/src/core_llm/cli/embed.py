"""The verb ``embed``: texts in, one line of JSON for each out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from core_llm._client import Client
from core_llm._embed_options import EmbedOptions
from core_llm._embeddings import InputType
from core_llm._errors import InvalidRequestError
from core_llm.cli._input import parse_options, typed_text
from core_llm.cli._output import Output

LINES_AT_ONCE = 1000
"""Texts that are held at once: what is read has no end that is known."""
NOTHING = "there is nothing to embed; give a text as an argument, or one a line through a pipe"


def run_embed(
    *, texts: Sequence[str], model: str, dimensions: int | None, input_type: InputType | None, options: Sequence[str]
) -> None:
    """Embed the texts, or each line that comes through standard input; write each vector as soon as it is there.

    Raises:
        CoreLLMError: There is no text, the provider has no embeddings, or the call failed.
    """
    settings, provider_options = parse_options(options)
    if settings.model_fields_set:
        names = ", ".join(sorted(settings.model_fields_set))
        raise InvalidRequestError(f"embed has no setting {names}; -o takes PROVIDER.FIELD=VALUE here")
    call: EmbedOptions = {"provider_options": provider_options}
    if dimensions is not None:
        call["dimensions"] = dimensions
    if input_type is not None:
        call["input_type"] = input_type
    output, index = Output(), 0
    lines = iter([typed_text(text) for text in texts] if texts else piped_lines())
    batch = list(islice(lines, LINES_AT_ONCE))
    if not batch:
        raise InvalidRequestError(NOTHING)
    with Client() as client:
        while batch:
            embeddings = client.embed(model, batch, **call)
            for text, vector in zip(batch, embeddings.vectors, strict=True):
                output.write_json({"index": index, "text": text, "model": embeddings.model, "embedding": list(vector)})
                index += 1
            batch = list(islice(lines, LINES_AT_ONCE))


def piped_lines() -> Iterator[str]:
    """Yield each line that comes through standard input and is not blank.

    Raises:
        InvalidRequestError: It is not text, or nothing is piped.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidRequestError(NOTHING)
    lines: Iterable[bytes] = sys.stdin.buffer
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError:
            raise InvalidRequestError(f"line {number} of what comes through the pipe is not UTF-8 text") from None
        if text.strip():
            yield text
