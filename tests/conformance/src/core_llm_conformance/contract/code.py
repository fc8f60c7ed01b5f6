"""What the text of a plugin's modules says: imports that a wire must not have."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from core_llm_conformance.contract.forbidden import CALLS, HARMLESS, why_not
from core_llm_conformance.contract.sources import TESTS, is_own


def forbidden_in(classes: list[type]) -> Iterator[tuple[str, str]]:
    """Yield (line, what is wrong) of the modules that these classes are in, and of what they import of their package.

    Of a module of tests, only what the classes themselves use counts.
    """
    files = {Path(inspect.getfile(kind)): kind for kind in classes if is_own(kind)}
    seen: set[Path] = set()
    waiting = list(files)
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        if path.stem.startswith(TESTS):
            names = {kind.__name__ for kind in classes if Path(inspect.getfile(kind)) == path}
            yield from _in_tests(tree, names, path)
            continue
        yield from _wrong(tree, path, used=None)
        waiting += _own_imports(tree, path)


def _in_tests(tree: ast.Module, names: set[str], path: Path) -> Iterator[tuple[str, str]]:
    bodies = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name in names]
    used = {inner.id for body in bodies for inner in ast.walk(body) if isinstance(inner, ast.Name)}
    inside = [node for body in bodies for node in ast.walk(body)]
    yield from _wrong(tree, path, used=used)
    for body in inside:
        if isinstance(body, ast.Import | ast.ImportFrom) or _called(body) is not None:
            yield from _wrong(ast.Module([body], []), path, used=None)  # type: ignore[list-item]  # only walked


def _wrong(tree: ast.Module, path: Path, *, used: set[str] | None) -> Iterator[tuple[str, str]]:
    """Yield the forbidden imports, of names that are used unless `used` is None, and the forbidden calls."""
    for node in ast.walk(tree):
        if used is None and (called := _called(node)) is not None:
            yield f"{path}:{getattr(node, 'lineno', 0)}", f"calls {called}: {CALLS[called]}"
        for module, name, known_as in _imported(node):
            full = f"{module}.{name}" if name else module
            reason = None if full in HARMLESS else why_not(full) or CALLS.get(full)
            if reason is not None and (used is None or known_as in used):
                yield f"{path}:{getattr(node, 'lineno', 0)}", f"imports {full}: {reason}"


def _called(node: ast.AST) -> str | None:
    """Return the name under which a call is forbidden; None for any other node."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = f"builtins.{node.func.id}"
        return name if name in CALLS and name != "builtins.id" else None  # `id` is a name that everybody uses
    if isinstance(node, ast.Attribute):
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        name = f"{owner}.{node.attr}"
        return name if name in CALLS else None
    return None


def _imported(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Yield module, name in it (empty for the module itself), and what the importer calls it."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, "", alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            yield node.module or "", alias.name, alias.asname or alias.name


def _own_imports(tree: ast.Module, path: Path) -> list[Path]:
    """Return the files of the same package that a module imports."""
    found = []
    package = _package_folder(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [base.joinpath(*str(name).split(".")) for name in names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package.name:
            found.append(package.parent.joinpath(*(node.module or "").split(".")))
    return [file for entry in found for file in (entry.with_suffix(".py"), entry / "__init__.py")]


def _package_folder(path: Path) -> Path:
    """Return the outermost folder that is a package and has the file."""
    folder = path.parent
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder
