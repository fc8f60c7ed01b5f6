"""What servers tell us, as values: resources, prompts, how far a call has come, what they want to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core_llm.wire import JSONObject


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a server can be asked to read.

    Attributes:
        uri: Its address, which only the server understands.
        name: What the server calls it.
        description: What the server says of it.
        media_type: For example ``text/plain``; None if the server does not say.
        size: In bytes; None if the server does not say.
    """

    uri: str
    name: str
    description: str = ""
    media_type: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that a server can make.

    Attributes:
        name: What to ask for.
        description: What the server says of it.
        required: The arguments that it has to be given.
        optional: The arguments that it may be given.
    """

    name: str
    description: str = ""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call has come, as the server says.

    Attributes:
        server: The server's name.
        tool: What the server calls the tool.
        call_id: The id of the model's call.
        progress: How much is done.
        total: Of how much; None if the server does not say.
        message: What the server says.
    """

    server: str
    tool: str
    call_id: str
    progress: float
    total: float | None = None
    message: str | None = None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Elicitation:
    """What a server wants to know of the user.

    Attributes:
        server: The server's name.
        message: What it asks.
        schema: The form of an answer: an object with plain properties; None where a page is to be visited.
        url: The page that the user is asked to visit; None where an answer is wanted.
    """

    server: str
    message: str
    schema: JSONObject | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    """What a server wants one of our models to be asked.

    Attributes:
        server: The server's name.
        system: The instruction that it gives.
        messages: The conversation, each message's role and text.
        max_tokens: How long the answer may be, at most what we allow.
    """

    server: str
    system: str | None
    messages: tuple[tuple[str, str], ...]
    max_tokens: int
