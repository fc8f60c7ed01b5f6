"""The reference declares what the source declares: every public name, with its fields, methods and their types.

Blocks marked ``py`` in docs/reference are declarations. They are compared as syntax trees, so their layout is free.
After a change of the API, run this file as a script: it brings the declarations up to date. What is new it cannot
place; that is for whoever writes the page.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import core_llm
import core_llm.testing
import core_llm.transforms
from core_llm import CoreLLMError, StreamEvent, wire

REFERENCE = Path(__file__).resolve().parents[1] / "docs/reference"
DECLARATIONS = re.compile(r"(?<=^```py\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
PUBLIC_BASES = {*core_llm.__all__, *wire.__all__, "ABC", "Protocol", "Exception", "UserWarning"}
MADE_BY_OTHERS = {"AsyncStream", "AsyncTypedStream", "Config", "Signal", "Stream", "TypedStream"}
"""Classes that nobody makes by calling them."""
KEPT_DECORATORS = ("property", "classmethod", "staticmethod", "overload")
IN_WORDS = {"JSONObject", "JSONValue", "hookimpl"}
"""Public names that are another library's: words say what they are."""
ALIAS_HOMES = (
    *("_options", "_events", "_messages", "_response", "_retries"),
    *("wire.base", "wire.frames", "wire.schemas", "wire.usage", "transforms._sharing"),
)


def below(kind: type) -> set[str]:
    """Return the public names of classes below `kind`."""
    found = {name: getattr(core_llm, name) for name in core_llm.__all__}
    return {name for name, value in found.items() if inspect.isclass(value) and issubclass(value, kind)}


ERRORS = below(CoreLLMError)
EVENTS = {event.__name__ for event in get_args(StreamEvent)}
TOOLS = {
    name
    for name in core_llm.__all__
    if getattr(getattr(core_llm, name), "__module__", "").startswith(("core_llm._tools", "core_llm._runs"))
    or name == "ModelRetry"
}
EXPECTED: dict[str, tuple[tuple[ModuleType, set[str]], ...]] = {
    "api.md": (
        (core_llm, set(core_llm.__all__) - ERRORS - EVENTS - TOOLS - IN_WORDS),
        (core_llm.testing, set(core_llm.testing.__all__)),
    ),
    "tools.md": ((core_llm, TOOLS),),
    "events.md": ((core_llm, EVENTS),),
    "errors.md": ((core_llm, ERRORS),),
    "transforms.md": ((core_llm.transforms, set(core_llm.transforms.__all__)),),
    "wire.md": ((wire, set(wire.__all__) - IN_WORDS),),
}
"""Page → what it declares."""


# What the source declares


def declaration(module: ModuleType, name: str) -> str:
    """Return what the source declares under a public name, without bodies and documentation."""
    value = getattr(module, name)
    if inspect.isclass(value):
        node: ast.stmt = class_declaration(value)
    elif inspect.isfunction(value):
        [node] = ast.parse(textwrap.dedent(inspect.getsource(value))).body
        node = without_body(node)
    else:
        node = assignment(module, name)
    return ast.unparse(ast.fix_missing_locations(node))


def class_declaration(cls: type) -> ast.ClassDef:
    """Return a class with its public members, and those that it has from classes that are not public."""
    members: dict[str, ast.stmt] = {}
    for base in reversed(cls.__mro__):
        if base is cls or is_hidden(base):
            members |= dict(public_members(base))
    if cls.__name__ in MADE_BY_OTHERS:
        members.pop("__init__", None)
    [node] = ast.parse(f"class {cls.__name__}({', '.join(public_bases(cls))}): ...").body
    assert isinstance(node, ast.ClassDef)
    node.body = list(members.values()) or node.body
    return node


ELLIPSIS = ast.Expr(ast.Constant(...))


def is_hidden(base: type) -> bool:
    """Say whether a base class is this package's own and no public name."""
    is_ours = base.__module__.startswith("core_llm.")
    return is_ours and base.__name__ not in PUBLIC_BASES and base.__name__ != "Value"


def public_bases(cls: type) -> Iterator[str]:
    """Yield the names of the nearest public classes that a class stands on."""
    for base in cls.__bases__:
        if base.__name__ in PUBLIC_BASES:
            yield base.__name__
        else:
            yield from public_bases(base)


def public_members(cls: type) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the fields and methods of a class that are for everyone; of an overloaded one what a caller may write."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    overloaded = {node.name for node in tree.body if isinstance(node, FUNCTION) and is_overload(node)}
    for number, node in enumerate(tree.body):
        if isinstance(node, FUNCTION) and node.name in overloaded:
            if is_overload(node):
                yield f"{node.name} {number}", without_body(node)
            continue
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            if isinstance(node.value, ast.Dict) and node.value.keys:
                node.value = ast.Constant(...)  # a table is read in the source
            yield node.target.id, node
        elif isinstance(node, FUNCTION) and (not node.name.startswith("_") or node.name == "__init__"):
            yield node.name, without_body(node)


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a function only declares one way of calling another."""
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def without_body(node: ast.stmt) -> ast.stmt:
    """Return a function without what it does."""
    assert isinstance(node, FUNCTION)
    node.body = [ELLIPSIS]
    node.decorator_list = [d for d in node.decorator_list if ast.unparse(d) in KEPT_DECORATORS]
    return node


def assignment(module: ModuleType, name: str) -> ast.stmt:
    """Return the assignment that makes a name."""
    for home in (module, *(importlib.import_module(f"core_llm.{home}") for home in ALIAS_HOMES)):
        for node in ast.parse(inspect.getsource(home)).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return node
    raise AssertionError(f"{name} is assigned nowhere in {module.__name__}, {ALIAS_HOMES}")


# What a page declares


def names_in(code: str) -> dict[str, str]:
    """Return what a block declares, by name."""
    nodes = ast.parse(code).body
    names = [ast.unparse(n.targets[0]) if isinstance(n, ast.Assign) else getattr(n, "name", "") for n in nodes]
    return dict(zip(names, map(ast.unparse, nodes), strict=True))


def check_page(page: str) -> None:
    """Check that a page declares what it should, as the source does, and nothing else."""
    blocks = DECLARATIONS.findall((REFERENCE / page).read_text(encoding="utf-8"))
    on_page = {name: code for block in blocks for name, code in names_in(block).items()}
    expected = {name: declaration(module, name) for module, names in EXPECTED[page] for name in names}
    assert sorted(expected.keys() - on_page.keys()) == [], f"{page} does not declare them"
    assert sorted(on_page.keys() - expected.keys()) == [], f"{page} declares what is not public"
    outdated = [name for name in expected if on_page[name] != expected[name]]
    assert outdated == [], f"run: python {Path(__file__).name}"


def test_the_api_is_declared() -> None:
    """Every public name that has no page of its own is in the API reference, and so is `core_llm.testing`."""
    check_page("api.md")


def test_events_are_declared() -> None:
    """Every event is in the reference of events with its fields."""
    check_page("events.md")


def test_transforms_are_declared() -> None:
    """Everything of `core_llm.transforms` is on its page."""
    check_page("transforms.md")


def test_errors_are_declared() -> None:
    """Every error is in the reference of errors with what it is made of, and in its tree."""
    check_page("errors.md")
    text = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    tree = re.search(r"^CoreLLMError\n.*?^```$", text, re.MULTILINE | re.DOTALL)
    assert tree is not None
    assert set(re.findall(r"\w+Error\b", tree[0])) == ERRORS


def test_wire_names_are_declared() -> None:
    """Everything that authors of wires import is in the reference of wires."""
    check_page("wire.md")
    text = (REFERENCE / "wire.md").read_text(encoding="utf-8")
    assert [name for name in IN_WORDS & set(wire.__all__) if f"`{name}`" not in text] == []


def test_every_public_name_has_a_place() -> None:
    """The API reference names what other pages declare, too."""
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert [name for name in core_llm.__all__ if not re.search(rf"\b{name}\b", text)] == []


# The script


def rewrite(page: str) -> None:
    """Bring the declarations of a page up to date, each where it stands; those of names that are gone are left out."""
    homes = {name: module for module, names in EXPECTED[page] for name in names}

    def renewed(block: re.Match[str]) -> str:
        if not names_in(block[0]).keys() - homes.keys() and block[0] and is_current(block[0]):
            return block[0]
        return laid_out([declaration(homes[name], name) for name in names_in(block[0]) if name in homes])

    def is_current(code: str) -> bool:
        return all(text == declaration(homes[name], name) for name, text in names_in(code).items())

    path = REFERENCE / page
    path.write_text(DECLARATIONS.sub(renewed, path.read_text(encoding="utf-8")), encoding="utf-8")


def laid_out(declarations: list[str]) -> str:
    """Return declarations as a block of the reference has them, by the formatter of this repository."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", "--line-length=110", "-"]
    run = subprocess.run(command, input="\n".join(declarations), capture_output=True, text=True, check=True)
    return run.stdout


if __name__ == "__main__":
    for name in sys.argv[1:] or EXPECTED:
        rewrite(name)
