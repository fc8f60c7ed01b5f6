"""What the code may look like: sizes, names, and who may import whom where import-linter has no list of packages."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
NOT_OURS = {"__pycache__", "build", "dist"}

PROVIDER_NAMES = re.compile(
    r"openai|azure|anthropic|claude|gemini|vertex|bedrock|ollama|mistral|groq|deepseek|grok|xai(?![a-z-])|cohere|openrouter|perplexity"
    r"|cerebras|moonshot|fireworks|huggingface|smollm",
    re.IGNORECASE,
)
DOORS = re.compile(r"core_llm(\.wire)?")
DOORS_FOR_TESTS = re.compile(r"core_llm(\.wire|\.testing|_conformance(\.[a-z]\w*)*)?")
FIELDS_OF_A_WIRE = {"x_groq"}
"""Fields named after whoever invented them; another server may send them."""
# One letter of each stands in brackets, so that this file does not contain what it looks for.
NOT_TO_BE_NAMED = {
    "a path of somebody's machine": re.compile(r"(?<![\w.-])/(?:wor[k]|far[m]|root)/"),
    "a registry's host": re.compile(r"pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:com|org)|deb\.debia[n]\.org"),
    "somebody's workplace": re.compile(r"/opt/pyp[i]|\.librar[y]/"),
}


def files(*suffixes: str) -> list[Path]:
    """Return this repository's files of these kinds; folders with a leading dot hold tools' own things, except .ci."""
    found = []
    for path in ROOT.rglob("*"):
        folders = path.relative_to(ROOT).parts
        is_ours = not any(part in NOT_OURS or (part.startswith(".") and part != ".ci") for part in folders)
        if is_ours and path.is_file() and (not suffixes or path.suffix in suffixes):
            found.append(path)
    return sorted(found)


def shown(path: Path) -> str:
    """Return a path as the reader of a failed test wants it."""
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of every import; the name is empty where a whole module is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or ".", alias.name) for alias in node.names)


def names_and_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every identifier and string, except strings that only document."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                yield node.lineno, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.alias(name=name):
                yield node.lineno, name
            case _:
                pass


def test_modules_are_short() -> None:
    """No module is longer than somebody reads in one sitting."""
    long = {shown(path): lines for path in files(".py") if (lines := path.read_text().count("\n")) > MAX_MODULE_LINES}
    assert long == {}


def test_functions_are_short() -> None:
    """No function is longer than a screen."""
    long = [
        f"{shown(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []


def test_core_names_no_provider() -> None:
    """The code of the core knows no provider by name; known ones are listed in its data."""
    found = [
        f"{shown(path)}:{line} {text[:60]!r}"
        for path in sorted((ROOT / "core/src").rglob("*.py"))
        for line, text in names_and_texts(parsed(path))
        if PROVIDER_NAMES.search(text) and text not in FIELDS_OF_A_WIRE
    ]
    assert found == []


def test_core_imports_no_plugin() -> None:
    """The core stands without any plugin, and without what tests them."""
    found = [
        f"{shown(path)} imports {module}"
        for path in sorted((ROOT / "core/src").rglob("*.py"))
        for module, _ in imports(parsed(path))
        if module.startswith(("plugin_", "core_llm_conformance", "pytest"))
    ]
    assert found == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_plugin_uses_public_doors(plugin: Path) -> None:
    """A plugin imports from the core only what is public, and nothing from another plugin; its tests, the suite too."""
    package = f"plugin_{plugin.name.replace('-', '_')}"
    behind_doors = []
    for path in chain(plugin.glob("src/**/*.py"), plugin.glob("tests/**/*.py")):
        doors = DOORS_FOR_TESTS if path.is_relative_to(plugin / "tests") else DOORS
        for module, name in imports(parsed(path)):
            top = module.partition(".")[0]
            is_open = doors.fullmatch(module) is not None and not name.startswith("_")
            if (top.startswith("core_llm") and not is_open) or (top.startswith("plugin_") and top != package):
                behind_doors.append(f"{shown(path)}: {module} {name}".rstrip())
    assert behind_doors == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_plugin_has_the_usual_files(plugin: Path) -> None:
    """Who has read one plugin finds everything in the next."""
    source = f"src/plugin_{plugin.name.replace('-', '_')}"
    usual = {"LICENSE", "README.md", "pyproject.toml", f"{source}/__init__.py", f"{source}/py.typed"}
    project = tomllib.loads((plugin / "pyproject.toml").read_text("utf-8"))["project"]
    if "core_llm.providers" in project.get("entry-points", {}):
        usual |= {f"{source}/_provider.py", "tests/test_provider.py", "tests/test_conformance.py"}
    assert {name for name in usual if not (plugin / name).is_file()} == set()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_plugin_front_door_only_exports(plugin: Path) -> None:
    """A plugin's ``__init__`` has a docstring, imports and ``__all__``, so that importing it does nothing.

    One that every client imports, since it is no provider, may put its imports off: a ``__getattr__`` makes them.
    """
    [door] = plugin.glob("src/*/__init__.py")
    docstring, *statements = parsed(door).body
    assert isinstance(docstring, ast.Expr)
    functions = [statement.name for statement in statements if isinstance(statement, ast.FunctionDef)]
    for_types = [ast.unparse(statement.test) for statement in statements if isinstance(statement, ast.If)]
    named = [target.id for statement in statements for target in getattr(statement, "targets", [])]
    if functions:
        assert (functions, for_types, named) == (["__getattr__"], ["TYPE_CHECKING"], ["__all__", "_ROOMS"])
    else:
        assert (for_types, named) == ([], ["__all__"])
    assert {type(statement) for statement in statements} <= {ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.If}


@pytest.mark.parametrize("what", NOT_TO_BE_NAMED)
def test_nothing_names(what: str) -> None:
    """No file says where it was written or where its packages came from."""
    pattern = NOT_TO_BE_NAMED[what]
    found = [
        f"{shown(path)}:{number} {line.strip()[:80]}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
