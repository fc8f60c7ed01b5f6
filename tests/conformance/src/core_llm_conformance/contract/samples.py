"""Requests to encode and answers to decode, for checks that hand them to a wire without any client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core_llm import (
    CoreLLMError,
    FilePart,
    Message,
    NamedToolChoice,
    OutputSchema,
    Request,
    Settings,
    StreamEvent,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from core_llm.wire import Decoder, Frame, Framing, WireFormat, framer_for
from core_llm_conformance.applicability import shown
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.scenario import Mode, Shown
from core_llm_conformance.target import Target

TOOL = ToolSpec(
    name="get_weather",
    description="Current weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
OTHER_TOOL = ToolSpec(name="get_time", description="The time in a city.", parameters=TOOL.parameters)
SCHEMA = OutputSchema(
    name="place",
    json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
"""A PNG of one pixel."""
SETTINGS = (
    Settings(temperature=0.25, max_tokens=100),
    Settings(top_p=0.5, stop=("END", "STOP")),
    Settings(seed=7),
    Settings(reasoning_effort="low"),
)


def requests(model: str) -> list[Request]:
    """Return requests of every kind to one model, streamed and plain; a wire may refuse some of them."""
    user = Message.user("What is the weather in Oslo?")
    call = ToolCallPart(id="call_1", name="get_weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')
    result = ToolResultPart(tool_call_id="call_1", name="get_weather", content="-3 °C, snow")
    both = Message.user(TextPart(text="What is this?"), FilePart(media_type="image/png", data=PIXEL))
    plain = [
        Request(model=model, messages=(user,)),
        Request(model=model, messages=(Message.system("Be brief."), user, Message.assistant("Cold."), user)),
        Request(model=model, messages=(user,), tools=(TOOL, OTHER_TOOL), tool_choice="auto"),
        Request(model=model, messages=(user,), tools=(TOOL,), tool_choice=NamedToolChoice(name="get_weather")),
        Request(model=model, messages=(user, Message.assistant(call), Message.tool(result)), tools=(TOOL,)),
        Request(model=model, messages=(user,), output=SCHEMA),
        Request(model=model, messages=(user,), output="json"),
        Request(model=model, messages=(both,)),
        *(Request(model=model, messages=(user,), settings=settings) for settings in SETTINGS),
    ]
    forms = [request.model_copy(update={"is_stream": is_stream}) for request in plain for is_stream in (True, False)]
    return [request.model_copy(deep=True) for request in forms]  # so that a wire that changes one changes no other


def encodable(wire: WireFormat, model: str) -> list[Request]:
    """Return those requests that a wire does not refuse."""
    found = []
    for request in requests(model):
        try:
            wire.encode_request(request)
        except CoreLLMError:
            continue
        found.append(request)
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded answer of the plugin's cassettes.

    Attributes:
        name: Of the scenario.
        mode: Streamed or plain.
        request: One that it could be the answer to.
        framing: How it is framed; ``none`` for a plain one.
        frames: What framing makes of it.
    """

    name: str
    mode: Mode
    request: Request
    framing: Framing
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)
    frames: tuple[Frame, ...] = field(repr=False)


def answers(target: Target, *, statuses: Sequence[int] = (200,)) -> Iterator[Answer]:
    """Yield the answers of all chats (and of their errors) in the plugin's cassettes that have one of the statuses."""
    for case in shown(target):
        assert isinstance(case.value, Shown)
        if case.value.scenario.kind not in ("chat", "error"):
            continue
        for interaction in case.value.interactions:
            if interaction.status in statuses:
                yield _answer(target, case.value, interaction)


def _answer(target: Target, one: Shown, interaction: Interaction) -> Answer:
    model, body = target.model_of(one.scenario), interaction.body
    request = Request(model=model, messages=(Message.user("Hi"),), is_stream=one.mode == "stream")
    wire = target.loaded.wire(model)
    framing = wire.encode_request(request).framing if request.is_stream else "none"
    return Answer(
        name=one.scenario.name,
        mode=one.mode,
        request=request,
        framing=framing,
        status=interaction.status,
        headers=dict(interaction.headers),
        body=body,
        frames=tuple(frames_of(body, framing)) if interaction.status < 400 else (),  # noqa: PLR2004  # HTTP's errors
    )


def frames_of(body: bytes, framing: Framing) -> list[Frame]:
    """Return the frames of a body that hold something."""
    framer = framer_for(framing)
    return [frame for frame in [*framer.feed(body), *framer.close()] if frame.data]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder made of frames, for comparing."""

    events: tuple[StreamEvent, ...]
    facts: tuple[object, ...]


def facts_of(decoder: Decoder) -> tuple[object, ...]:
    """Return what a decoder knows at the end, besides its events."""
    found = (decoder.id, decoder.model, decoder.finish_reason, decoder.raw_finish_reason, decoder.usage)
    return (*found, decoder.metadata, decoder.is_complete, decoder.is_done)


def decoded(decoder: Decoder, frames: Sequence[Frame]) -> Decoded | str:
    """Return what a decoder makes of frames, fed as the engine does; what it raises, as text."""
    events: list[StreamEvent] = []
    try:
        for frame in frames:
            events += decoder.feed(frame)
            if decoder.is_done:
                break
        events += decoder.close()
    except Exception as error:  # noqa: BLE001  # an answer may be an error, and a decoder may be wrong: both are compared
        return f"{type(error).__name__}: {error}"
    return Decoded(tuple(events), facts_of(decoder))
