"""What the person gives: a prompt, what comes through a pipe, files, settings. Nothing is sent here."""

from __future__ import annotations

import json
import mimetypes
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from core_llm._errors import InvalidRequestError
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import FilePart, Message
from core_llm._request import Settings

_NEVER_TEXT = ("image/", "audio/", "video/", "application/pdf")
_ALSO_TEXT = ("image/svg+xml",)


def piped_text() -> str:
    """Return what comes through standard input; nothing where that is a terminal, or closed.

    Raises:
        InvalidRequestError: It is not text.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    text = _as_text(sys.stdin.buffer.read())
    if text is None:
        raise InvalidRequestError("what comes through the pipe is not UTF-8 text; give a file with -f in its place")
    return text.strip("\r\n")


def typed_text(text: str) -> str:
    """Return a text from the command line or the keyboard; bytes that the locale cannot read count as UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_files(paths: Iterable[Path]) -> list[str | FilePart]:
    """Return text files as text, which every model takes, under their names; others as files.

    Raises:
        InvalidRequestError: One cannot be read, or its name does not tell what it is.
    """
    return [_read_file(path) for path in paths]


def as_message(texts: Sequence[str], files: Sequence[str | FilePart]) -> Message:
    """Return the person's message: all texts in one part, then the files.

    Raises:
        InvalidRequestError: There is nothing in it.
    """
    words = "\n\n".join(text for text in (*texts, *(file for file in files if isinstance(file, str))) if text.strip())
    if not words and not files:
        raise InvalidRequestError("the prompt is empty; give one as an argument or through a pipe")
    return Message.user(*([words] if words else ()), *(file for file in files if isinstance(file, FilePart)))


def _read_file(path: Path) -> str | FilePart:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"cannot read {path}: {error.strerror}") from None
    kind = mimetypes.guess_type(path.name)[0]
    may_be_text = kind is None or kind in _ALSO_TEXT or not kind.startswith(_NEVER_TEXT)
    if may_be_text and (text := _as_text(data)) is not None:
        return f"{path.name}:\n{text}"
    if kind is None:
        raise InvalidRequestError(f"{path} is not text, and its name does not tell what it is; end it in .png, say")
    return FilePart(media_type=kind, data=data, name=path.name)


def _as_text(data: bytes) -> str | None:
    try:
        return None if b"\0" in data else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def parse_options(options: Iterable[str]) -> tuple[Settings, dict[str, JSONObject]]:
    """Return what ``-o`` sets: the portable settings, and by provider what only one of them has.

    A setting is ``name=value``, and ``stop`` may be given several times. ``provider.field=value`` is for one provider;
    its value is JSON, or else a text.

    Raises:
        InvalidRequestError: One is unknown, has no value, or has a wrong one.
    """
    knobs: dict[str, str | list[str]] = {}
    others: dict[str, JSONObject] = {}
    for option in options:
        name, has_value, value = typed_text(option).partition("=")
        name = name.strip()
        if not has_value or not name:
            raise InvalidRequestError(f"-o {option}: write it as SETTING=VALUE")
        provider, is_own, field = name.rpartition(".")
        if is_own:
            others.setdefault(provider, {})[field] = _json_or_text(value)
        elif name not in Settings.model_fields:
            raise InvalidRequestError(f"-o {option}: {_unknown(name)}")
        elif name == "stop":
            knobs[name] = [*knobs.get(name, ()), value]
        else:
            knobs[name] = value
    try:
        return Settings.model_validate(knobs), others
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequestError(f"-o {first['loc'][0]}={first['input']}: {first['msg']}") from None


def _unknown(name: str) -> str:
    near = get_close_matches(name, Settings.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(sorted(Settings.model_fields))};"
    return f"unknown setting; {hint} What only one provider has is written as -o PROVIDER.FIELD=VALUE"


def _json_or_text(value: str) -> JSONValue:
    try:
        parsed: JSONValue = json.loads(value)
    except ValueError:
        return value
    return parsed
