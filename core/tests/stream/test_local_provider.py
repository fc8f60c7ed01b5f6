"""A model in this process: its thread, how it is slowed down and stopped, and what its failures become."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    BadRequestError,
    Client,
    Limits,
    LocalChannel,
    LocalProvider,
    MalformedResponseError,
    Request,
    StreamInterruptedError,
    TextDelta,
    TimeoutExceededError,
    UnsupportedError,
    Usage,
)
from core_llm._stream.effects import INTERRUPTED, LocalCall
from core_llm._stream.local_run import MAX_WAITING, LocalRun
from core_llm.wire import PartsBuilder

from .calls import GUARD, Caller, config, stream_sync

Run = Callable[[Request, LocalChannel], None]


class Here(LocalProvider):
    """A model that does what the test says."""

    name = "here"

    def __init__(self, run: Run, prepare: Run = lambda _request, _channel: None) -> None:
        super().__init__()
        self._run = run
        self._prepare = prepare
        self.runs = 0
        self.is_over = threading.Event()

    def prepare_local(self, request: Request, channel: LocalChannel) -> None:
        """Get ready as the test says."""
        self._prepare(request, channel)

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Do what the test says, and note the end."""
        self.runs += 1
        try:
            self._run(request, channel)
        finally:
            self.is_over.set()


def say_hello(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # the contract's signature
    """Answer "Hello"."""
    parts = PartsBuilder("here")
    channel.emit(parts.text("Hel"))
    channel.emit(parts.text("lo"))
    channel.emit(parts.close_all())
    channel.finish("stop", raw_finish_reason="eos", usage=Usage(output_tokens=2), id="l1", metadata={"speed": 9})


def go_on_forever(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # as above
    """Emit until told to stop."""
    parts = PartsBuilder("here")
    while channel.emit(parts.text("x")):
        pass


def say_nothing(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # as above
    """Read a long prompt until told to stop."""
    while not channel.is_cancelled:
        threading.Event().wait(0.005)


def test_the_events_are_those_of_any_stream(caller: Caller) -> None:
    """The consumer cannot tell it from a server."""
    outcome = caller.stream(Here(say_hello))
    assert outcome.types == ["stream_start", "part_start", "text_delta", "text_delta", "part_end", "finish"]
    response = outcome.response
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Hello", "stop", "eos")
    assert (response.id, response.model, response.provider) == ("l1", "m", "here")
    assert (response.usage, response.metadata) == (Usage(output_tokens=2), {"speed": 9})


def test_generate_gathers_the_same(caller: Caller) -> None:
    """A local model has nothing but streams."""
    assert caller.generate(Here(say_hello)).text == "Hello"


def test_many_calls_run_beside_each_other() -> None:
    """More than a thread pool has threads, each waiting for its model, and none of them stuck."""
    together = threading.Barrier(60)

    def meet(request: Request, channel: LocalChannel) -> None:
        together.wait(GUARD)
        say_hello(request, channel)

    async def main() -> list[str]:
        texts: list[str] = []
        async with AsyncClient(config=config(), providers=[Here(meet)]) as client, anyio.create_task_group() as tasks:

            async def work() -> None:
                texts.append((await client.generate("here:m", "Hi")).text)

            for _ in range(60):
                tasks.start_soon(work)
        return texts

    assert anyio.run(main) == ["Hello"] * 60


def test_a_thread_that_returns_without_finish_was_interrupted(caller: Caller) -> None:
    """`finish` is the terminal marker."""

    def say_hel(_request: Request, channel: LocalChannel) -> None:
        channel.emit(PartsBuilder("here").text("Hel"))

    outcome = caller.stream(Here(say_hel))
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.partial is not None
    assert outcome.error.partial.text == outcome.response.text == "Hel"


def test_an_error_of_this_package_reaches_the_consumer_as_it_is(caller: Caller) -> None:
    """With provider and model filled in."""

    def fail(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # the contract's signature
        raise BadRequestError("the prompt is too long", status_code=400)

    outcome = caller.stream(Here(fail))
    assert isinstance(outcome.error, BadRequestError)
    assert (outcome.error.provider, outcome.error.model) == ("here", "m")


@pytest.mark.parametrize("stage", ["prepare", "run"])
def test_any_other_exception_becomes_an_error_and_is_not_tried_again(caller: Caller, stage: str) -> None:
    """A model that fails is no connection that broke."""

    def fail(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # the contract's signature
        raise RuntimeError("llama_decode returned -3")

    provider = Here(fail) if stage == "run" else Here(say_hello, fail)
    outcome = caller.stream(provider)
    assert isinstance(outcome.error, MalformedResponseError)
    assert "llama_decode returned -3" in outcome.error.message
    assert (provider.runs, outcome.types) == (1 if stage == "run" else 0, [])


def test_what_was_emitted_before_an_exception_is_kept(caller: Caller) -> None:
    """The partial response has it."""

    def fail(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # the contract's signature
        channel.emit(PartsBuilder("here").text("Hel"))
        raise RuntimeError("out of memory")

    outcome = caller.stream(Here(fail))
    assert isinstance(outcome.error, MalformedResponseError)
    assert outcome.error.partial is not None
    assert outcome.error.partial.text == "Hel"


def test_a_retryable_failure_before_content_is_tried_again(caller: Caller) -> None:
    """The model's thread is started anew."""
    failures = [StreamInterruptedError("the GPU went away")]

    def fail_once(request: Request, channel: LocalChannel) -> None:
        if failures:
            raise failures.pop()
        say_hello(request, channel)

    outcome = caller.stream(Here(fail_once))
    assert outcome.types[:2] == ["retrying", "stream_start"]
    assert outcome.response.text == "Hello"


@pytest.mark.parametrize("run", [go_on_forever, say_nothing], ids=["while it generates", "while it reads the prompt"])
def test_leaving_stops_the_thread(caller: Caller, run: Run) -> None:
    """The thread has gone when the block is left."""
    before = threading.active_count()
    provider = Here(run)
    limits = Limits(total=0.1) if run is say_nothing else Limits()
    caller.stream(provider, take=3, limits=limits)
    assert provider.is_over.wait(GUARD)
    names = [thread.name for thread in threading.enumerate() if thread.name == "core-llm-here"]
    assert names == []
    assert threading.active_count() <= before + 3  # the watchdog, and the event loop's idle threads


def test_an_abort_wakes_the_consumer_and_tells_the_model(caller: Caller) -> None:
    """From another thread, while both sides wait."""
    provider = Here(say_nothing)
    client = Client(**caller.options(provider, {}))
    stream = client.stream("here:m", "Hi")
    threading.Timer(0.05, stream.abort, ["enough"]).start()
    with pytest.raises(AbortedError, match="enough"), stream:
        stream.finish()
    assert provider.is_over.wait(GUARD)


def test_a_cancelled_task_stops_the_thread(caller: Caller) -> None:
    """Under async, by the event loop's own means."""
    provider = Here(say_nothing)
    if caller.mode == "sync":
        return

    async def go() -> bool:
        async with AsyncClient(**caller.options(provider, {})) as client:
            with anyio.move_on_after(0.1) as scope:
                await client.generate("here:m", "Hi")
        return scope.cancelled_caught

    assert caller.run(go)
    assert provider.is_over.is_set()


@pytest.mark.parametrize(
    ("limits", "limit"),
    [(Limits(first_event=0.1), "first_event"), (Limits(total=0.1), "total")],
    ids=["first event", "total"],
)
def test_limits_hold_for_a_model_that_says_nothing(caller: Caller, limits: Limits, limit: str) -> None:
    """The same limits as for a server."""
    outcome = caller.stream(Here(say_nothing), limits=limits)
    assert isinstance(outcome.error, TimeoutExceededError)
    assert outcome.error.limit == limit


def test_getting_ready_is_under_the_total_limit_only(caller: Caller) -> None:
    """Fetching and loading a model takes what it takes, but not for ever."""

    def load(_request: Request, _channel: LocalChannel) -> None:
        threading.Event().wait(0.3)

    slow = Here(say_hello, load)
    assert caller.stream(slow, limits=Limits(first_event=0.1)).response.text == "Hello"
    stuck = caller.stream(Here(say_hello, say_nothing), limits=Limits(total=0.1))
    assert isinstance(stuck.error, TimeoutExceededError)
    assert stuck.error.limit == "total"


def test_a_slow_consumer_slows_the_model() -> None:
    """`emit` waits when enough waits already."""
    emitted: list[int] = []

    def count(request: Request, channel: LocalChannel) -> None:  # noqa: ARG001  # the contract's signature
        parts = PartsBuilder("here")
        while channel.emit(parts.text("x")):
            emitted.append(1)

    client = Client(config=config(), providers=[Here(count)])
    with client.stream("here:m", "Hi") as stream:
        while len(emitted) < MAX_WAITING - 1:
            threading.Event().wait(0.001)
        threading.Event().wait(0.2)  # time enough for thousands more
        assert len(emitted) <= MAX_WAITING
        taken = [each for each, _ in zip(stream, range(2 * MAX_WAITING), strict=False) if isinstance(each, TextDelta)]
        assert len(taken) > MAX_WAITING


def test_an_empty_emit_is_nothing(caller: Caller) -> None:
    """A model may say that it is alive; the consumer sees no event."""

    def tick(request: Request, channel: LocalChannel) -> None:
        assert channel.emit([])
        say_hello(request, channel)

    assert caller.stream(Here(tick)).response.text == "Hello"


def test_a_provider_without_a_server_lists_no_models(caller: Caller) -> None:
    """Unless it says how."""
    with pytest.raises(UnsupportedError, match="in this process"):
        caller.models(Here(say_hello))


def test_a_provider_without_a_server_counts_no_tokens() -> None:
    """There is nobody to ask before the answer, unless the provider says otherwise."""
    with pytest.raises(UnsupportedError, match="counts no tokens"):
        Client(providers=[Here(say_hello)]).count_tokens("here:m", "Hi")


def test_a_stream_that_is_not_entered_starts_no_thread() -> None:
    """Making a stream does nothing."""
    provider = Here(say_hello)
    Client(config=config(), providers=[provider]).stream("here:m", "Hi")
    assert provider.runs == 0
    assert stream_sync(Client(config=config(), providers=[provider]), "here:m").response.text == "Hello"


def test_an_answer_that_is_finished_after_it_was_stopped_is_no_success() -> None:
    """Events that were emitted after the stop are lost, so the model's word that it is whole counts for nothing."""
    run = LocalRun(LocalCall(Here(say_hello), Request(model="m", messages=())))
    run.cancel()
    run.start()
    run.close()
    assert run.pull() is INTERRUPTED


def test_a_model_that_was_stopped_while_it_got_ready_is_not_run() -> None:
    """Loading is over, and nobody waits for an answer any more."""
    provider = Here(say_hello, lambda _request, _channel: run.cancel())
    run = LocalRun(LocalCall(provider, Request(model="m", messages=())))
    run.start()
    run.close()
    assert provider.runs == 0
