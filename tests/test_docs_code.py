"""Every block of Python in the documentation runs as it stands, against a scripted model server on this machine.

The blocks of a page share one namespace and run from top to bottom. What a reader would do around a block stands in
comments before it, which no reader sees:

    <!-- file: NAME -->            the block is saved under that name, and not run
    <!-- install: FOLDER -->       the package in that folder is installed from here on; "." is where files are saved
    <!-- server: SCENARIO, ... --> what the server does with the next requests, see SCENARIOS
    <!-- raises: ERROR -->         the block raises that error
    <!-- prints -->                the block is what the Python block before it printed
    <!-- prints: in any order -->  the same, with its lines in whatever order
    <!-- not run: REASON -->       the block cannot run here
    <!-- fails -->                 the last command of a block for the shell fails
    <!-- shows -->                 the block is among what the shell block before it printed

Blocks for the shell are not run here: `test_docs_command` and `tests/published` run some pages' own.

Addresses of examples and those of all providers lead to the server; keys are made up.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import io
import os
import re
import sys
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pytest

import core_llm
from core_llm import Config, _redaction
from core_llm._api import default_client
from core_llm._plugins import PluginRegistry
from core_llm_conformance.answering import answer_to, break_off
from core_llm_conformance.script import Answer, Drip, Reset, Stall, Step, json_answer, sse_answer
from core_llm_conformance.server import FaultServer, RecordedRequest

ROOT = Path(__file__).resolve().parents[1]


PAGES = [
    ROOT / "README.md",
    ROOT / "core/README.md",
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
BLOCK = re.compile(r"^((?:<!--[^\n]*-->\n)*)```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIRECTIVE = re.compile(r"<!-- (file|install|server|raises|prints|not run|fails|shows)(?:: (.*?))? -->")
GENERATED = re.compile(r"^<!-- (?:report|tests) -->$.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)
"""A part that another test writes."""
MOST_REQUESTS = 200
"""Of one page."""
EXAMPLE_ADDRESS = re.compile(r"https?://(?:127\.0\.0\.1:\d+|[\w.-]+\.example(?:\.com)?)/v1")
PROVIDERS = {
    "openai": "/v1",
    "local": "/v1",
    "anthropic": "/v1",
    "grok": "/v1",
    "openrouter": "/v1",
    "azure": "",
    "gemini": "",
    "vertex": "",
    "ollama": "",
}
"""Providers that the server here stands for → what stands before their wires' paths."""


@dataclass
class Block:
    """A fenced block of a page."""

    language: str
    code: str
    line: int
    directives: dict[str, str]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, each with the line on which its code begins."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[2], found[3], text.count("\n", 0, found.start(3)) + 1, dict(DIRECTIVE.findall(found[1])))
        for found in BLOCK.finditer(text)
    ]


def shown(page: Path) -> str:
    """Return a page's name."""
    return page.relative_to(ROOT).as_posix()


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without the blanks that nobody sees."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


# What goes wrong, where a page says so


Scenario = Callable[[RecordedRequest], Answer]


def error(status: int, message: str, code: str, **headers: str) -> Scenario:
    """Return what answers with an error in the usual shape."""
    return lambda _: json_answer({"error": {"message": message, "code": code}}, status, headers)


def broken_off(*then: Step, why: str = "cut") -> Scenario:
    """Return what begins an answer and does not end it."""
    return lambda request: sse_answer(break_off(request, why=why), *then)


def endless(request: RecordedRequest) -> Answer:
    """Return an answer that goes on and on."""
    beginning = break_off(request)
    return sse_answer(Drip(beginning * 2000, size=len(beginning), interval=0.005))


SCENARIOS: Mapping[str, Scenario] = {
    "overloaded": error(503, "The server is overloaded", "overloaded", **{"retry-after": "0"}),
    "wrong key": error(401, "Incorrect API key provided: sk-made-up-0123456789", "invalid_api_key"),
    "too long": error(400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
    "cut": broken_off(),
    "broken": broken_off(Reset()),
    "stalled": broken_off(Stall()),
    "endless": endless,
    "failing": broken_off(why="failed"),
    "cut call": broken_off(why="call"),
}


# A reader


class Reader:
    """Somebody who goes through a page from top to bottom and does what it says."""

    def __init__(self, page: Path, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.page = page
        self.folder = folder
        self.url = url
        self.monkeypatch = monkeypatch
        self.namespace: dict[str, object] = {"__name__": "__main__", "__builtins__": builtins}
        self.printed = ""
        self.next_answers: deque[Scenario] = deque()

    def answer(self, request: RecordedRequest) -> Answer:
        """Answer a request as the page's comments say, or well."""
        return self.next_answers.popleft()(request) if self.next_answers else answer_to(request)

    def read(self, block: Block) -> None:
        """Do what a block and the comments before it say."""
        directives = block.directives
        if "server" in directives:
            self.next_answers = deque(SCENARIOS[name] for name in directives["server"].split(", "))
        if "file" in directives:
            path = self.folder / directives["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.with_server(block.code), encoding="utf-8")
        elif "prints" in directives:
            arranged = sorted if directives["prints"] == "in any order" else list
            printed, promised = arranged(lines_of(self.printed)), arranged(lines_of(block.code))
            assert printed == promised, f"{shown(self.page)}:{block.line}"
        elif "install" in directives:
            self.install(self.folder / directives["install"])
        elif block.language == "python" and "not run" not in directives:
            self.run(block)

    def run(self, block: Block) -> None:
        """Run a block of Python; its errors show the page and the line."""
        source = "\n" * (block.line - 1) + self.with_server(block.code)
        code = compile(source, shown(self.page), "exec", dont_inherit=True)
        output = io.StringIO()
        expected = block.directives.get("raises")
        kind = getattr(core_llm, expected) if expected else ()
        with contextlib.redirect_stdout(output), pytest.raises(kind) if expected else contextlib.nullcontext():
            exec(code, self.namespace)  # noqa: S102  # the documentation is this repository's own
        self.printed = output.getvalue()
        assert not self.next_answers, f"{shown(self.page)}:{block.line} sends fewer requests than its comment says"

    def with_server(self, code: str) -> str:
        """Return the code with the server's address in place of an example's."""
        return EXAMPLE_ADDRESS.sub(f"{self.url}/v1", code)

    def install(self, project: Path) -> None:
        """Install a package as an editable one is: its folder of sources, and a folder that says its entry points."""
        read = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = project / "site" / f"{read['name'].replace('-', '_')}-{read['version']}.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {read['name']}\nVersion: {read['version']}\n"
        info.joinpath("METADATA").write_text(metadata)
        groups = read["entry-points"].items()
        lines = [line for group, found in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in found.items()))]
        info.joinpath("entry_points.txt").write_text("\n".join(lines))
        self.monkeypatch.syspath_prepend(str(project / "site"))
        self.monkeypatch.syspath_prepend(str(project / "src"))

    def leave(self) -> None:
        """Forget what the page's blocks left behind."""
        self.namespace.clear()
        default_client.cache_clear()
        gc.collect()


@pytest.fixture
def a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a machine on which nobody has configured anything; what a page imports or keeps secret is forgotten."""
    monkeypatch.setattr(_redaction, "_secrets", _redaction._Secrets())
    for name in [name for name in os.environ if name.startswith(("CORE_LLM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("report.pdf").write_bytes(b"%PDF-1.7\n")  # who has nothing else has a report
    default_client.cache_clear()
    known = set(sys.modules)
    yield tmp_path
    default_client.cache_clear()
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a script may leave its client to the end of the process
@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_the_code_of_a_page_runs(page: Path, a_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who does what a page says, block by block, gets what the page promises."""
    with FaultServer() as server:
        reader = Reader(page, a_machine, server.url, monkeypatch)
        server.enqueue(*repeat(reader.answer, MOST_REQUESTS))
        for name, base in PROVIDERS.items():
            section = f"CORE_LLM_PROVIDERS__{name.upper()}__"
            monkeypatch.setenv(f"{section}BASE_URL", server.url + base)
            monkeypatch.setenv(f"{section}API_KEY", "sk-made-up-0123456789")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
        monkeypatch.setenv("CORE_LLM_PROVIDERS__LOCAL__TYPE", "openai-compatible")
        try:
            for block in blocks(page):
                reader.read(block)
        finally:
            reader.leave()


def configuration(page: Path) -> dict[str, object]:
    """Return what a page's pieces of a configuration file are together."""
    whole: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "toml" and not block.directives.get("file", "").endswith("pyproject.toml"):
            merge(whole, tomllib.loads(block.code))
    return whole


def merge(into: dict[str, object], table: dict[str, object]) -> None:
    """Add a table's values, tables within it too."""
    for name, value in table.items():
        known = into.setdefault(name, {}) if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(known, dict):
            merge(known, value)
        else:
            into[name] = value


@pytest.mark.parametrize("page", [page for page in PAGES if configuration(page)], ids=shown)
def test_the_configuration_of_a_page_is_accepted(page: Path, a_machine: Path) -> None:
    """What a page shows of a configuration file has no unknown setting, and its providers take their options."""
    config = Config.load(environ={"HOME": str(a_machine)}, arguments=configuration(page))
    registry = PluginRegistry(config)
    for name in config.values.providers:
        assert registry.provider(name).endpoint == name


def test_what_is_not_run_says_why() -> None:
    """A block of Python that is not run gives a reason, and a comment that means nothing is not there by mistake."""
    for page in PAGES:
        text = GENERATED.sub("", page.read_text(encoding="utf-8"))
        comments = [line for line in text.splitlines() if line.startswith("<!--")]
        assert [line for line in comments if not DIRECTIVE.fullmatch(line)] == [], shown(page)
        reasons = [block.directives["not run"] for block in blocks(page) if "not run" in block.directives]
        assert all(len(reason) > 10 for reason in reasons), shown(page)
