"""Typed answers while they come: growing values, items one by one, corrections in between."""

from __future__ import annotations

import copy
import json

import anyio
import pytest

from core_llm import (
    AsyncClient,
    Client,
    Finish,
    InvalidOutputError,
    InvalidRequestError,
    PartEnd,
    PartStart,
    Restarted,
    StreamInterruptedError,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallPart,
    check_events,
)
from core_llm.testing import Cut, FakeProvider, Step

from .places import BAD, GOOD, OSLO, Caller, City, given

CITIES = '{"value": [{"name": "Oslo", "population": 7}, {"name": "Rome", "population": 8}]}'
ODD_CITIES = '{"value": [{"name": "Oslo", "population": 7}, {"name": "Rome", "population": "x"}]}'
OSLO_7, ROME_8 = City(name="Oslo", population=7), City(name="Rome", population=8)


def test_a_value_grows_in_place(caller: Caller) -> None:
    """What is yielded is one object until the whole value, which is a checked one of its own."""
    values, output = caller.read(FakeProvider(GOOD), City, lambda stream: stream.partial_objects())

    assert len({id(value) for value in values[:-1]}) == 1
    assert len(values) >= 3
    assert values[-1] is output
    assert output == OSLO


def test_a_copy_keeps_what_was_shown() -> None:
    """The growing object may be copied at any moment."""
    with Client(providers=[FakeProvider(GOOD)]) as client, client.stream("fake:m", "Hi", output=City) as stream:
        kept = [copy.deepcopy(city) for city in stream.partial_objects()]
    assert [(city.name, city.population) for city in kept] == [
        (None, None),
        ("Oslo", None),
        ("Oslo", 709000),
        ("Oslo", 709000),
    ]


def test_a_value_grows_from_the_arguments_of_a_call(caller: Caller) -> None:
    """What the model says beside the call is no part of it."""
    call = given(GOOD)
    pieces = [ToolCallDelta(1, "c1", "give_output", GOOD[at : at + 8]) for at in range(0, len(GOOD), 8)]
    steps: list[Step] = [
        'Here is {"name": "no"}',
        PartStart(1, "tool_call"),
        *pieces,
        ToolCall(1, call),
        PartEnd(1, call),
    ]
    values, output = caller.read(
        FakeProvider(steps),
        City,
        lambda stream: stream.partial_objects(),
        output_mode="tool",
    )
    assert output == values[-1] == OSLO
    assert len(values) > 4


def test_items_come_one_by_one(caller: Caller) -> None:
    """Each as soon as it is whole, and checked."""
    items, output = caller.read(FakeProvider(CITIES), list[City], lambda stream: stream.iter_items())
    assert items == output == [OSLO_7, ROME_8]


def test_an_item_does_not_wait_for_the_next() -> None:
    """The first is there while the model still speaks."""
    with (
        Client(providers=[FakeProvider(CITIES)]) as client,
        client.stream("fake:m", "Hi", output=list[City]) as stream,
    ):
        assert next(stream.iter_items()) == OSLO_7
        assert "Rome" not in stream.response.text


def test_items_of_a_call_that_comes_whole(caller: Caller) -> None:
    """Providers that send no pieces of calls are no other case."""
    call = ToolCallPart(id="c", name="give_output", arguments=json.loads(CITIES))
    items, _ = caller.read(
        FakeProvider([call]),
        list[City],
        lambda stream: stream.iter_items(),
        output_mode="tool",
    )
    assert items == [OSLO_7, ROME_8]


def test_items_of_a_list_that_stands_alone(caller: Caller) -> None:
    """A model that leaves out what is around the list has said the same: no item is lost."""
    items, output = caller.read(FakeProvider(f"[{GOOD}]"), list[City], lambda stream: stream.iter_items())
    assert items == output == [OSLO]


def test_an_item_that_does_not_fit_comes_after_others() -> None:
    """They cannot be taken back, so there is no correction: the error says which item it is."""
    model = FakeProvider(ODD_CITIES, CITIES)
    with Client(providers=[model]) as client, client.stream("fake:m", "Hi", output=list[City]) as stream:
        items = stream.iter_items()
        assert next(items) == OSLO_7
        with pytest.raises(InvalidOutputError, match="item 1 does not fit: population"):
            next(items)
    assert len(model.requests) == 1


def test_a_first_item_that_does_not_fit_is_corrected(caller: Caller) -> None:
    """Nothing was handed out, so the whole answer is asked for anew."""
    odd = '{"value": [{"name": "Oslo"}, {"name": "Rome", "population": 8}]}'
    items, output = caller.read(FakeProvider(odd, CITIES), list[City], lambda stream: stream.iter_items())
    assert items == output == [OSLO_7, ROME_8]


def test_an_answer_anew_after_items_is_an_error() -> None:
    """What was handed out would be void."""
    wrong_at_its_end = '{"value": [{"name": "Oslo", "population": 7}], "more": 1}'
    with (
        Client(providers=[FakeProvider(wrong_at_its_end, CITIES)]) as client,
        client.stream("fake:m", "Hi", output=list[City]) as stream,
        pytest.raises(InvalidOutputError, match="more: Extra inputs") as caught,
    ):
        list(stream.iter_items())
    assert any("items of it were handed out" in note for note in caught.value.__notes__)


def test_a_correction_is_seen_as_an_answer_that_starts_anew() -> None:
    """The events keep the grammar of one stream, and only the last answer finishes."""
    with (
        Client(providers=[FakeProvider(BAD, GOOD)]) as client,
        client.stream("fake:m", "Hi", output=City) as stream,
    ):
        events = list(check_events(stream))

    (anew,) = [event for event in events if isinstance(event, Restarted)]
    assert isinstance(anew.error, InvalidOutputError)
    assert anew.attempt == 2
    after = events[events.index(anew) :]
    assert "".join(event.text for event in after if isinstance(event, TextDelta)) == GOOD
    assert isinstance(events[-1], Finish)
    assert events[-1].response is stream.response


def test_a_growing_value_starts_anew_with_its_correction(caller: Caller) -> None:
    """As another object."""
    values, output = caller.read(FakeProvider(BAD, GOOD), City, lambda stream: stream.partial_objects())
    assert output == OSLO
    assert len({id(value) for value in values}) == 3


def test_texts_alone_cannot_say_that_an_answer_starts_anew(caller: Caller) -> None:
    """So reading them ends with what was wrong."""
    with pytest.raises(InvalidOutputError, match="population"):
        caller.read(FakeProvider(BAD, GOOD), City, lambda stream: stream.iter_text())


def test_a_cut_answer_is_no_value(caller: Caller) -> None:
    """It raises as every broken stream does, and never ends as half an object."""
    with pytest.raises(StreamInterruptedError):
        caller.read(FakeProvider([GOOD[:20], Cut()]), City, lambda stream: stream.partial_objects(), max_retries=0)


def test_the_value_is_there_at_the_end_only() -> None:
    """Asked before, the error says what to look at."""
    with Client(providers=[FakeProvider(GOOD)]) as client, client.stream("fake:m", "Hi", output=City) as stream:
        with pytest.raises(InvalidRequestError, match="partial_objects"):
            _ = stream.output
        assert stream.finish().output == stream.output == OSLO


def test_a_stream_that_is_left_early_is_over() -> None:
    """What came is kept, the connection is free, and the value is not there."""
    with (
        Client(providers=[FakeProvider(GOOD)]) as client,
        client.stream("fake:m", "Hi", output=City) as stream,
    ):
        next(stream.partial_objects())
        assert not stream.response.is_complete
        with pytest.raises(InvalidRequestError):
            _ = stream.output


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_iterator_may_be_left(backend: str) -> None:
    """No generator is left behind for the loop to warn of."""

    async def go() -> City:
        async with (
            AsyncClient(providers=[FakeProvider(GOOD)]) as client,
            client.stream("fake:m", "Hi", output=City) as stream,
        ):
            return await anext(stream.partial_objects())

    assert anyio.run(go, backend=backend).name is None


def test_a_queue_takes_typed_streams_as_any_others() -> None:
    """Their values are there when the queue has read them."""
    with Client(providers=[FakeProvider(GOOD)]) as client, client.queue() as queue:
        streams = [client.stream("fake:m", "Hi", output=City) for _ in range(2)]
        for stream in streams:
            queue.add(stream)
        for _ in queue:
            pass
    assert [stream.output for stream in streams] == [OSLO, OSLO]
