"""`core_llm.generate` and `core_llm.stream`: one default client, for scripts. It is made at the first call."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar, Unpack, overload

from core_llm._client import Client
from core_llm._options import CallOptions, Prompt, TypedOptions
from core_llm._response import Response
from core_llm._stream.stream import Stream

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from core_llm._output.response import TypedResponse
    from core_llm._typed.typed_stream import TypedStream

T = TypeVar("T")


@cache
def default_client() -> Client:
    """Return the client that the functions here share."""
    return Client()


@overload
def generate(model: str | None = None, prompt: Prompt | None = None, **options: Unpack[CallOptions]) -> Response: ...


@overload
def generate(
    model: str | None = None, prompt: Prompt | None = None, *, output: TypeForm[T], **options: Unpack[TypedOptions]
) -> TypedResponse[T]: ...


def generate(model: str | None = None, prompt: Prompt | None = None, **options: object) -> Response:
    """Return a whole answer from the default client; see `Client.generate`."""
    answer: Response = default_client().generate(model, prompt, **options)  # type: ignore[call-overload]  # as above
    return answer


@overload
def stream(model: str | None = None, prompt: Prompt | None = None, **options: Unpack[CallOptions]) -> Stream: ...


@overload
def stream(
    model: str | None = None, prompt: Prompt | None = None, *, output: TypeForm[T], **options: Unpack[TypedOptions]
) -> TypedStream[T]: ...


def stream(model: str | None = None, prompt: Prompt | None = None, **options: object) -> Stream | TypedStream[object]:
    """Return a streamed answer from the default client; see `Client.stream`."""
    made: Stream | TypedStream[object] = default_client().stream(model, prompt, **options)  # type: ignore[call-overload]  # as above
    return made
