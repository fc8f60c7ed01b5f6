"""A conversation with a mark in every part: each mark must be found in what is sent, in its order, and none be lost."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core_llm import (
    FilePart,
    InvalidRequestError,
    LocalProvider,
    Message,
    OutputSchema,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    UnsupportedError,
)
from core_llm_conformance.contract.samples import PIXEL, TOOL
from core_llm_conformance.contract.sending import Caught, Probe, Sent, leaves, modes
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Mode
from core_llm_conformance.target import Target

ODD_TEXT = 'Ærøskøbing 東京 \U0001f999 "quoted" \\ back\u2028line'
"""A text that is another after it was escaped or encoded wrongly."""
CALL = ToolCallPart(
    id="call_a1",
    name="get_weather",
    arguments={"city": "mark-argument"},
    raw_arguments='{"city": "mark-argument"}',
)
OTHER_CALL = CALL.model_copy(
    update={"id": "call_b2", "arguments": {"city": "mark-second"}, "raw_arguments": '{"city": "mark-second"}'}
)
RESULT = ToolResultPart(tool_call_id="call_a1", name="get_weather", content="mark-result")
OTHER_RESULT = ToolResultPart(tool_call_id="call_b2", name="get_weather", content="mark-other-result")
MARKED_TOOL = ToolSpec(
    name="mark_tool",
    description="mark-description",
    parameters={
        "type": "object",
        "properties": {"mark_property": {"type": "string", "description": "mark-property-says"}},
        "required": ["mark_property"],
    },
)
DEEP_TOOL = ToolSpec(
    name="deep_tool",
    description=f"{'What it does. ' * 150}mark-described",
    parameters={
        "type": "object",
        "properties": {"place": {"$ref": "#/$defs/Place"}},
        "required": ["place"],
        "$defs": {"Place": {"type": "object", "properties": {"name": {"type": "string", "description": "mark-deep"}}}},
    },
)
MARKED_OUTPUT = OutputSchema(
    name="mark_output",
    json_schema={
        "type": "object",
        "properties": {"mark_field": {"type": "integer"}, "place": {"$ref": "#/$defs/Place"}},
        "required": ["mark_field", "place"],
        "$defs": {
            "Place": {"type": "object", "properties": {"mark_inner": {"type": "string"}}, "required": ["mark_inner"]}
        },
    },
)
PICTURE = FilePart(media_type="image/png", data=PIXEL)
PDF = b"%PDF-1.4 mark"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt mark"
MP4 = b"\x00\x00\x00\x18ftypisom mark"


@dataclass(frozen=True, slots=True)
class Marked:
    """A request with marks.

    Attributes:
        name: Of the case.
        messages: The prompt.
        marks: What must be in the request.
        needs: The features without which it cannot be sent.
        options: Of the call.
        is_ordered: Whether the marks must come in this order.
        may_be_refused: Whether a wire may have no words for it, though what it needs is declared supported.
    """

    name: str
    messages: tuple[Message, ...]
    marks: tuple[str, ...]
    needs: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    is_ordered: bool = False
    may_be_refused: bool = False


def _asked(*parts: TextPart | FilePart) -> tuple[Message, ...]:
    return (Message.user(TextPart(text="mark-before"), *parts, TextPart(text="mark-after")),)


def _file(name: str, media_type: str, data: bytes, feature: str) -> Marked:
    part = FilePart(media_type=media_type, data=data, name=name)
    marks = ("mark-before", b64encode(data).decode(), "mark-after")
    return Marked(feature.removesuffix("_input"), _asked(part), marks, (feature,))


def _by_address(name: str, part: FilePart, mark: str) -> Marked:
    return Marked(name, _asked(part), ("mark-before", mark, "mark-after"), ("image_input",), may_be_refused=True)


TURNS = (Message.user("mark-question"), Message.assistant(CALL), Message.tool(RESULT))
_TOOLS = {"tools": [TOOL]}


def _in_a_result(name: str, part: FilePart, data: bytes, feature: str) -> Marked:
    """Return a result of a tool that has a file beside its text."""
    messages = (*TURNS[:2], Message.tool(RESULT.model_copy(update={"content": (TextPart(text="mark-a"), part)})))
    marks = ("mark-a", b64encode(data).decode())
    return Marked(name, messages, marks, ("tools", feature), _TOOLS, may_be_refused=True)


MARKED = (
    Marked("unicode", (Message.user(ODD_TEXT),), (ODD_TEXT,)),
    Marked(
        "texts", _asked(TextPart(text="mark-between")), ("mark-before", "mark-between", "mark-after"), is_ordered=True
    ),
    Marked(
        "turns",
        (
            Message.user("mark-1"),
            Message.assistant("mark-2"),
            Message.user("mark-3"),
            Message.assistant("mark-4"),
            Message.user("mark-5"),
        ),
        ("mark-1", "mark-2", "mark-3", "mark-4", "mark-5"),
        is_ordered=True,
    ),
    Marked(
        "system",
        (Message.system("mark-system"), Message.system("mark-second-system"), Message.user("mark-user")),
        ("mark-system", "mark-second-system", "mark-user"),
        ("system_prompt",),
    ),
    Marked(
        "system_and_turns",
        (
            Message.system("mark-system"),
            Message.user("mark-1"),
            Message.assistant("mark-2"),
            Message.user("mark-3"),
        ),
        ("mark-system", "mark-1", "mark-2", "mark-3"),
        ("system_prompt",),
    ),
    Marked(
        "tools",
        (Message.user("mark-question"),),
        ("mark_tool", "mark-description", "mark_property", "mark-property-says", "get_weather"),
        ("tools",),
        {"tools": [MARKED_TOOL, TOOL]},
    ),
    Marked(
        "long", (Message.user(f"mark-begin {'x ' * 50_000} mark-end"),), ("mark-begin", "mark-end"), is_ordered=True
    ),
    Marked(
        "long_description",
        (Message.user("mark-question"),),
        ("mark-described", "mark-deep"),
        ("tools",),
        {"tools": [DEEP_TOOL]},
    ),
    Marked(
        "named_tool",
        (Message.user("mark-question"),),
        ("mark_tool", "get_weather"),
        ("tools", "tool_choice"),
        {"tools": [MARKED_TOOL, TOOL], "tool_choice": "mark_tool"},
    ),
    Marked(
        "tool_call",
        TURNS,
        ("mark-question", "get_weather", "mark-argument", "mark-result"),
        ("tools",),
        _TOOLS,
        is_ordered=True,
    ),
    Marked(
        "parallel_calls",
        (
            Message.user("mark-question"),
            Message.assistant("mark-said", CALL, OTHER_CALL),
            Message.tool(RESULT, OTHER_RESULT),
            Message.user("mark-next"),
        ),
        ("mark-question", "mark-said", "mark-argument", "mark-second", "mark-result", "mark-other-result", "mark-next"),
        ("tools",),
        _TOOLS,
        is_ordered=True,
    ),
    Marked(
        "result_of_parts",
        (
            *TURNS[:2],
            Message.tool(RESULT.model_copy(update={"content": (TextPart(text="mark-a"), TextPart(text="mark-b"))})),
        ),
        ("mark-a", "mark-b"),
        ("tools",),
        _TOOLS,
        is_ordered=True,
    ),
    Marked(
        "schema",
        (Message.user("mark-question"),),
        ("mark_field", "integer", "mark_inner"),
        ("structured_output",),
        {"output": MARKED_OUTPUT},
    ),
    _in_a_result("result_with_picture", PICTURE, PIXEL, "image_input"),
    _in_a_result(
        "result_with_document",
        FilePart(media_type="application/pdf", data=PDF, name="report.pdf"),
        PDF,
        "document_input",
    ),
    _by_address(
        "picture_by_address", FilePart.from_url("https://mark.example/cat.png"), "https://mark.example/cat.png"
    ),
    _by_address("picture_by_id", FilePart(media_type="image/png", file_id="mark-file-1"), "mark-file-1"),
    _file("pixel.png", "image/png", PIXEL, "image_input"),
    _file("report.pdf", "application/pdf", PDF, "document_input"),
    _file("sound.wav", "audio/wav", WAV, "audio_input"),
    _file("film.mp4", "video/mp4", MP4, "video_input"),
)
"""Every kind of part. Reasoning is not here: only what a provider sent itself can be given back to it."""


def marked(target: Target) -> Iterator[Case]:
    """Yield the requests of which nothing is declared unsupported."""
    if not isinstance(target.loaded, LocalProvider):
        declared = target.capabilities()
        for case in MARKED:
            if all(declared.support(need) != "unsupported" for need in case.needs):
                yield Case(case.name, case)


def check_every_part_is_sent(target: Target, case: Marked) -> None:
    """Raise unless all that a conversation holds is in the request, or the wire says that it cannot send it.

    Raises:
        ConformanceFailure: Something is lost, altered, or in another order.
    """
    with Probe(target) as probe:
        for mode in modes(target):
            _check_marks(target, case, probe.ask(mode, [*case.messages], **case.options), mode)


def _check_marks(target: Target, case: Marked, caught: Caught, mode: Mode) -> None:
    rule = "every part of a conversation is sent, in its order, or refused by name; none is lost in silence"
    if caught.sent is None:
        is_told = isinstance(caught.error, UnsupportedError | InvalidRequestError)
        declared = [need for need in case.needs if target.capabilities().support(need) == "supported"]
        is_claimed = len(declared) == len(case.needs) and not case.may_be_refused
        if not is_told or is_claimed:
            raise fail(rule, f"nothing is sent ({mode}): {caught.error}", look_at="the wire, or its declaration")
        return
    found = text_of(caught.sent)
    missing = [mark for mark in case.marks if mark not in found]
    if missing:
        advice = "the wire's encode_request: is there a kind of part, or of message, that it passes over?"
        raise fail(
            rule, f"{', '.join(map(repr, missing))} is not in the request", sent=caught.sent.shown, look_at=advice
        )
    if case.is_ordered and _positions(found, case.marks) is None:
        raise fail(rule, f"the order is not {', '.join(case.marks)}", sent=caught.sent.shown)


def text_of(sent: Sent) -> str:
    """Return every text in a request's body, in its order, names of fields included; JSON in texts is opened."""
    return "\n".join(_texts(sent.json))


def _texts(value: object) -> Iterator[str]:
    for path, leaf in leaves(value):
        yield from path[-1:]
        yield from path[:-1]
        if isinstance(leaf, str):
            yield leaf
            yield from _opened(leaf)


def _opened(text: str) -> Iterator[str]:
    if text[:1] in ("{", "["):
        try:
            inner = json.loads(text)
        except ValueError:
            return
        yield from _texts(inner)


def _positions(text: str, marks: tuple[str, ...]) -> list[int] | None:
    """Return where the marks are, each after the one before; None if they are not in this order."""
    found, at = [], 0
    for mark in marks:
        at = text.find(mark, at)
        if at < 0:
            return None
        found.append(at)
        at += len(mark)
    return found
