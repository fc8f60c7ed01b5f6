"""Transforms and processors as options of a call, a provider and a client; and all options as one StreamConfig."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import ClassVar

import pytest

from core_llm import (
    Callbacks,
    Capabilities,
    Client,
    InvalidSettingError,
    Limits,
    PluginError,
    Recovery,
    Request,
    Settings,
    StreamConfig,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    UnknownProviderError,
    transforms,
)
from core_llm._config_model import NO_LIMITS
from core_llm._options import ChatOptions, SettingOptions
from core_llm.testing import Cut, FakeProvider
from core_llm_conformance.script import json_answer, sse_answer
from core_llm_conformance.server import FaultServer

from .calls import Caller, config
from .tiny import DONE, Tiny, at, event, hello, plain

SENTENCES = (event(text="One. Tw"), event(text="o. Thr"), event(text="ee"), event(finish="stop"), DONE)
Transform = transforms.Transform[StreamEvent]


class Continuing(Tiny):
    """Goes on from the beginning of an answer."""

    capabilities: ClassVar[Mapping[str, Capabilities]] = {"*": Capabilities(continuation="supported")}


def loud(event: StreamEvent) -> StreamEvent:
    """Put text into capitals."""
    return replace(event, text=event.text.upper()) if isinstance(event, TextDelta) else event


# ---- as options of a call


def test_an_answer_is_transformed_where_it_arises(caller: Caller) -> None:
    """So that the response says the same as the events."""
    with FaultServer(sse_answer(*SENTENCES)) as server:
        outcome = caller.stream(at(server.url), transforms=[transforms.map(loud), transforms.sentences()])
    assert outcome.texts == ["ONE. ", "TWO. ", "THREE"]
    assert outcome.response.text == "ONE. TWO. THREE"


def test_a_plain_answer_is_transformed_too(caller: Caller) -> None:
    """Parts that are not wanted are not in its response."""
    with FaultServer(json_answer(plain())) as server:
        assert caller.generate(at(server.url), transforms=[transforms.map(loud)]).text == "HELLO"


def test_those_of_plugins_stand_nearest_to_the_wire(caller: Caller) -> None:
    """Then come the client's, the provider's, and the call's."""

    def adding(letter: str) -> Transform:
        return transforms.map(lambda e: replace(e, text=e.text + letter) if isinstance(e, TextDelta) else e)

    client = {"transforms": [adding("1")], "per_provider": {"tiny": StreamConfig(transforms=[adding("2")])}}
    with FaultServer(sse_answer(event(text="a"), event(finish="stop"), DONE)) as server:
        outcome = caller.stream(at(server.url), client=client, transforms=[adding("3")])  # type: ignore[arg-type]
    assert outcome.texts == ["a123"]


def test_each_answer_has_a_transform_that_remembers_nothing(caller: Caller) -> None:
    """Also one that starts anew."""
    client = {"transforms": [transforms.sentences()]}
    with FaultServer(sse_answer(SENTENCES[0]), sse_answer(*SENTENCES), sse_answer(*SENTENCES)) as server:
        outcomes = caller.streams(at(server.url), [{"recovery": "restart"}, {}], client=client)  # type: ignore[arg-type]
    assert [outcome.response.text for outcome in outcomes] == ["One. Two. Three"] * 2


def test_what_is_held_when_a_stream_breaks_is_handed_on(caller: Caller) -> None:
    """To the consumer as well as into the partial response."""
    with FaultServer(sse_answer(*SENTENCES[:2])) as server:
        outcome = caller.stream(at(server.url), transforms=[transforms.sentences()])
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.texts == ["One. ", "Two. ", "Thr"]
    assert outcome.response.text == "One. Two. Thr"


@pytest.mark.parametrize("recovery", ["raise", "continue"])
def test_what_is_held_when_a_local_model_breaks_off_is_handed_on(caller: Caller, recovery: Recovery) -> None:
    """The same where no server, and no decoder of its words, had a part in it."""
    broken = FakeProvider(["One. Tw", "o. Thr", Cut()], name="tiny")
    outcome = caller.stream(broken, transforms=[transforms.sentences()], recovery=recovery)
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.texts == ["One. ", "Two. ", "Thr"]
    assert outcome.response.text == "One. Two. Thr"


def test_what_is_held_is_not_lost_where_an_answer_is_continued(caller: Caller) -> None:
    """The events add up to the answer, and the answer to what was said."""
    rest = sse_answer(event(text="ee. Four"), event(finish="stop"), DONE)
    with FaultServer(sse_answer(*SENTENCES[:2]), rest) as server:
        outcome = caller.stream(at(server.url, Continuing), recovery="continue", transforms=[transforms.sentences()])
    assert outcome.error is None
    assert "".join(outcome.texts) == outcome.response.text == "One. Two. Three. Four"


def test_texts_are_no_option_of_a_call() -> None:
    """A call has events."""
    with pytest.raises(InvalidSettingError, match=r"text\(\) makes texts, not events, so it cannot be an option"):
        Client(config=config(), providers=[Tiny]).stream("tiny:m", "Hi", transforms=[transforms.text()])


def test_a_transform_that_fails_ends_the_call(caller: Caller) -> None:
    """What it would have changed is not handed on as it was."""

    def fail(_: StreamEvent) -> StreamEvent:
        raise LookupError("no such word")

    with FaultServer(hello()) as server:
        outcome = caller.stream(at(server.url), transforms=[transforms.map(fail)])
    assert isinstance(outcome.error, PluginError)
    assert "no such word" in outcome.error.message


# ---- requests


def saying(word: str) -> Callable[[Request], Request]:
    """Return what adds a word to the last message."""

    def process(request: Request) -> Request:
        last = request.messages[-1]
        said = last.model_copy(update={"parts": (last.parts[0].model_copy(update={"text": last.text + word}),)})
        return request.model_copy(update={"messages": (*request.messages[:-1], said)})

    return process


def test_requests_are_processed_from_the_general_to_the_particular(caller: Caller) -> None:
    """Each function gets what the one before returned."""
    client = {
        "processors": [saying(" client")],
        "per_provider": {"tiny": StreamConfig(processors=[saying(" provider")])},
    }
    with FaultServer(hello()) as server:
        caller.stream(
            at(server.url),
            client=client,  # type: ignore[arg-type]
            config=StreamConfig(processors=[saying(" config")]),
            processors=[saying(" one"), saying(" two")],
        )
        assert server.last_request.json == {"texts": ["Hi client provider config one two"], "stream": True}


def test_a_processor_that_fails_stops_the_call(caller: Caller) -> None:
    """The request must not go out as it was."""
    with FaultServer() as server, pytest.raises(PluginError, match=r"what rewrites requests failed: .*no such word"):
        caller.stream(at(server.url), processors=[lambda _: (_ for _ in ()).throw(LookupError("no such word"))])


# ---- StreamConfig


def test_a_config_has_what_a_call_takes_and_nothing_else() -> None:
    """Each field is an option of a call; what is said, and a signal, which fires once, are not in it."""
    options = set(ChatOptions.__annotations__) - set(SettingOptions.__annotations__)
    assert {field.name for field in fields(StreamConfig)} == options - {"config", "system", "signal"}


def test_configs_are_merged_field_by_field() -> None:
    """The upper one stands; what has fields of its own is merged, and what takes part is added."""
    one, two = Callbacks(on_start=print), Callbacks(on_chunk=print)
    below = StreamConfig(
        limits=Limits(total=60, first_event=5),
        max_retries=1,
        callbacks=one,
        extra_headers={"a": "1"},
        recovery="restart",
    )
    above = StreamConfig(limits=Limits(total=30), max_retries=0, callbacks=two, extra_headers={"b": "2"})
    assert below.merged(above) == StreamConfig(
        limits=Limits(total=30, first_event=5),
        max_retries=0,
        callbacks=(one, two),
        extra_headers={"a": "1", "b": "2"},
        recovery="restart",
    )
    assert below.merged(None) is below


def test_keyword_arguments_go_over_the_config_of_a_call_and_that_over_the_provider_s() -> None:
    """And under all lies what the client has for every call."""
    client = Client(
        config=config(),
        providers=[Tiny],
        limits=Limits(connect=1, first_event=1, between_events=1),
        max_retries=9,
        per_provider={
            "tiny": StreamConfig(
                limits=Limits(connect=2, first_event=2),
                max_retries=8,
                settings=Settings(temperature=0.1, top_p=0.1, seed=1),
                recovery="restart",
                fallback=["tiny:other"],
                provider_options={"tiny": {"a": {"x": 1, "y": 1}}},
            )
        },
    )
    mine = StreamConfig(
        limits=Limits(connect=3),
        settings=Settings(temperature=0.2, top_p=0.2),
        provider_options={"tiny": {"a": {"y": 2}}},
    )
    plan = client._calls.plan("tiny:m", "Hi", {"config": mine, "temperature": 0.3}, is_stream=True)
    assert plan.limits == NO_LIMITS.merged(
        Limits(admission=600, connect=3, first_event=2, between_events=1, total=1800)
    )
    assert (plan.rules.max_retries, plan.recovery) == (8, "restart")
    knobs = plan.request.settings
    assert (knobs.temperature, knobs.top_p, knobs.seed) == (0.3, 0.2, 1)
    assert plan.provider_options == {"a": {"x": 1, "y": 2}}


def test_other_kinds_of_calls_take_of_it_what_they_have(caller: Caller) -> None:
    """A listing of models has retries, and no callbacks."""
    busy, found = json_answer({"error": "busy"}, 503), json_answer({"models": ["a"]})
    own = StreamConfig(max_retries=1, callbacks=Callbacks(on_start=print))
    with FaultServer(busy, found) as server:
        models = caller.models(at(server.url), client={"max_retries": 0, "per_provider": {"tiny": own}})
    assert [model.id for model in models] == ["a"]


def test_a_provider_that_is_configured_must_be_there() -> None:
    """A slip of the pen shows at once, not at the thousandth call."""
    with pytest.raises(UnknownProviderError, match="did you mean 'tiny'"):
        Client(config=config(), providers=[Tiny], per_provider={"tinny": StreamConfig()})


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: StreamConfig(max_retries=-1), "max_retries must be 0 or a greater whole number"),
        (lambda: StreamConfig(limits=30), "limits must be a Limits"),  # type: ignore[arg-type]
        (lambda: StreamConfig(recovery="again"), "recovery must be raise, restart"),  # type: ignore[arg-type]
        (lambda: StreamConfig(settings={"top_p": 1}), "settings must be a Settings"),  # type: ignore[arg-type]
        (lambda: StreamConfig(extra_headers=["x"]), "extra_headers must be a mapping"),  # type: ignore[arg-type]
        (lambda: StreamConfig(processors=print), "processors must be a list of functions"),  # type: ignore[arg-type]
        (lambda: StreamConfig(transforms=["loud"]), "transforms must be a list of functions, not a list of str"),  # type: ignore[list-item]
        (lambda: Client(config=config(), per_provider=[StreamConfig()]), "per_provider must be a mapping"),  # type: ignore[arg-type]
        (lambda: Client(config=config(), per_provider={"a": {}}), "names to StreamConfig"),  # type: ignore[dict-item]
    ],
)
def test_wrong_values_are_refused_where_they_are_given(make: Callable[[], object], problem: str) -> None:
    """By the name of the field."""
    with pytest.raises(InvalidSettingError, match=problem):
        make()


def test_a_call_takes_one_config() -> None:
    """Of the right kind: that of a client is another."""
    client = Client(config=config(), providers=[Tiny])
    with pytest.raises(InvalidSettingError, match="config must be a StreamConfig, not Config"):
        client.generate("tiny:m", "Hi", config=config())  # type: ignore[call-overload]
