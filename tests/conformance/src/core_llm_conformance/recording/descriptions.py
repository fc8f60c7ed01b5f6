"""What an author says of a provider's answers. `composing` makes cassettes of it; `description_files` reads YAML.

Bodies are framed here, so that an author writes values and no line ends.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue, TypeAdapter

from core_llm_conformance.scenario import Mode
from core_llm_conformance.walk.expected import Expected

JsonObject = dict[str, JsonValue]
_EXPECTED: TypeAdapter[Expected] = TypeAdapter(Expected)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the provider's, as it goes over the wire."""

    body: bytes = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """The answers to one turn.

    Attributes:
        stream: To a streamed request; several only where one call makes several requests.
        plain: To a plain one, likewise.
        expected: What either must come to, as an `Expected` or as some of its fields; for a call that is no chat,
            what it must return: ``ids``, ``vectors`` and ``input_tokens``, or ``tokens``.
        expected_stream: What is otherwise in a streamed answer.
        expected_plain: What is otherwise in a plain one.
    """

    stream: Reply | Sequence[Reply] | None = None
    plain: Reply | Sequence[Reply] | None = None
    expected: JsonObject | Expected = field(default_factory=dict)
    expected_stream: JsonObject = field(default_factory=dict)
    expected_plain: JsonObject = field(default_factory=dict)

    def replies(self, mode: Mode) -> tuple[Reply, ...]:
        """Return the answers in one mode, in their order."""
        given = self.stream if mode == "stream" else self.plain
        if given is None:
            return ()
        return (given,) if isinstance(given, Reply) else tuple(given)

    def expectations(self, mode: Mode) -> JsonObject:
        """Return what is expected in one mode."""
        return {**as_object(self.expected), **(self.expected_stream if mode == "stream" else self.expected_plain)}


@dataclass(frozen=True, slots=True)
class Description:
    """A scenario's answers, as a provider's documentation has them.

    Attributes:
        scenario: The name of the scenario.
        source: The page of the documentation.
        date: When it was read.
        turns: In their order.
        model: The model that the page shows; the suite's if it is None.
        opaque: Names of fields of answers whose values chance makes and that are no secrets, where that is not clear.
    """

    scenario: str
    source: str
    date: dt.date
    turns: Sequence[Turn]
    model: str | None = None
    opaque: Sequence[str] = ()


def sse(
    *frames: JsonValue,
    base: JsonObject | None = None,
    named_by: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return a stream of server-sent events.

    Args:
        *frames: Each a JSON value; a text, which stands as it is; or ``{"event": …, "data": …}``, a named event.
        base: Goes into every frame that is an object, before its own fields.
        named_by: The field of a frame that also is its event's name (``type``).
        status: The HTTP status.
        headers: On top of the content type.
    """
    body = "".join(_event(frame, base or {}, named_by) for frame in frames)
    return _reply(body, "text/event-stream", status, headers)


def ndjson(
    *frames: JsonValue, base: JsonObject | None = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return a stream of JSON lines; the arguments are those of `sse`."""
    body = "".join(f"{_compact(_based(frame, base or {}))}\n" for frame in frames)
    return _reply(body, "application/x-ndjson", status, headers)


def json_reply(value: JsonValue, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a plain answer of JSON, set out to be read."""
    return _reply(json.dumps(value, indent=2, ensure_ascii=False), "application/json", status, headers)


def reply(
    text: str | bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return an answer of any other form: HTML, nothing at all, or frames of a framing of its own."""
    return _reply(text, content_type, status, headers)


def as_object(expected: JsonObject | Expected) -> JsonObject:
    """Return what is expected as an object; a whole `Expected` says everything, an object some."""
    if not isinstance(expected, Expected):
        return expected
    said: JsonObject = _EXPECTED.dump_python(expected, mode="json")
    return said


def _event(frame: JsonValue, base: JsonObject, named_by: str | None) -> str:
    name, data = None, frame
    if isinstance(frame, dict) and frame.keys() == {"event", "data"}:
        name, data = frame["event"], frame["data"]
    elif isinstance(frame, dict) and named_by is not None:
        name = frame[named_by]
    text = data if isinstance(data, str) else _compact(_based(data, base))
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"{lines}\n" if name is None else f"event: {name}\n{lines}\n"


def _based(frame: JsonValue, base: JsonObject) -> JsonValue:
    return {**base, **frame} if isinstance(frame, dict) else frame


def _compact(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reply(text: str | bytes, content_type: str, status: int, headers: Mapping[str, str] | None) -> Reply:
    body = text if isinstance(text, bytes) else text.encode()
    return Reply(body, status, {"content-type": content_type, **(headers or {})})
