"""Client: what a user of the sync API holds. Each method says what it wants; `_calls` plans it, `_stream` does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack, overload

from core_llm._calls import ClientOptions
from core_llm._client_base import ClientBase
from core_llm._embed_options import EmbedOptions
from core_llm._embeddings import Embeddings
from core_llm._options import CallOptions, ExchangeOptions, Prompt, TypedOptions, counts_tokens, wants_type
from core_llm._response import Response
from core_llm._stream.control import Control
from core_llm._stream.drive import drive
from core_llm._stream.exchange import run_exchange
from core_llm._stream.state import CallState
from core_llm._stream.stream import Stream
from core_llm._stream.sync_runner import SyncRunner
from core_llm._transport import SyncTransport

if TYPE_CHECKING:
    import httpx
    from typing_extensions import TypeForm

    from core_llm._output.response import TypedResponse
    from core_llm._queue.entries import QueueOptions
    from core_llm._queue.stream_queue import StreamQueue
    from core_llm._runs.asked import RunOptions
    from core_llm._runs.run import Run, TypedRun
    from core_llm._stream.plan import CallPlan
    from core_llm._typed.asked import TypedAsked
    from core_llm._typed.typed_stream import TypedStream
    from core_llm.wire.base import Exchange, ModelInfo

T = TypeVar("T")


class Client(ClientBase):
    """Talks to language models. Safe to share between threads; connections are pooled."""

    def __init__(self, *, http_client: httpx.Client | None = None, **options: Unpack[ClientOptions]) -> None:
        """Make a client. Nothing is sent, and no connection made, before the first call.

        Args:
            http_client: A client of httpx or httpx2 to send with, for proxies, custom transports and tests; it is yours
                to close.
            **options: See `ClientOptions`.

        Raises:
            ConfigError: The configuration is wrong; says what, and in which layer.
        """
        super().__init__(options)
        self._transport = SyncTransport(self._calls.values.transport, http_client)

    @overload
    def stream(
        self, model: str | None = None, prompt: Prompt | None = None, **options: Unpack[CallOptions]
    ) -> Stream: ...

    @overload
    def stream(
        self,
        model: str | None = None,
        prompt: Prompt | None = None,
        *,
        output: TypeForm[T],
        **options: Unpack[TypedOptions],
    ) -> TypedStream[T]: ...

    def stream(
        self, model: str | None = None, prompt: Prompt | None = None, **options: object
    ) -> Stream | TypedStream[object]:
        """Return a streamed answer, to be entered with `with`: nothing is sent before that.

        Args:
            model: ``provider:model``, a role of the configuration, or None for the configured default.
            prompt: A text, a message, or a list of texts, parts and messages.
            **options: Settings such as ``temperature=0.2``, and the rest of `CallOptions`; or ``output=`` a type, and
                `TypedOptions`.

        Raises:
            CoreLLMError: The request cannot be sent: unknown model or setting, missing key, empty prompt.
        """
        if wants_type(options):
            return self._typed(model, prompt, options, is_stream=True)
        return Stream(self._calls.plan(model, prompt, options, is_stream=True), self._transport)

    @overload
    def generate(
        self,
        model: str | None = None,
        prompt: Prompt | None = None,
        *,
        via_stream: bool = False,
        **options: Unpack[CallOptions],
    ) -> Response: ...

    @overload
    def generate(
        self,
        model: str | None = None,
        prompt: Prompt | None = None,
        *,
        output: TypeForm[T],
        via_stream: bool = False,
        **options: Unpack[TypedOptions],
    ) -> TypedResponse[T]: ...

    def generate(
        self, model: str | None = None, prompt: Prompt | None = None, *, via_stream: bool = False, **options: object
    ) -> Response:
        """Return a whole answer.

        Args:
            model: ``provider:model``, a role of the configuration, or None for the configured default.
            prompt: A text, a message, or a list of texts, parts and messages.
            via_stream: Ask for a stream and gather it: finds out early when a long answer breaks. A signal that limits
                tokens does that too.
            **options: Settings such as ``temperature=0.2``, and the rest of `CallOptions`; or ``output=`` a type, and
                `TypedOptions`.

        Raises:
            OutputError: A type was asked for, and the answer has no value of it.
            CoreLLMError: The call failed; says what happened, where, and what to do.
        """
        is_stream = via_stream or counts_tokens(options)
        if wants_type(options):
            with self._typed(model, prompt, options, is_stream=is_stream) as typed:
                return typed.finish()
        plan = self._calls.plan(model, prompt, options, is_stream=is_stream)
        with Stream(plan, self._transport) as stream:
            return stream.finish()

    @overload
    def run(self, model: str | None = None, prompt: Prompt | None = None, **options: Unpack[RunOptions]) -> Run: ...

    @overload
    def run(
        self,
        model: str | None = None,
        prompt: Prompt | None = None,
        *,
        output: TypeForm[T],
        **options: Unpack[RunOptions],
    ) -> TypedRun[T]: ...

    def run(self, model: str | None = None, prompt: Prompt | None = None, **options: object) -> Run:
        """Return the turns of a model and its tools as one stream, to be entered with `with`.

        Args:
            model: ``provider:model``, a role of the configuration, or None for the configured default.
            prompt: A text, a message, or a list of texts, parts and messages.
            **options: The tools, the limits of the run, who approves calls, and the rest of `RunOptions`; and
                ``output=`` the type that the last answer is wanted as.

        Raises:
            CoreLLMError: What was asked for cannot be done: unknown model or option, two tools of one name.
        """
        from core_llm._runs.run import Run, TypedRun  # noqa: PLC0415  # tools bring an event loop with them
        from core_llm._runs.turns import Turns  # noqa: PLC0415  # the same

        turns = Turns(self._calls, model, prompt, options)
        kind = Run if turns.asked.plan.output is None else TypedRun[object]
        return kind(turns, lambda plan: Stream(plan, self._transport))

    def queue(self, **options: Unpack[QueueOptions]) -> StreamQueue:
        """Return a queue that makes one of several streams or runs; add them with `add`, at any time.

        Raises:
            InvalidSettingError: An option has a wrong value.
        """
        from core_llm._queue.stream_queue import StreamQueue  # noqa: PLC0415  # few programs need it

        return StreamQueue(**options)

    def _typed(
        self, model: str | None, prompt: Prompt | None, options: Mapping[str, object], *, is_stream: bool
    ) -> TypedStream[object]:
        from core_llm._typed.asked import TypedAsked  # noqa: PLC0415  # costs those who use it
        from core_llm._typed.typed_stream import TypedStream  # noqa: PLC0415  # the same

        def open_stream(asked: TypedAsked) -> Stream:
            said = asked.messages
            plan = self._calls.plan(model, said, asked.options, is_stream=is_stream, asking=asked.wanted.asking)
            return Stream(plan, self._transport)

        return TypedStream(TypedAsked(prompt, options), open_stream)

    def models(self, provider: str, **options: Unpack[ExchangeOptions]) -> tuple[ModelInfo, ...]:
        """Return the models that a provider lists.

        Raises:
            UnsupportedError: It has no listing.
            CoreLLMError: The call failed.
        """
        found = self.provider(provider)
        self._calls.require(found, "model_listing")
        return self.exchange(provider, found.list_models(), **options)

    def count_tokens(
        self, model: str | None = None, prompt: Prompt | None = None, **options: Unpack[CallOptions]
    ) -> int:
        """Return how many input tokens a request has, as its provider counts them.

        Raises:
            UnsupportedError: The provider has no endpoint for that.
            CoreLLMError: The call failed.
        """
        plan = self._calls.plan(model, prompt, options, is_stream=False)
        self._calls.require(plan.provider, "token_counting", plan.request.model)
        return self._exchanged(plan, plan.provider.count_tokens(plan.request))

    def embed(self, model: str, inputs: str | Sequence[str], **options: Unpack[EmbedOptions]) -> Embeddings:
        """Return a vector for each text, in their order.

        A list longer than the provider takes at once goes out as several requests.

        Args:
            model: ``provider:model``, or a role of the configuration.
            inputs: A text, or several.
            **options: See `EmbedOptions`.

        Raises:
            UnsupportedError: The provider has no embeddings, or no field for an option.
            CoreLLMError: The call failed.
        """
        plan, request = self._calls.embed_plan(model, inputs, options)
        return self._exchanged(plan, plan.provider.embed(request))

    def exchange(self, provider: str, exchange: Exchange[T], **options: Unpack[ExchangeOptions]) -> T:
        """Return the value of a sans-I/O generator of a provider's: what is neither a stream nor an answer.

        Args:
            provider: Whose address, credentials and limits it runs with.
            exchange: Made by a method of the provider or of its wire.
            **options: See `ExchangeOptions`.

        Raises:
            CoreLLMError: The call failed.
        """
        return self._exchanged(self._calls.exchange_plan(provider, options), exchange)

    def _exchanged(self, plan: CallPlan, exchange: Exchange[T]) -> T:
        control = Control()
        steps = run_exchange(CallState(plan, control), exchange)
        return drive(steps, SyncRunner(self._transport, control), control)

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()
