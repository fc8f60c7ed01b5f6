"""Message and the Part union: what goes into a model and what comes out of it. Values only, no behaviour of a wire."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core_llm._errors import InvalidRequestError
from core_llm._json import JSONObject, JSONValue
from core_llm._value import SCHEMA_VERSION, Value

Role = Literal["system", "user", "assistant", "tool"]


class _Part(Value):
    """What all parts share."""

    provider_state: dict[str, JSONValue] = Field(default_factory=dict)
    """Provider name → JSON that this provider wants back exactly (signatures, ids); another provider never sees it."""


class Citation(Value):
    """A source that a text relies on. Every field is what the provider said, or None."""

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    """First character of the text part that the citation supports, counted from 0 as the provider counts."""
    end: int | None = None
    """One past its last character."""
    raw: JSONObject = Field(default_factory=dict)
    """The provider's own object, for what the fields above do not say."""


class TokenLogprob(Value):
    """The log probability of one output token, and of its rivals."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    """The most likely tokens at this position with their log probabilities, the likeliest first."""


class TextPart(_Part):
    """Text."""

    kind: Literal["text"] = "text"
    text: str
    citations: tuple[Citation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    """One for each token, if they were asked for and the provider sends them."""


class ReasoningPart(_Part):
    """What a model thought before it answered: the text, or a summary, or nothing where only opaque state is given."""

    kind: Literal["reasoning"] = "reasoning"
    text: str = ""


class FilePart(_Part):
    """An image, a sound, a document: by media type, and either its bytes, its address, or the provider's id of it."""

    kind: Literal["file"] = "file"
    media_type: str
    """For example ``image/png``, ``audio/wav``, ``application/pdf``; ``image/*`` where an address does not tell."""
    data: bytes | None = None
    """The content itself; base64 in JSON."""
    url: str | None = None
    """An address for the provider to fetch; never fetched here."""
    file_id: str | None = None
    """The provider's own id of a file uploaded before."""
    name: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.data, self.url, self.file_id)) != 1:
            msg = "a FilePart has exactly one of data, url and file_id"
            raise ValueError(msg)
        return self

    @classmethod
    def from_path(cls, path: str | Path, *, media_type: str | None = None) -> Self:
        """Read a file from disk; its media type is guessed from its name if not given.

        Raises:
            InvalidRequestError: There is no such file, it cannot be read, or its type cannot be guessed.
        """
        path = Path(path).expanduser()
        kind = media_type or mimetypes.guess_type(path.name)[0]
        if kind is None:
            msg = f"cannot tell the media type of {path.name!r} from its name; pass media_type=, e.g. 'image/png'"
            raise InvalidRequestError(msg)
        try:
            data = path.read_bytes()
        except OSError as error:
            msg = f"cannot read {path.absolute()}: {error.strerror}; check the path and its permissions"
            raise InvalidRequestError(msg) from None
        return cls(media_type=kind, data=data, name=path.name)

    @classmethod
    def from_url(cls, url: str, *, media_type: str | None = None) -> Self:
        """Refer to a file by address; the provider fetches it."""
        guess = media_type or mimetypes.guess_type(url.partition("?")[0])[0] or "image/*"
        return cls(media_type=guess, url=url)

    @property
    def major_type(self) -> str:
        """The first half of the media type: ``image``, ``audio``, ``video``, ``application``, ``text``."""
        return self.media_type.partition("/")[0]


class ToolCallPart(_Part):
    """A call of one of the caller's tools."""

    kind: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: JSONObject | None = None
    """The parsed arguments; None unless the call is complete."""
    raw_arguments: str = ""
    """The arguments' text as it arrived, also when it was cut off."""
    is_complete: bool = True
    """False when the call was cut off, stopped by the token limit, or is not a JSON object: it must not be executed."""

    @model_validator(mode="after")
    def _complete_has_arguments(self) -> Self:
        if self.is_complete and self.arguments is None:
            msg = "a complete tool call has arguments (an empty object for none)"
            raise ValueError(msg)
        return self


class RefusalPart(_Part):
    """The model's own words in declining."""

    kind: Literal["refusal"] = "refusal"
    text: str


class ProviderPart(_Part):
    """What only one provider has: server-side tools, executed code, opaque items."""

    kind: Literal["provider"] = "provider"
    provider: str
    type: str
    """The provider's own name for it."""
    data: JSONValue = None


class ToolResultPart(_Part):
    """What a tool answered."""

    kind: Literal["tool_result"] = "tool_result"
    tool_call_id: str
    name: str = ""
    """The tool's name; some wires want it."""
    content: str | tuple[TextPart | FilePart, ...] = ""
    is_error: bool = False


Part = Annotated[
    TextPart | ReasoningPart | FilePart | ToolCallPart | ToolResultPart | RefusalPart | ProviderPart,
    Field(discriminator="kind"),
]
PartKind = Literal["text", "reasoning", "file", "tool_call", "tool_result", "refusal", "provider"]
Content = str | Part | Sequence[str | Part]
"""What callers may write where parts are wanted: a text, a part, or a list of both."""


def as_parts(content: Content) -> tuple[Part, ...]:
    """Return `content` as parts; a text becomes a TextPart."""
    items = (content,) if isinstance(content, str | _Part) else content
    return tuple(TextPart(text=item) if isinstance(item, str) else item for item in items)


class Message(Value):
    """One message of a conversation."""

    schema_version: int = SCHEMA_VERSION
    role: Role
    parts: tuple[Part, ...]

    @classmethod
    def system(cls, *content: Content) -> Self:
        """Return an instruction of the application to the model."""
        return cls._of("system", content)

    @classmethod
    def user(cls, *content: Content) -> Self:
        """Return a message of the user: texts and files in the order given."""
        return cls._of("user", content)

    @classmethod
    def assistant(cls, *content: Content) -> Self:
        """Return a message of the model."""
        return cls._of("assistant", content)

    @classmethod
    def tool(cls, *results: ToolResultPart) -> Self:
        """Return the results of tool calls."""
        return cls(role="tool", parts=results)

    @classmethod
    def _of(cls, role: Role, content: tuple[Content, ...]) -> Self:
        return cls(role=role, parts=tuple(part for item in content for part in as_parts(item)))

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The complete tool calls."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart) and part.is_complete)
