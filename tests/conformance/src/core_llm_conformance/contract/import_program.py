"""What a fresh interpreter runs to see what importing a plugin does. It writes what it saw to a file, as JSON.

Sockets, name lookups and new processes are refused while it looks: whoever tries is told so, and it is noted. It
imports the core first, so that only what the plugin adds counts.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import importlib.util
import json
import locale
import logging
import os
import signal
import socket
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

REFUSED = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn")
"""How the audit events begin that are noted and refused."""
NOTED = {
    "builtins.input": "asks for input",
    "os.chdir": "changes the working folder",
    "os.mkdir": "makes a folder",
    "os.putenv": "sets an environment variable",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.rmdir": "removes a folder",
    "os.unsetenv": "removes an environment variable",
    "sys.addaudithook": "adds an audit hook",
    "sys.setprofile": "sets a profiler",
    "sys.settrace": "sets a tracer",
    "tempfile.mkdtemp": "makes a temporary folder",
    "tempfile.mkstemp": "makes a temporary file",
    "urllib.Request": "makes a request",
    "webbrowser.open": "opens a browser",
}
"""Audit event → what it means; noted, not refused."""
HARMLESS = {"socket.gethostname"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
SHOWN = 200


class RefusedError(RuntimeError):
    """The plugin tried, at import, what it may not."""


class Watch:
    """Notes what happens between `start` and `stop`.

    Attributes:
        seen: What was noted: what happened, and the plugin's line that led to it.
    """

    def __init__(self, root: str) -> None:
        self.seen: list[dict[str, str]] = []
        self._root = root
        self._is_on = False

    def start(self) -> None:
        """Begin to note."""
        sys.addaudithook(self._hear)
        self._is_on = True
        for name in ("_start_new_thread", "_start_joinable_thread"):  # no audit event tells of it before Python 3.12
            if (starter := getattr(threading, name, None)) is not None:
                setattr(threading, name, self._noting(starter))

    def stop(self) -> None:
        """Note nothing more."""
        self._is_on = False

    def note(self, what: str) -> None:
        """Keep that something happened, once for each line that led to it."""
        entry = {"what": what[:SHOWN], "where": self.line()}
        if entry not in self.seen:
            self.seen.append(entry)

    def line(self) -> str:
        """Return the plugin's innermost line that is running, or an empty text if none is."""
        frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001  # the way to the frames
        while frame is not None:
            if self._root and frame.f_code.co_filename.startswith(self._root):
                return f"{frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event == "open":
            self._hear_open(*arguments[:3])
        elif event.startswith(REFUSED) and event not in HARMLESS:
            self.note(f"{event}{tuple(map(str, arguments))[:2]}")
            raise RefusedError(f"{event} is refused while a plugin is imported")
        elif event in NOTED:
            self.note(f"{NOTED[event]} ({event}{tuple(map(str, arguments))[:2]})")

    def _noting(self, starter: Callable[..., Any]) -> Callable[..., Any]:
        def start(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # whatever starts a thread
            if self._is_on:
                self.note("starts a thread")
            return starter(*arguments, **named)

        return start

    def _hear_open(self, path: object, mode: object, flags: object) -> None:
        wants_to_write = isinstance(flags, int) and bool(flags & WRITING)
        if wants_to_write and str(path) != os.devnull:
            self.note(f"opens {path} for writing ({mode})")


class WatchedEnviron(os._Environ[str]):  # noqa: SLF001  # the only way to see who reads it
    """The environment, noting which of the plugin's lines read it."""

    watch: Watch | None = None

    def __getitem__(self, name: str) -> str:
        """Return a variable, and note who asked for it."""
        caller: types.FrameType | None = sys._getframe(1)  # noqa: SLF001
        while caller is not None and caller.f_code.co_filename.endswith(("os.py", "_collections_abc.py", ">")):
            caller = caller.f_back
        watch = type(self).watch
        if (
            watch is not None
            and caller is not None
            and f"{caller.f_code.co_filename}:{caller.f_lineno}" == watch.line()
        ):
            watch.note(f"reads the environment variable {name}")
        return super().__getitem__(name)


def surroundings() -> dict[str, Any]:
    """Return the state of the process that an import must leave as it is."""
    handlers = {number.name: repr(signal.getsignal(number)) for number in signal.valid_signals() if _has_name(number)}
    return {
        "the environment": dict(os.environ),
        "sys.path": list(sys.path),
        "sys.meta_path": list(map(repr, sys.meta_path)),
        "sys.path_hooks": list(map(repr, sys.path_hooks)),
        "sys.excepthook": repr(sys.excepthook),
        "sys.stdout": repr(sys.stdout),
        "sys.stderr": repr(sys.stderr),
        "the recursion limit": sys.getrecursionlimit(),
        "threading.excepthook": repr(threading.excepthook),
        "the handlers of signals": handlers,
        "the working folder": str(Path.cwd()),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the garbage collector": [gc.isenabled(), *gc.get_threshold()],
        "the default timeout of sockets": socket.getdefaulttimeout(),
        "the filters of warnings": list(map(repr, warnings.filters)),
        "builtins": {name: repr(value) for name, value in vars(builtins).items() if name != "_"},
        "threads": sorted(thread.name for thread in threading.enumerate()),
        **{f"the logger {name or 'root'!r}": told for name, told in _loggers().items()},
    }


def _has_name(number: object) -> bool:
    return hasattr(number, "name")


def _loggers() -> dict[str, list[Any]]:
    """Return what is set of each logger; of one that nobody set anything of, nothing."""
    found: dict[str, list[Any]] = {}
    for name in ["", *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name) if name else logging.root
        handlers = [repr(h) for h in logger.handlers if not isinstance(h, logging.NullHandler)]
        told = [logger.level, handlers, logger.propagate, logger.disabled]
        if not name or told != [logging.NOTSET, [], True, False]:
            found[name] = told
    return found


def core_state() -> dict[str, str]:
    """Return every name of the core's modules and classes with what it stands for, tables with what is in them."""
    found: dict[str, str] = {}
    for module_name, module in sorted(sys.modules.items()):
        if module_name != "core_llm" and not module_name.startswith("core_llm."):
            continue
        for name, value in list(vars(module).items()):
            found[f"{module_name}.{name}"] = _told(value)
            if isinstance(value, type) and value.__module__ == module_name:
                for inner, attribute in list(vars(value).items()):
                    if not inner.startswith(("_abc", "__")):
                        found[f"{module_name}.{name}.{inner}"] = _told(attribute)
    return found


def _told(value: object) -> str:
    return repr(value) if isinstance(value, dict | list | set | str | int | tuple) else f"{type(value)} {id(value)}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what is another than before; also of a logger, or a field of a known class, that is new."""
    changed = [name for name in after if name in before and before[name] != after[name]]
    return changed + [
        name
        for name in after
        if name not in before and (name.startswith("the logger") or name.rpartition(".")[0] in before)
    ]


def import_core() -> None:
    """Import all that a plugin may import from the core, so that it does not count as the plugin's."""
    core = importlib.import_module("core_llm")
    for door in (core, importlib.import_module("core_llm.wire"), importlib.import_module("core_llm.hookspecs")):
        for name in getattr(door, "__all__", ()):
            with contextlib.suppress(ImportError):  # a name whose extra is not installed
                getattr(door, name)


def root_of(module: str) -> str:
    """Return the folder of a plugin's package, or the file of its only module."""
    spec = importlib.util.find_spec(module.partition(".")[0])
    if spec is None:
        return ""
    return next(iter(spec.submodule_search_locations or ()), spec.origin or "")


def import_plugin(module: str, file: str) -> None:
    """Import the plugin: by its name, or from a file that has none."""
    if not file:
        importlib.import_module(module)
        return
    _make_parents(module, Path(file))
    spec = importlib.util.spec_from_file_location(module, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    spec.loader.exec_module(made)


def _make_parents(module: str, file: Path) -> None:
    """Make empty packages of the folders above a file, so that what it imports beside itself is found."""
    folder = file.parent.parent if file.stem == "__init__" else file.parent
    package = module.rpartition(".")[0]
    while package:
        made = types.ModuleType(package)
        made.__path__ = [str(folder)]
        sys.modules[package] = made
        folder, package = folder.parent, package.rpartition(".")[0]


def main() -> None:
    """Import what ``argv[1]`` names (from the file ``argv[2]``, unless empty) and write what it did to ``argv[3]``."""
    module, file, report = sys.argv[1:4]
    import_core()
    root = file or root_of(module)
    watch = Watch(root)
    before, core_before, loaded = surroundings(), core_state(), set(sys.modules)
    os.environ.__class__ = WatchedEnviron
    error = ""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        before["the filters of warnings"] = list(map(repr, warnings.filters))
        watch.start()
        WatchedEnviron.watch = watch
        try:
            import_plugin(module, file)
        except BaseException as raised:  # noqa: BLE001  # a module may raise anything, SystemExit too
            error = "".join(traceback.format_exception_only(raised)).strip()
        finally:
            WatchedEnviron.watch = None
            watch.stop()
        after = surroundings()
    seen = [*watch.seen, *({"what": f"changes {name}", "where": ""} for name in changes(before, after))]
    core_changes = changes(core_before, core_state())
    seen += [{"what": f"changes {name}, which is the core's", "where": ""} for name in core_changes]
    seen += [
        {
            "what": f"warns: {warning.category.__name__}: {warning.message}",
            "where": f"{warning.filename}:{warning.lineno}",
        }
        for warning in warned
        if root and warning.filename.startswith(root)
    ]
    told = {"error": error, "seen": seen, "modules": sorted(set(sys.modules) - loaded), "root": root}
    Path(report).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
