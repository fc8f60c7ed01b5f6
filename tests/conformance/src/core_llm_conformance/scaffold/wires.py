"""The wires that a new plugin can begin with, and what each of them brings: templates, requirements, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from core_llm_conformance.scaffold.answers.chat import Chat
from core_llm_conformance.scaffold.answers.contents import Contents
from core_llm_conformance.scaffold.answers.messages import Messages
from core_llm_conformance.scaffold.answers.own import Events, Lines
from core_llm_conformance.scaffold.answers.shape import Shape

_COMMON: Final = {
    "pyproject.toml": "common/pyproject.toml",
    "LICENSE": "common/LICENSE",
    "CHANGELOG.md": "common/CHANGELOG.md",
    ".gitignore": "common/gitignore",
    ".github/workflows/ci.yml": "common/ci.yml",
    "src/$package/__init__.py": "common/__init__.py",
    "tests/test_conformance.py": "common/test_conformance.py",
}
_ASKING: Final = {
    **_COMMON,
    "README.md": "common/README.md",
    "tests/test_descriptions.py": "common/test_descriptions.py",
}


@dataclass(frozen=True, slots=True)
class Wire:
    """What a plugin is made of that begins with this wire.

    Attributes:
        title: The wire's name for people.
        speaks: How its models are reached, to follow the name of the service in a sentence.
        files: File of the plugin → its template; in the file's name ``$package`` stands for the package.
        shape: How the wire puts answers; None where nothing is sent.
        path: What an example's address has after its host.
        requires: A published plugin that has the wire, None if it is the core's or the plugin's own.
        framing: How streams of a wire of the plugin's own are framed.
        model: The model in examples; ``<provider>-1`` if it is empty.
    """

    title: str
    speaks: str
    files: Mapping[str, str]
    shape: type[Shape] | None = None
    path: str = "/v1"
    requires: str | None = None
    framing: str = "sse"
    model: str = ""


def _files(base: Mapping[str, str], folder: str, *modules: str, **others: str) -> Mapping[str, str]:
    own = {f"src/$package/{name}.py": f"{folder}/{name}.py" for name in modules}
    return {**base, **own, **{f"src/$package/{name}.py": f"{place}/{name}.py" for name, place in others.items()}}


WIRES: Final[Mapping[str, Wire]] = MappingProxyType(
    {
        "chat-completions": Wire(
            "Chat Completions",
            "through an API that is compatible with OpenAI's Chat Completions",
            _files(_ASKING, "chat-completions", "_provider"),
            Chat,
        ),
        "anthropic": Wire(
            "Messages",
            "through an API that is compatible with Anthropic's Messages",
            _files(_ASKING, "anthropic", "_provider", "_wire"),
            Messages,
            requires="plugin-anthropic",
        ),
        "gemini": Wire(
            "generateContent",
            "through an API that is compatible with Google's Gemini API",
            _files(_ASKING, "gemini", "_provider", "_wire"),
            Contents,
            path="",
            requires="plugin-gemini",
        ),
        "ndjson": Wire(
            "lines of JSON",
            "through an API of its own, which streams lines of JSON",
            _files(_ASKING, "own", "_provider", "_wire", _decode="ndjson"),
            Lines,
            framing="ndjson",
        ),
        "custom": Wire(
            "server-sent events",
            "through an API of its own, which streams server-sent events",
            _files(_ASKING, "own", "_provider", "_wire", _decode="custom"),
            Events,
        ),
        "local": Wire(
            "a model in this process",
            "in this process, without a server",
            _files({**_COMMON, "README.md": "local/README.md"}, "local", "_provider"),
            model="echo",
        ),
    }
)
"""Name, as the command takes it → what it brings."""
