"""Annotations: whether a type checker can read the plugin, and learns something from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from core_llm_conformance.contract.sources import PluginModule
from core_llm_conformance.failure import fail

Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_is_typed(plugin: PluginModule) -> None:
    """Raise unless the package has ``py.typed``, and its public functions say what they take and return.

    Raises:
        ConformanceFailure: One does not, or says `Any`.
    """
    rule = "a plugin is typed: py.typed in its package, and no public function without annotations or with Any"
    root = plugin.root
    if root is None:
        raise fail(rule, f"the package of {plugin.name or 'the plugin'} is not there", look_at="is it installed?")
    if plugin.is_installed and root.is_dir() and not (root / "py.typed").is_file():
        advice = "an empty file of that name, which the wheel must contain"
        raise fail(rule, f"{root.name} has no py.typed, so type checkers take everything in it for Any", look_at=advice)
    for path in plugin.files:
        for line, problem in problems(path):
            raise fail(rule, problem, look_at=f"{path}:{line}")


def problems(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line of each public function of a file that is not annotated, and what it lacks."""
    for function, owner in _public(ast.parse(path.read_text(encoding="utf-8"))):
        name = f"{owner}.{function.name}" if owner else function.name
        given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        given += [extra for extra in (function.args.vararg, function.args.kwarg) if extra is not None]
        if owner and not _is_static(function):
            given = given[1:]
        bare = [argument.arg for argument in given if argument.annotation is None]
        if bare:
            yield function.lineno, f"{name} does not say what {', '.join(bare)} may be"
        elif function.returns is None and function.name != "__init__":
            yield function.lineno, f"{name} does not say what it returns"
        elif any(_is_any(node) for node in [*(argument.annotation for argument in given), function.returns]):
            yield function.lineno, f"{name} takes or returns Any; core_llm.wire.JSONValue is the type of JSON"


def _public(module: ast.Module) -> Iterator[tuple[Function, str]]:
    """Yield the functions that others may call, each with the class it is in."""
    for node in module.body:
        if isinstance(node, Function) and _is_public(node.name):
            yield node, ""
        elif isinstance(node, ast.ClassDef) and _is_public(node.name):
            yield from (
                (inner, node.name)
                for inner in node.body
                if isinstance(inner, Function) and (_is_public(inner.name) or inner.name == "__init__")
            )


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _is_static(function: Function) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list)


def _is_any(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    return any(
        (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")
        for node in ast.walk(annotation)
    )
