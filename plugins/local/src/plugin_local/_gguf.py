"""GGUF: what the head of a model file says of the model, and what is wrong with a file that does not load.

Reads names and sizes only; weights are llama.cpp's business. Format: the GGUF specification, versions 2 and 3
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, checked 2026-11).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core_llm import InvalidRequestError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Type code of a metadata value → how `struct` reads it. Codes 8 and 9 are text and array."""
_TEXT, _ARRAY = 8, 9
_DEFAULT_ALIGNMENT = 32

MetadataValue = int | float | bool | str | None
"""A value of the metadata; None stands for an array, which nobody here needs."""


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model file says of itself.

    Attributes:
        name: The model's name; the file's, if it has none.
        architecture: How llama.cpp calls its kind, e.g. ``"llama"``; empty if it does not say.
        context_length: Tokens of context that the model was trained for; None if it does not say.
    """

    name: str
    architecture: str
    context_length: int | None


class _DamagedError(Exception):
    """The file ends before its head does, or its head cannot be."""


def read_metadata(path: Path) -> ModelMetadata:
    """Read what a model file says of itself, without reading the model.

    Args:
        path: The file.

    Raises:
        InvalidRequestError: It cannot be read, is no GGUF file, or of a version that is not known.
    """
    found: dict[str, MetadataValue] = {}
    try:
        with path.open("rb") as file:
            for key, value in _Reader(file, path).metadata():
                found[key] = value
                architecture = found.get("general.architecture")
                if key.startswith("tokenizer.") and f"{architecture}.context_length" in found:
                    break  # the tokenizer's arrays, which are long, come last and are not needed
    except OSError as error:
        msg = f"cannot read the model file {path}: {error.strerror or error}"
        raise InvalidRequestError(msg) from None
    except _DamagedError:
        raise InvalidRequestError(_cut_short(path)) from None
    architecture = str(found.get("general.architecture") or "")
    context_length = found.get(f"{architecture}.context_length")
    return ModelMetadata(
        name=str(found.get("general.name") or path.stem),
        architecture=architecture,
        context_length=context_length if isinstance(context_length, int) and context_length > 0 else None,
    )


def explain_load_failure(path: Path) -> str:
    """Return why llama.cpp may have refused a file whose metadata could be read; llama.cpp itself does not say."""
    try:
        with path.open("rb") as file:
            reader = _Reader(file, path)
            architecture = dict(reader.metadata()).get("general.architecture") or "unknown"
            if reader.last_tensor_start() >= reader.size:
                return _cut_short(path)
            size = reader.size
    except (OSError, _DamagedError):
        return _cut_short(path)
    return (
        f"llama.cpp cannot load {path} ({size:,} bytes, architecture {architecture!r}): the file is damaged or cut "
        "short, there is too little memory, or the architecture is newer than the installed xllamacpp; fetch the file "
        "again, or try: pip install --upgrade xllamacpp"
    )


def _cut_short(path: Path) -> str:
    size = path.stat().st_size if path.exists() else 0
    return f"the model file {path} is damaged or cut short: it ends after {size:,} bytes, before its contents do"


class _Reader:
    """Reads a GGUF file from its start; never further than the file reaches, whatever the lengths in it claim."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        self._alignment = _DEFAULT_ALIGNMENT
        start = file.read(8)
        if start[:4] != MAGIC:
            what = f"begins with {start!r}, not with {MAGIC!r}" if start else "is empty"
            msg = f"{path} is not a GGUF model file: it {what}"
            raise InvalidRequestError(msg)
        self._file.seek(4)
        version = self._number("I")
        if version not in VERSIONS:
            msg = f"{path} has GGUF version {version}; llama.cpp reads {' and '.join(map(str, VERSIONS))}"
            raise InvalidRequestError(msg)
        self._tensor_count = self._number("Q")
        self._metadata_count = self._number("Q")

    def metadata(self) -> Iterator[tuple[str, MetadataValue]]:
        """Yield each key of the metadata with its value, in the order of the file."""
        for _ in range(self._metadata_count):
            key = self._text()
            value = self._value(self._number("I"))
            if key == "general.alignment" and isinstance(value, int) and value > 0:
                self._alignment = value
            yield key, value

    def last_tensor_start(self) -> int:
        """Return where in the file the last tensor begins; call it when the metadata are read."""
        last = 0
        for _ in range(self._tensor_count):
            self._text()
            self._skip(8 * self._number("I") + 4)  # its dimensions, and the type of its numbers
            last = max(last, self._number("Q"))
        return -(-self._file.tell() // self._alignment) * self._alignment + last

    def _value(self, kind: int) -> MetadataValue:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise _DamagedError
        scalar: MetadataValue = struct.unpack("<" + _SCALARS[kind], self._read(struct.calcsize(_SCALARS[kind])))[0]
        return scalar

    def _skip_array(self) -> None:
        kind, count = self._number("I"), self._number("Q")
        if kind in _SCALARS:
            self._skip(count * struct.calcsize(_SCALARS[kind]))
            return
        if kind != _TEXT:  # an array of arrays: allowed, and used by nobody
            raise _DamagedError
        for _ in range(count):
            self._skip(self._number("Q"))

    def _text(self) -> str:
        return self._read(self._number("Q")).decode("utf-8", "replace")

    def _number(self, form: str) -> int:
        return int(struct.unpack("<" + form, self._read(struct.calcsize("<" + form)))[0])

    def _skip(self, count: int) -> None:
        target = self._file.tell() + count
        if target > self.size:
            raise _DamagedError
        self._file.seek(target)

    def _read(self, count: int) -> bytes:
        if count > self.size:  # a damaged length must not become a request for memory
            raise _DamagedError
        data = self._file.read(count)
        if len(data) < count:
            raise _DamagedError
        return data
