"""Whether a request is the one that a cassette answers: by method, address and what in its body is the scenario's.

A body is looked at without knowing its wire. What counts are the leaves whose values the scenario owns: the texts of
its prompts, system prompt and tool results, the data of its files, names of tools and of their parameters, values of
settings; and the model and the flags of streaming. So a field more, or a tool's description in other words, spoils no
cassette, while a prompt that moved or a setting that got lost does.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import JsonValue

from core_llm import FilePart, Message, NamedToolChoice, OutputSchema, Response, Settings, TextPart, ToolResultPart
from core_llm_conformance._replay_core import ReplayedRequest
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.secret_names import is_secret_name
from core_llm_conformance.target import Target

CONTAINED_FROM = 8
"""Characters from which a text is also looked for inside of longer ones; a shorter one would be found anywhere."""
_IS_VERSION = re.compile(r"(?i)version")
_IS_STREAM_FLAG = re.compile(r"(?i)stream")

Leaf = bool | int | float | str | tuple[str, ...]
Leaves = dict[str, Leaf]
"""JSON path → value, or which of the scenario's texts are in it."""


@dataclass(frozen=True, slots=True)
class Owned:
    """The values of a request that belong to its scenario.

    Attributes:
        model: The model that is asked.
        texts: Prompts, system prompt, tool results, data of files as base64, addresses of files: looked for in strings.
        names: Tools and parameters, and texts among the settings: whole strings. Parameters may be keys, too.
        numbers: Values of settings.
        flags: The settings that are true or false.
    """

    model: str
    texts: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """A leaf, or a part of the address, that is not the same in both; None where one has no such leaf."""

    where: str
    recorded: Leaf | None
    sent: Leaf | None

    def __str__(self) -> str:
        """Say where and what."""
        return f"{self.where}: the cassette has {_shown(self.recorded)}, sent was {_shown(self.sent)}"


def owned_by(target: Target, scenario: Scenario, responses: Sequence[Response] = ()) -> Owned:
    """Return what a scenario owns of the request of one turn.

    Args:
        target: Whose model is asked; what it declares may decide upon the options.
        scenario: The scenario.
        responses: Those of the turns before.
    """
    gathered = _Gathered()
    gathered.add_prompt(scenario.prompt)
    gathered.texts += scenario.inputs
    gathered.add_options(target.options(scenario))
    for follow_up, response in zip(scenario.follow_ups, responses, strict=False):
        for message in follow_up(response):
            gathered.add_prompt(message)
    return Owned(
        target.model_of(scenario),
        tuple(dict.fromkeys(text for text in gathered.texts if text)),
        frozenset(gathered.names),
        frozenset(gathered.numbers),
        frozenset(gathered.flags),
    )


def differences(recorded: ReplayedRequest, sent: ReplayedRequest, owned: Owned) -> list[Difference]:
    """Return in what the request that was sent is not the recorded one; nothing if it matches."""
    there, here = _all_leaves(recorded, owned), _all_leaves(sent, owned)
    asked, told = _asked_of_streams(recorded.body), _asked_of_streams(sent.body)
    there |= asked
    here |= {place: told[place] for place in asked if place in told}
    places = [*there, *(place for place in here if place not in there)]
    return [
        Difference(place, there.get(place), here.get(place)) for place in places if there.get(place) != here.get(place)
    ]


def unsent(sent: ReplayedRequest, owned: Owned) -> list[str]:
    """Return the scenario's texts that are nowhere in a request: it matches nothing, whatever the cassette says."""
    found = set[str]()
    scalars = set[JsonValue]()
    for value in leaves(sent.body, owned).values():
        found.update(value if isinstance(value, tuple) else ())
    body = _parsed(sent.body)
    for _, scalar in _scalars(body, "$"):
        scalars.add(scalar)
    return [text for text in owned.texts if text not in found and not _is_taken_apart(text, scalars)]


def check_request(interaction: Interaction, sent: ReplayedRequest, owned: Owned, *, scenario: str = "") -> None:
    """Check that a request is the one that an interaction answers.

    Raises:
        ConformanceFailure: It is not; says which leaves differ.
    """
    look_at = (
        f"the request of turn {interaction.head.turn} ({interaction.head.mode}) in {scenario or 'the cassette'}.yaml; "
        "if what is sent now is right, record or compose the cassette anew"
    )
    if lacking := unsent(sent, owned):
        raise fail(
            "what a scenario asks is in its request",
            f"nowhere in the body: {', '.join(_shown(text) for text in lacking)}",
            scenario=scenario or None,
            sent=_text(sent.body),
            look_at=look_at,
        )
    recorded = ReplayedRequest(interaction.method, interaction.url, {}, interaction.request_body)
    if differing := differences(recorded, sent, owned):
        raise fail(
            "a request is the one that its cassette answers",
            "; ".join(map(str, differing)),
            scenario=scenario or None,
            sent=f"{sent.method} {urlsplit(sent.url).path} {_text(sent.body)}",
            look_at=look_at,
        )


def address(method: str, url: str) -> Leaves:
    """Return method, path and query as leaves; never a key, and no version of an interface."""
    parts = urlsplit(url)
    found: Leaves = {"method": method, "path": unquote(parts.path)}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if not (is_secret_name(name) or _IS_VERSION.search(name)):
            found[f"?{name}"] = value
    return found


def leaves(body: bytes, owned: Owned) -> Leaves:
    """Return the leaves of a body that are the scenario's; of one that is no JSON, which of its texts are in it."""
    parsed = _parsed(body)
    if parsed is None and body:
        raw = {text: _raw(text) for text in owned.texts}
        inside = [text for text, data in raw.items() if data in body or text.encode() in body]
        return {"body": tuple(inside)} if inside else {}
    found: Leaves = {}
    for path, scalar in _scalars(parsed, "$"):
        if (leaf := _leaf(path, scalar, owned)) is not None:
            found[path] = leaf
    for path, key in _keys(parsed, "$"):
        if key in owned.names:
            found[f"{path}{{{key}}}"] = True
    return found


def _all_leaves(request: ReplayedRequest, owned: Owned) -> Leaves:
    return {**address(request.method, request.url), **leaves(request.body, owned)}


def _leaf(path: str, scalar: JsonValue, owned: Owned) -> Leaf | None:
    """Return a scalar as a leaf, None if it is not the scenario's."""
    if isinstance(scalar, bool):
        name = path.rpartition(".")[2]
        return scalar if name in owned.flags or _IS_STREAM_FLAG.search(name) else None
    if isinstance(scalar, int | float):
        return scalar if scalar in owned.numbers else None
    if not isinstance(scalar, str):
        return None
    if scalar == owned.model or scalar.endswith(f"/{owned.model}"):
        return scalar
    if scalar in owned.names:
        return scalar
    inside = tuple(_inside(scalar, owned.texts))
    return inside or None


def _asked_of_streams(body: bytes) -> Leaves:
    """Return what else is asked of a stream, such as to report its usage: the answer was made to a request with it."""
    found = ((path, scalar) for path, scalar in _scalars(_parsed(body), "$") if scalar is True)
    return {path: True for path, _ in found if _IS_STREAM_FLAG.search(path.rpartition(".")[0])}


def _inside(scalar: str, texts: Iterable[str]) -> list[str]:
    """Return the texts that are in a string, in the order in which they stand there."""
    found: list[tuple[int, str]] = []
    for text in texts:
        if scalar == text:
            return [text]
        if len(text) >= CONTAINED_FROM:
            places = [scalar.find(form) for form in dict.fromkeys((text, _escaped(text), json.dumps(text)[1:-1]))]
            if (place := max(places)) >= 0:
                found.append((place, text))
    return [text for _, text in sorted(found)]


def _escaped(text: str) -> str:
    """Return a text as JSON that is a text itself has it."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _is_taken_apart(text: str, scalars: set[JsonValue]) -> bool:
    """Whether a text is JSON, and what it says is in the request as JSON."""
    try:
        parsed: JsonValue = json.loads(text)
    except ValueError:
        return False
    said = [scalar for _, scalar in _scalars(parsed, "$")]
    return bool(said) and all(scalar in scalars for scalar in said)


def _scalars(value: JsonValue, path: str) -> Iterator[tuple[str, str | int | float | bool | None]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _scalars(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _scalars(item, f"{path}[{number}]")
    else:
        yield path, value


def _keys(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    """Yield the keys of objects that hold objects: those under which a schema has its parameters."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, dict):
                yield path, name
            yield from _keys(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _keys(item, f"{path}[{number}]")


def _parsed(body: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(body)
    except ValueError:
        return None
    return value


def _raw(text: str) -> bytes:
    """Return the bytes of a file that is known by its base64."""
    try:
        return base64.b64decode(text, validate=True) or text.encode()
    except ValueError:
        return text.encode()


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _shown(leaf: Leaf | None) -> str:
    if leaf is None:
        return "nothing"
    text = repr(leaf[0] if isinstance(leaf, tuple) and len(leaf) == 1 else leaf)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"  # noqa: PLR2004  # a line's length


class _Gathered:
    """Gathers what a scenario owns."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.names: set[str] = set()
        self.numbers: set[float] = set()
        self.flags: set[str] = set()

    def add_prompt(self, prompt: object) -> None:
        """Add what a prompt, a message or a part says; the model's own messages are not the scenario's."""
        match prompt:
            case str():
                self.texts.append(prompt)
            case Message():
                for part in prompt.parts if prompt.role != "assistant" else ():
                    self.add_prompt(part)
            case TextPart(text=text):
                self.texts.append(text)
            case FilePart():
                data = None if prompt.data is None else base64.b64encode(prompt.data).decode()
                self.texts += [source for source in (data, prompt.url, prompt.file_id) if source]
            case ToolResultPart(content=content):
                self.add_prompt(content)
            case Sequence():
                for item in prompt:
                    self.add_prompt(item)

    def add_options(self, options: Mapping[str, object]) -> None:
        """Add what the options of a call say; fields for one provider only are not the scenario's."""
        self.add_prompt(options.get("system"))
        settings = options.get("settings")
        knobs = settings.model_dump(exclude_none=True) if isinstance(settings, Settings) else {}
        for name, value in {**knobs, **options}.items():
            if name in Settings.model_fields or name in ("dimensions", "input_type"):
                self._add_value(name, value)
        tools = options.get("tools")
        for tool in tools if isinstance(tools, Sequence) else ():
            self.names.add(str(tool.name))
            self._add_schema(tool.parameters)
        choice, output = options.get("tool_choice"), options.get("output")
        if isinstance(choice, NamedToolChoice):
            self.names.add(choice.name)
        if isinstance(output, OutputSchema):
            self._add_schema(output.json_schema)

    def _add_value(self, name: str, value: object) -> None:
        if isinstance(value, bool):
            self.flags.add(name)
        elif isinstance(value, int | float):
            self.numbers.add(value)
        elif isinstance(value, str):
            self.names.add(value)
        elif isinstance(value, Sequence):
            for item in value:
                self._add_value(name, item)

    def _add_schema(self, schema: JsonValue) -> None:
        """Add the names of a schema's properties, however deep."""
        if isinstance(schema, list):
            for item in schema:
                self._add_schema(item)
        if isinstance(schema, dict):
            properties = schema.get("properties")
            self.names.update(properties if isinstance(properties, dict) else ())
            for item in schema.values():
                self._add_schema(item)
