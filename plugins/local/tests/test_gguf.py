"""The head of a model file is read, and what is wrong with a bad one is said."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from core_llm import InvalidRequestError
from plugin_local._gguf import ModelMetadata, explain_load_failure, read_metadata

TEXT, ARRAY, UINT32 = 8, 9, 4


def text(value: str) -> bytes:
    """Return a string as GGUF writes it."""
    return struct.pack("<Q", len(value)) + value.encode()


HEAD = b"GGUF" + struct.pack("<IQQ", 3, 1, 4)
PAIRS = (
    text("general.architecture") + struct.pack("<I", TEXT) + text("tiny")
    + text("general.name") + struct.pack("<I", TEXT) + text("Tiny Chat")
    + text("words") + struct.pack("<IIQ", ARRAY, TEXT, 2) + text("a") + text("b")
    + text("tiny.context_length") + struct.pack("<II", UINT32, 512)
)  # fmt: skip
TENSOR = text("output") + struct.pack("<IQIQ", 1, 64, 0, 4096)


def test_metadata_are_read_past_arrays(tmp_path: Path) -> None:
    """Name, architecture and context length are found wherever in the head they stand."""
    path = tmp_path / "x.gguf"
    path.write_bytes(HEAD + PAIRS + TENSOR)
    assert read_metadata(path) == ModelMetadata("Tiny Chat", "tiny", 512)


def test_a_file_that_says_nothing_is_named_after_itself(tmp_path: Path) -> None:
    """A head without metadata gives the file's name and no figures."""
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    assert read_metadata(path) == ModelMetadata("mine", "", None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PK\x03\x04 zipped", r"is not a GGUF model file: it begins with b'PK\\x03\\x04 zip', not with b'GGUF'"),
        (b"", "is not a GGUF model file: it is empty"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "has GGUF version 1; llama.cpp reads 2 and 3"),
        (HEAD + PAIRS[:50], "is damaged or cut short: it ends after 74 bytes"),
        (HEAD + struct.pack("<Q", 2**63) + b"x", "is damaged or cut short: it ends after 33 bytes"),
        (HEAD + text("x") + struct.pack("<I", 99), "is damaged or cut short: it ends after 37 bytes"),
        (HEAD + text("x") + struct.pack("<IIQ", ARRAY, ARRAY, 1), "is damaged or cut short: it ends after 49 bytes"),
    ],
)
def test_a_bad_file_is_described(content: bytes, problem: str, tmp_path: Path) -> None:
    """Each way to be no model gets a message with the path and what was found."""
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidRequestError, match=f"{path} {problem}"):
        read_metadata(path)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    """What the system says of an unreadable path is passed on."""
    with pytest.raises(InvalidRequestError, match=f"cannot read the model file {tmp_path}: Is a directory"):
        read_metadata(tmp_path)


def test_weights_that_begin_behind_the_end_of_the_file_explain_a_failed_load(tmp_path: Path) -> None:
    """A whole head before missing weights is a file that was cut short."""
    path = tmp_path / "x.gguf"
    path.write_bytes(HEAD + PAIRS + TENSOR)
    assert explain_load_failure(path).startswith(f"the model file {path} is damaged or cut short: it ends after")


def test_a_whole_file_that_does_not_load_leaves_the_likely_causes(tmp_path: Path) -> None:
    """When nothing is missing, the message has the architecture, the size and what to try."""
    path = tmp_path / "x.gguf"
    path.write_bytes((HEAD + PAIRS + TENSOR).ljust(5000, b"\0"))
    assert "(5,000 bytes, architecture 'tiny')" in explain_load_failure(path)
    assert "pip install --upgrade xllamacpp" in explain_load_failure(path)
