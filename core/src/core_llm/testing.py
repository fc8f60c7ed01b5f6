"""For the tests of applications: a provider that answers what the test says, through the real client and engine.

    fake = FakeProvider("The sky is blue.", name="openai")
    with Client(providers=[fake]) as client:
        assert client.generate("openai:gpt-5-mini", "Why?").text == "The sky is blue."

Nothing is patched and no network is touched; limits, retries, hooks and stopping work as they do with any provider.
What a server sends on the wire is not in here: for that, give a client a mock transport, see docs/how-to/test-your-app.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from core_llm._capabilities import Capabilities
from core_llm._embeddings import Embeddings, EmbedRequest
from core_llm._errors import CoreLLMError, InvalidRequestError
from core_llm._events import StreamEvent, ToolCall, UsageUpdate
from core_llm._messages import Part, TextPart
from core_llm._provider import LocalChannel, LocalProvider
from core_llm._request import Request
from core_llm._response import FinishReason, Response, Usage
from core_llm.wire.base import Exchange, ModelInfo
from core_llm.wire.parts import PartsBuilder

__all__ = ["Answer", "Cut", "Delay", "FakeProvider", "Step"]

_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")
_FAKE_DIMENSIONS = 8
_LOOK_SECONDS = 0.005
"""How often a delay looks whether the call was stopped."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Let the answer pause."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Let the answer end here, without its terminal marker, as a broken connection does."""


Step = str | Part | StreamEvent | CoreLLMError | Delay | Cut
"""One thing that an answer does: a text is streamed word by word, an error is raised, an event goes out as it is."""
Answer = str | Part | Response | CoreLLMError | Sequence[Step] | Callable[[Request], "Answer"]
"""What a call is answered with: one step, several, a whole response, or a function that looks at the request."""


class FakeProvider(LocalProvider):
    """A provider without a model.

    One answer is given to every call. Several are given one after the other, each retry taking the next; a call that
    finds none left fails with an InvalidRequestError.

    Texts are embedded without a script: the same text has always the same vector, another text another.

    Attributes:
        requests: Those that came, in order.
        embed_requests: Those to embed, in order.
    """

    name = "fake"

    def __init__(
        self,
        *answers: Answer,
        name: str = "fake",
        capabilities: Capabilities | None = None,
        models: Sequence[str] = ("model",),
    ) -> None:
        """Make a provider with its script.

        Args:
            *answers: What calls are answered with.
            name: What stands before the colon in a model id; take that of the provider it stands in for.
            capabilities: What is declared of all its models.
            models: What it lists.
        """
        super().__init__(name=name)
        self.requests: list[Request] = []
        self.embed_requests: list[EmbedRequest] = []
        self._answers = answers
        self._capabilities = capabilities or Capabilities()
        self._models = tuple(models)
        self._lock = Lock()

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer as the script says."""
        answer = self._next_answer(request)
        while callable(answer):
            answer = answer(request)
        if isinstance(answer, Response):
            _Playing(self.endpoint, channel).response(answer)
        elif isinstance(answer, Sequence) and not isinstance(answer, str):
            _Playing(self.endpoint, channel).steps(answer)
        else:
            _Playing(self.endpoint, channel).steps([answer])

    def capabilities_for(self, model: str) -> Capabilities:  # noqa: ARG002  # the same for all
        """Return what is declared."""
        return self._capabilities

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models, as a sans-I/O generator."""
        yield from ()
        return tuple(ModelInfo(id=name) for name in self._models)

    def embed(self, request: EmbedRequest) -> Exchange[Embeddings]:
        """Embed the texts, as a sans-I/O generator. The usage is unknown, as nothing counts tokens here."""
        yield from ()
        self.embed_requests.append(request)
        return Embeddings(
            vectors=tuple(_fake_vector(text, request.dimensions or _FAKE_DIMENSIONS) for text in request.inputs),
            model=request.model,
            provider=self.endpoint,
        )

    def embed_fields(self, model: str) -> Collection[str]:  # noqa: ARG002  # the same for all
        """Return which knobs of an embedding it takes."""
        return ("dimensions", "input_type")

    def _next_answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        if len(self._answers) == 1:
            return self._answers[0]
        if number > len(self._answers):
            raise InvalidRequestError(
                f"the fake provider {self.endpoint!r} has no answer for call {number}; "
                f"its script has {len(self._answers)}"
            )
        return self._answers[number - 1]


def _fake_vector(text: str, dimensions: int) -> tuple[float, ...]:
    """Return numbers between -1 and 1 that depend on the text and on nothing else."""
    seed = text.encode("utf-8", "surrogatepass")
    blocks = (sha256(b"%d:" % number + seed).digest() for number in range(-(-dimensions // 32)))
    return tuple(byte / 127.5 - 1 for byte in b"".join(blocks)[:dimensions])


class _Playing:
    """One answer on its way out."""

    def __init__(self, provider: str, channel: LocalChannel) -> None:
        self._channel = channel
        self._parts = PartsBuilder(provider)
        self._usage: Usage | None = None
        self._has_call = False

    def response(self, response: Response) -> None:
        """Play a whole response; one that has no finish reason and is not complete is cut."""
        for part in response.parts:
            self._step(part)
        if response.finish_reason is None and not response.is_complete:
            return
        self._channel.finish(
            response.finish_reason or self._finish_reason(),
            raw_finish_reason=response.raw_finish_reason,
            usage=response.usage,
            id=response.id,
            model=response.model,
            metadata=response.metadata,
        )

    def steps(self, steps: Sequence[Step]) -> None:
        """Play step after step until one cuts the answer or the call is stopped."""
        for step in steps:
            if isinstance(step, Cut) or not self._step(step):
                return
        self._channel.emit(self._parts.close_all())
        self._channel.finish(self._finish_reason(), usage=self._usage)

    def _step(self, step: Step) -> bool:
        """Play one step; return False if the call was stopped."""
        if isinstance(step, StreamEvent):
            return self._event(step)
        match step:
            case str(text):
                return self._text(text)
            case Delay(seconds=seconds):
                return self._pause(seconds)
            case CoreLLMError():
                raise copy(step)  # it is changed on its way to the caller, and the script may be played again
            case Cut():
                return False
            case TextPart(citations=(), logprobs=(), text=str(text)) if text and not step.provider_state:
                return self._text(text) and self._channel.emit(self._parts.close_sequential())
            case _:
                return all(self._event(event) for event in self._parts.whole(step))

    def _text(self, text: str) -> bool:
        return all(self._channel.emit(self._parts.text(word)) for word in _WORD.findall(text) or [text])

    def _event(self, event: StreamEvent) -> bool:
        if isinstance(event, UsageUpdate):
            self._usage = event.usage
        self._has_call = self._has_call or isinstance(event, ToolCall)
        return self._channel.emit([event])

    def _pause(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while not self._channel.is_cancelled and (left := ends - time.monotonic()) > 0:
            time.sleep(min(_LOOK_SECONDS, left))
        return not self._channel.is_cancelled

    def _finish_reason(self) -> FinishReason:
        return "tool_calls" if self._has_call else "stop"
