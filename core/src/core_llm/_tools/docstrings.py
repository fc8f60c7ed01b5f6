"""What a docstring says of a function and of each parameter, in Google's, NumPy's or the reST form."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_GOOGLE_PARAMETERS = frozenset(
    ("args", "arguments", "params", "parameters", "keyword args", "keyword arguments", "other parameters")
)
_SECTIONS = _GOOGLE_PARAMETERS | frozenset(
    (
        *("attributes", "example", "examples", "note", "notes", "raises", "references", "return", "returns"),
        *("see also", "todo", "warning", "warnings", "warns", "yield", "yields", "methods"),
    )
)
_GOOGLE_ENTRY = re.compile(r"(?P<name>\*{0,2}\w+)\s*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?\s*:(?:\s+|$)(?P<text>.*)")
_NUMPY_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_REST_FIELD = re.compile(r":(?P<kind>\w+)(?:\s+(?P<type>[^:]+?)\s+|\s+)?(?P<name>\*{0,2}\w+)?\s*:\s*(?P<text>.*)")
_REST_PARAMETERS = frozenset(("param", "parameter", "arg", "argument", "key", "keyword"))


@dataclass(slots=True)
class Described:
    """What a docstring says.

    Attributes:
        summary: All that stands before the first section, paragraphs kept.
        parameters: Parameter → its description on one line.
    """

    summary: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(docstring: str | None) -> Described:
    """Return what a docstring says; a form that is not known is all summary."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    summary: list[str] = []
    parameters: dict[str, str] = {}
    position = 0
    while position < len(lines):
        name = _section(lines, position)
        if name is None:
            if not parameters or lines[position].strip():
                summary.append(lines[position])
            position += 1
            continue
        is_numpy = _is_underline(lines, position + 1)
        start = position + (2 if is_numpy else 1)
        position = _end_of_section(lines, start, is_numpy=is_numpy)
        if name in _GOOGLE_PARAMETERS:
            body = lines[start:position]
            parameters.update(_numpy_entries(body) if is_numpy else _google_entries(body))
    text, fields = _without_fields(summary)
    parameters.update(fields)
    return Described(text, parameters)


def _section(lines: Sequence[str], position: int) -> str | None:
    """Return the name of the section whose head stands at a line, None if none does."""
    line = lines[position]
    head = line.strip().rstrip(":").lower()
    if head not in _SECTIONS or line[:1].isspace():
        return None
    return head if line.strip().endswith(":") or _is_underline(lines, position + 1) else None


def _is_underline(lines: Sequence[str], position: int) -> bool:
    return position < len(lines) and re.fullmatch(r"\s*-{3,}\s*", lines[position]) is not None


def _end_of_section(lines: Sequence[str], start: int, *, is_numpy: bool) -> int:
    for position in range(start, len(lines)):
        if _section(lines, position) is not None:
            return position
        line = lines[position]
        if not is_numpy and line.strip() and not line[:1].isspace():
            return position
    return len(lines)


def _google_entries(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and text of the entries of a Google section: the least indented lines begin one each."""
    indents = [len(line) - len(line.lstrip()) for line in body if line.strip()]
    least = min(indents, default=0)
    name, text = "", list[str]()
    for line in body:
        entry = _GOOGLE_ENTRY.match(line.strip()) if len(line) - len(line.lstrip()) == least else None
        if entry is not None:
            if name:
                yield name, _one_line(text)
            name, text = entry["name"].lstrip("*"), [entry["text"]]
        else:
            text.append(line)
    if name:
        yield name, _one_line(text)


def _numpy_entries(body: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and text of the entries of a NumPy section: a line at the margin, its text indented below."""
    names, text = list[str](), list[str]()
    for line in [*body, ""]:
        entry = _NUMPY_ENTRY.match(line) if line.strip() and not line[:1].isspace() else None
        if entry is not None:
            yield from ((name, _one_line(text)) for name in names)
            names = [name.strip().lstrip("*") for name in entry["names"].split(",")]
            text = []
        else:
            text.append(line)
    yield from ((name, _one_line(text)) for name in names)


def _without_fields(lines: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the text without its reST fields, and what those say of parameters."""
    kept: list[str] = []
    found: dict[str, list[str]] = {}
    inside: list[str] | None = None
    for line in lines:
        entry = _REST_FIELD.match(line)
        if entry is not None:
            inside = [entry["text"]]
            if entry["kind"] in _REST_PARAMETERS and entry["name"]:
                found[entry["name"].lstrip("*")] = inside
        elif inside is not None and (line[:1].isspace() or not line.strip()):
            inside.append(line)
        else:
            inside = None
            kept.append(line)
    return "\n".join(kept).strip(), {name: _one_line(text) for name, text in found.items()}


def _one_line(lines: Sequence[str]) -> str:
    return " ".join(" ".join(lines).split())
