"""What the reference says of terminal markers and of opaque state holds, for every wire that is installed.

The answers are those of the scripted servers; that real ones end in the same way is what the recordings' tests say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from core_llm import Client, Message, Provider, Request, Settings, ToolSpec
from core_llm._json import JSONObject
from core_llm.wire import Frame, framer_for
from core_llm_conformance.answering import answer_to
from core_llm_conformance.script import Send
from core_llm_conformance.server import Connection, FaultServer, RecordedRequest

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/wire.md"
WIRES = {
    "openai:gpt-4.1": "`ChatCompletions`",
    "azure:my-deployment": "`ChatCompletions`",
    "grok:grok-3": "`ChatCompletions`",
    "openrouter:some/model": "`ChatCompletions`",
    "openai:gpt-5-mini": "`Responses`",
    "anthropic:claude-sonnet-4-5": "Anthropic's Messages",
    "gemini:gemini-2.5-flash": "`generateContent`",
    "vertex:gemini-2.5-flash": "`generateContent`",
    "ollama:qwen3": "Ollama's `/api/chat`",
}
"""Model → its wire's row in the table."""
PATHS = {"azure": "", "gemini": "", "vertex": "", "ollama": ""}
"""Provider → what stands between a server and its wire's own paths, if not ``/v1``."""
SECRET_WORDS = {
    "openai:gpt-5-mini": "sealed",
    "anthropic:claude-sonnet-4-5": "signed",
    "gemini:gemini-2.5-flash": "c2lnbmVk",
    "openrouter:some/model": "reasoning_details",
}
"""Model → what is in the state of its answers, and in nothing else."""
LOOK = ToolSpec(name="look", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


def provider_of(model: str) -> tuple[Provider, str]:
    """Return a provider and the model's name there."""
    name, _, of = model.partition(":")
    options: JSONObject = {"project": "my-project"} if name == "vertex" else {}
    config = {"providers": {name: {"base_url": "http://127.0.0.1:1", "options": options}}}
    return Client(config=config, api_keys={name: "made-up"}).provider(name), of


def frames_of(model: str) -> Iterator[Frame]:
    """Yield the frames of a whole answer."""
    provider, of = provider_of(model)
    request = Request(model=of, messages=(Message.user("Why?"),))
    wired = provider.wire(of).encode_request(request)
    path = PATHS.get(provider.name, "/v1") + wired.path
    asked = RecordedRequest("POST", path, {}, wired.headers, json.dumps(wired.body).encode(), Connection(1))
    framer = framer_for(wired.framing)
    for step in answer_to(asked).steps:
        assert isinstance(step, Send)
        yield from framer.feed(step.data)
    yield from framer.close()


@pytest.mark.parametrize("model", WIRES)
def test_the_marker_of_the_table_completes_the_answer(model: str) -> None:
    """The frame from which on the decoder calls the answer complete has a word of the table, and none before it has."""
    table = PAGE.read_text(encoding="utf-8").partition("## Opaque state")[0]
    rows = dict(re.findall(r"^\| (.+?) \| [^|]* \| (.+?) \|$", table, re.MULTILINE))
    markers = re.findall(r"`([\w.\[\]]+)`", rows[WIRES[model]].partition(";")[0])
    provider, of = provider_of(model)
    decoder = provider.wire(of).decoder(Request(model=of, messages=(Message.user("Why?"),)))
    seen = []
    for frame in frames_of(model):
        decoder.feed(frame)
        seen.append((has_marker(frame, markers), decoder.is_complete))
        if decoder.is_complete:
            break
    assert seen[-1] == (True, True)
    assert set(seen[:-1]) == {(False, False)}


def has_marker(frame: Frame, markers: list[str]) -> bool:
    """Tell whether a frame has a word of the table, as the type of its event or with a value that says something."""
    text = frame.data.decode()
    kind = re.match(r'\{"type": "([\w.]+)"', text)
    names = re.findall(r'"(\w+)": (?!null|false)', text)
    return bool({text, kind[1] if kind else "", *names} & set(markers))


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Give a server that answers everything well."""
    with FaultServer(*repeat(answer_to, 50)) as server:
        yield server


@pytest.mark.parametrize("model", SECRET_WORDS)
def test_opaque_state_goes_to_its_provider_only(server: FaultServer, model: str) -> None:
    """What a provider wants back is in the next request to it, after a round trip through JSON, and in no other's."""
    name = model.partition(":")[0]
    section = {"base_url": server.url + PATHS.get(name, "/v1"), "api_key": "made-up-0123456789"}
    client = Client(config={"providers": {name: section}}, max_retries=0)
    effort = Settings(reasoning_effort="low")
    options: dict[str, JSONObject] = {name: {"reasoning": {"summary": "auto"}}} if name == "openai" else {}
    response = client.generate(model, "Why?", tools=[LOOK], settings=effort, provider_options=options)

    message = Message.from_json(response.message.to_json())

    for other, wire in WIRES.items():
        provider, of = provider_of(other)
        request = Request(model=of, messages=(Message.user("Why?"), message, Message.user("And?")), tools=(LOOK,))
        body = json.dumps(provider.wire(of).encode_request(request).body)
        is_own = other.partition(":")[0] == name and wire == WIRES[model]
        assert (f'"{SECRET_WORDS[model]}"' in body) == is_own, other
