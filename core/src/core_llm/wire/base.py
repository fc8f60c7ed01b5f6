"""The contract of a wire format: pure functions and small state machines, no socket, no clock, no environment.

A plugin author implements `WireFormat` (out: `encode_*`, in: `decode_*`) and `Decoder` (one answer's frames to events).
What is not a chat stream (list models, count tokens, …) is a sans-I/O generator, an `Exchange`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from pydantic import Field

from core_llm._capabilities import Capabilities
from core_llm._embeddings import Embeddings, EmbedRequest
from core_llm._errors import StatusError, UnsupportedError
from core_llm._events import PartEnd, StreamEvent
from core_llm._json import JSONObject, JSONValue
from core_llm._redaction import redact
from core_llm._request import Request
from core_llm._response import FinishReason, Response, Usage
from core_llm._value import Value
from core_llm.wire.errors import decode_status_error
from core_llm.wire.frames import Frame, Framing
from core_llm.wire.parts import PartsBuilder


@dataclass(slots=True, repr=False)
class WireRequest:
    """One HTTP request, before address and credentials.

    Attributes:
        method: ``GET``, ``POST``, …
        path: Joined to the provider's base URL; begins with ``/``. A whole ``https://`` address stands as it is.
        query: Query parameters; never a key.
        headers: Names in lower case.
        body: A JSON value, raw bytes, or None for no body.
        framing: How a streamed answer is framed; ``none`` when a plain answer is expected.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: JSONValue | bytes = None
    framing: Framing = "none"

    def __repr__(self) -> str:
        """Show the request without header values or body, which may hold secrets."""
        return redact(f"WireRequest({self.method} {self.path}, headers={sorted(self.headers)}, framing={self.framing})")


@dataclass(slots=True)
class WireResponse:
    """One whole HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


T = TypeVar("T")
Exchange = Generator[WireRequest, WireResponse, T]
"""A sans-I/O conversation: yields a WireRequest, receives its WireResponse (status 2xx only), returns a value."""


class ModelInfo(Value):
    """What a provider's model listing says of one model."""

    id: str
    name: str | None = None
    owned_by: str | None = None
    created: int | None = None
    """Seconds since 1970."""
    context_length: int | None = None
    """Tokens."""
    max_output_tokens: int | None = None
    raw: JSONObject = Field(default_factory=dict)
    """The provider's own object."""


class Decoder(ABC):
    """Makes events of one answer's frames. One instance an answer; fed in order; never reused.

    The engine emits StreamStart and Finish from the attributes here; a decoder emits everything between. Whatever
    `feed` raises that is not of this package's errors becomes a MalformedResponseError that shows the frame.

    Attributes:
        parts: Opens and closes parts and makes their events.
        id: The provider's id of the answer, set from the first frame that has it.
        model: The model that answers, likewise.
        finish_reason: Normalised; None until known.
        raw_finish_reason: The provider's own word.
        usage: The latest count.
        metadata: What else the provider says of the answer.
        is_complete: Whether the wire's terminal marker was seen. A stream that ends before is interrupted, never
        finished. is_done: Whether nothing more can come, so that reading may stop.
    """

    def __init__(self, provider: str) -> None:
        self.parts = PartsBuilder(provider)
        self.id: str | None = None
        self.model: str | None = None
        self.finish_reason: FinishReason | None = None
        self.raw_finish_reason: str | None = None
        self.usage: Usage | None = None
        self.metadata: JSONObject = {}
        self.is_complete = False
        self.is_done = False

    @property
    def cursor(self) -> int | None:
        """Where the stream stands, as `WireFormat.encode_resume` wants it; None on a wire that numbers no events."""
        return None

    @abstractmethod
    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame and return the events it makes, none or several.

        Raises:
            ProviderError: The frame is the provider's error object (see `core_llm.wire.error_from_object`).
        """

    def close(self) -> Sequence[StreamEvent]:
        """Say that no frame follows; return the last events. Every open part is closed here if it is not yet."""
        return self.parts.close_all()


def response_from(decoder: Decoder, events: Iterable[StreamEvent]) -> Response:
    """Return the response that a decoder, fed and closed, has made of a plain body; `events` is all it made."""
    ends = sorted((event for event in events if isinstance(event, PartEnd)), key=lambda event: event.part_index)
    return Response(
        id=decoder.id,
        model=decoder.model,
        parts=tuple(end.part for end in ends),
        finish_reason=decoder.finish_reason,
        raw_finish_reason=decoder.raw_finish_reason,
        usage=decoder.usage,
        is_complete=True,
        metadata=decoder.metadata,
    )


class WireFormat(ABC):
    """How to speak to a provider. Subclass it for a new wire; override a method or an attribute for a quirk.

    Attributes:
        framing: How streamed answers are framed.
        can_stream: False for a wire without streaming; `stream` then makes one plain request, invisible to the caller.
        can_generate: False where the wire has only streams; `generate` then reads one.
        capabilities: What the wire cannot say, whoever speaks it; it goes over what the provider declares.
        embed_fields: Knob of an EmbedRequest → field of the body, for those that the wire has.
    """

    framing: ClassVar[Framing] = "sse"
    can_stream: ClassVar[bool] = True
    can_generate: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = Capabilities()
    embed_fields: Mapping[str, str] = {}

    def __init__(self, provider: str, options: Mapping[str, JSONValue] | None = None) -> None:
        self.provider = provider
        self.options: Mapping[str, JSONValue] = options or {}

    @abstractmethod
    def encode_request(self, request: Request) -> WireRequest:
        """Return the HTTP request for `request`; `request.is_stream` says which form of answer is wanted."""

    @abstractmethod
    def decoder(self, request: Request) -> Decoder:
        """Return a fresh decoder for one streamed answer to `request`."""

    @abstractmethod
    def decode_response(self, body: JSONObject, request: Request) -> Response:
        """Return the answer that a plain (not streamed) body holds; its own `provider` field is filled in by the core.

        Raises:
            ProviderError: The body is an error object in spite of its status.
        """

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the error for an answer with status 400 or above. The usual JSON shapes are understood as they are."""
        return decode_status_error(status, headers, body)

    def encode_resume(self, response_id: str, cursor: int | None) -> WireRequest | None:  # noqa: ARG002  # for overriding
        """Return the request that resumes a broken stream after event `cursor`, or None if the wire cannot."""
        return None

    def count_tokens(self, request: Request) -> Exchange[int]:  # noqa: ARG002  # for overriding
        """Count the input tokens of `request` at the provider, as a sans-I/O generator.

        Raises:
            UnsupportedError: The provider has no endpoint for that.
        """
        raise UnsupportedError(
            f"{self.provider} has no endpoint that counts tokens; its answers report them in usage",
            feature="token_counting",
            provider=self.provider,
        )

    def embed(self, request: EmbedRequest) -> Exchange[Embeddings]:
        """Embed texts, as a sans-I/O generator; `core_llm.wire.EmbeddingWire` has all of it but the bodies.

        Raises:
            UnsupportedError: The wire has no embeddings.
        """
        raise UnsupportedError(
            f"{self.provider} has no embeddings; use a provider that has them",
            feature="embeddings",
            provider=self.provider,
            model=request.model,
        )

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the provider's models, as a sans-I/O generator.

        Raises:
            UnsupportedError: The provider has no listing.
        """
        raise UnsupportedError(
            f"{self.provider} has no model listing; see its documentation for model names",
            feature="model_listing",
            provider=self.provider,
        )
