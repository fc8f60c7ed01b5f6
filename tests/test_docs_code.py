"""Every block of Python in the documentation runs as it stands, against a scripted model server on this machine.

The blocks of a page share one namespace and run from top to bottom. What a reader would do around a block stands in
comments before it, which no reader sees:

    <!-- file: NAME -->            the block is saved under that name, and not run
    <!-- install: FOLDER -->       the package in that folder is installed from here on; "." is where files are saved
    <!-- server: SCENARIO, ... --> what the server does with the next requests, see SCENARIOS
    <!-- raises: ERROR -->         the block raises that error
    <!-- prints -->                the block is what the Python block before it printed
    <!-- not run: REASON -->       the block cannot run here

Addresses of examples lead to the server, ``openai`` and ``local`` too; keys are made up.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib.util
import inspect
import io
import json
import os
import re
import sys
import tomllib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import core_llm
from core_llm import Config, Provider
from core_llm._api import default_client
from core_llm._plugins import PluginRegistry
from core_llm.wire import ChatCompletions, ChatDecoder, JSONObject, JSONValue
from core_llm_conformance.script import Answer, Drip, Reset, Stall, json_answer, sse_answer, sse_event
from core_llm_conformance.server import FaultServer, RecordedRequest

ROOT = Path(__file__).resolve().parents[1]


def speaks_chat_completions(readme: Path) -> bool:
    """Say whether a plugin's models are asked in the one way that the server here understands."""
    plugin = f"plugin_{readme.parent.name.replace('-', '_')}"
    if importlib.util.find_spec(plugin) is None:  # `test_packaging` sees that all are installed where they should be
        return False
    exported = vars(importlib.import_module(plugin)).values()
    wires = {kind.wire_format for kind in exported if inspect.isclass(kind) and issubclass(kind, Provider)} - {None}
    return all(issubclass(wire, ChatCompletions) and wire.decoder_type is ChatDecoder for wire in wires if wire)


PAGES = [
    ROOT / "README.md",
    ROOT / "core/README.md",
    *filter(speaks_chat_completions, sorted(ROOT.glob("plugins/*/README.md"))),
    *sorted(ROOT.glob("docs/**/*.md")),
]
BLOCK = re.compile(r"^((?:<!--[^\n]*-->\n)*)```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIRECTIVE = re.compile(r"<!-- (file|install|server|raises|prints|not run)(?:: (.*?))? -->")
EXAMPLE_ADDRESS = re.compile(r"https?://(?:127\.0\.0\.1:\d+|[\w.-]+\.example(?:\.com)?)/v1")
TEXT = "The sky is blue because air scatters blue light."
OBJECT: JSONObject = {"city": "Oslo", "population": 709000}
USAGE: JSONObject = {"prompt_tokens": 12, "completion_tokens": 10, "total_tokens": 22}


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


# The model server


def delta(**fields: JSONValue) -> JSONObject:
    """Return a frame of a stream."""
    finish = fields.pop("finish_reason", None)
    choice: JSONObject = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "model", "choices": [choice]}


def events(*frames: JSONValue) -> bytes:
    """Return frames as server-sent events."""
    return b"".join(sse_event(frame if isinstance(frame, str) else json.dumps(frame)) for frame in frames)


def error(status: int, message: str, code: str, **headers: str) -> Answer:
    """Return an error in the usual shape."""
    return json_answer({"error": {"message": message, "code": code}}, status, headers)


BEGINNING = events(*(delta(content=text) for text in re.findall(r"\s*\S+", TEXT)[:4]))
HALF_A_CALL: JSONObject = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"city": "Par'}}
SCENARIOS = {
    "overloaded": error(503, "The server is overloaded", "overloaded", **{"retry-after": "0"}),
    "wrong key": error(401, "Incorrect API key provided: sk-made-up-0123456789", "invalid_api_key"),
    "too long": error(400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
    "cut": sse_answer(BEGINNING),
    "broken": sse_answer(BEGINNING, Reset()),
    "stalled": sse_answer(BEGINNING, Stall()),
    "endless": sse_answer(Drip(BEGINNING * 2000, size=len(BEGINNING), interval=0.005)),
    "failing": sse_answer(BEGINNING, events({"error": {"message": "Internal failure", "code": 500}})),
    "cut call": sse_answer(events(delta(tool_calls=[HALF_A_CALL]))),
}


def answered(request: RecordedRequest) -> Answer:
    """Return what a well-behaved server answers: the list of models, a call where tools are offered, JSON, or text."""
    if request.method == "GET":
        return json_answer({"data": [{"id": "small"}, {"id": "large"}]})
    asked = request.json
    assert isinstance(asked, dict)
    messages = asked["messages"]
    assert isinstance(messages, list)
    last = messages[-1]
    assert isinstance(last, dict)
    text = TEXT
    calls: list[JSONValue] | None = None
    if asked.get("tools") and last["role"] != "tool" and asked.get("tool_choice") != "none":
        text = ""
        calls = [call(number, city) for number, city in enumerate(("Oslo", "Rome"))]
    elif asked.get("response_format"):
        text = json.dumps(OBJECT)
    elif asked.get("max_tokens") or asked.get("max_completion_tokens"):
        text = "The sky"
    reason = "tool_calls" if calls else "length" if text == "The sky" else "stop"
    if not asked.get("stream"):
        message: JSONObject = {"role": "assistant", "content": text or None, "tool_calls": calls}
        choice: JSONObject = {"index": 0, "message": message, "finish_reason": reason}
        body: JSONObject = {"id": "chatcmpl-1", "model": "model", "choices": [choice], "usage": USAGE}
        return json_answer(body)
    frames = [delta(role="assistant", content="")]
    frames += [delta(content=word) for word in re.findall(r"\s*\S+", text)]
    frames += [delta(tool_calls=calls)] if calls else []
    return sse_answer(events(*frames, delta(finish_reason=reason), {"choices": [], "usage": USAGE}, "[DONE]"))


def call(number: int, city: str) -> JSONObject:
    """Return a call of a tool about the weather."""
    arguments = json.dumps({"city": city})
    return {"index": number, "id": f"call_{number}", "function": {"name": "weather", "arguments": arguments}}


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
        self.next_answers: deque[Answer] = deque()

    def answer(self, request: RecordedRequest) -> Answer:
        """Answer a request as the page's comments say, or well."""
        return self.next_answers.popleft() if self.next_answers else answered(request)

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
            assert lines_of(self.printed) == lines_of(block.code), f"{shown(self.page)}:{block.line}"
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
    """Give a machine on which nobody has configured anything; what a page imports is forgotten afterwards."""
    for name in [name for name in os.environ if name.startswith(("CORE_LLM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.chdir(tmp_path)
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
        for path in ("/v1/chat/completions", "/v1/models"):
            server.route(path, reader.answer)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
        monkeypatch.setenv("CORE_LLM_PROVIDERS__OPENAI__BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("CORE_LLM_PROVIDERS__OPENAI__OPTIONS__WIRE", "chat")  # the one that the server speaks
        monkeypatch.setenv("CORE_LLM_PROVIDERS__LOCAL__TYPE", "openai-compatible")
        monkeypatch.setenv("CORE_LLM_PROVIDERS__LOCAL__BASE_URL", f"{server.url}/v1")
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
        text = page.read_text(encoding="utf-8")
        comments = [line for line in text.splitlines() if line.startswith("<!--")]
        assert [line for line in comments if not DIRECTIVE.fullmatch(line)] == [], shown(page)
        reasons = [block.directives["not run"] for block in blocks(page) if "not run" in block.directives]
        assert all(len(reason) > 10 for reason in reasons), shown(page)
