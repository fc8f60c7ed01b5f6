"""The tool-call assembler: which fragments belong together, and which calls are complete."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_llm._events import PartEnd, PartStart, StreamEvent, ToolCall, ToolCallDelta
from core_llm._json import JSONValue
from core_llm._messages import ToolCallPart
from core_llm.wire.parts import PartsBuilder
from core_llm.wire.tool_calls import ToolCallAssembler

Fragment = tuple[int | None, str | None, str | None, JSONValue]
"""Index, id, name, arguments."""


def events_of(*fragments: Fragment, is_final: bool = True, was_cut: bool = False) -> list[StreamEvent]:
    """Return all events of an answer made of `fragments`."""
    assembler = ToolCallAssembler(PartsBuilder("acme"))
    events = [event for fragment in fragments for event in assembler.add(*fragment)]
    return events + assembler.finish(is_final=is_final, was_cut_by_limit=was_cut)


def calls_of(*fragments: Fragment, is_final: bool = True, was_cut: bool = False) -> list[ToolCallPart]:
    """Return the calls of an answer made of `fragments`, the incomplete ones too."""
    events = events_of(*fragments, is_final=is_final, was_cut=was_cut)
    return [event.part for event in events if isinstance(event, PartEnd) and isinstance(event.part, ToolCallPart)]


def summary(*fragments: Fragment) -> list[tuple[str, str, str]]:
    """Return id, name and arguments' text of each call."""
    return [(call.id, call.name, call.raw_arguments) for call in calls_of(*fragments)]


def test_fragments_of_one_index_make_one_call() -> None:
    """The usual stream: id and name first, then pieces of the arguments under the same index."""
    calls = calls_of((0, "c1", "weather", ""), (0, None, None, '{"city":'), (0, None, None, ' "Oslo"}'))
    assert calls == [
        ToolCallPart(id="c1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}')
    ]


def test_events_of_one_call() -> None:
    """A call starts when its name is known, grows by deltas, and is announced once, whole, before its part ends."""
    events = events_of((0, "c1", "weather", ""), (0, None, None, "{}"))
    call = ToolCallPart(id="c1", name="weather", arguments={}, raw_arguments="{}")
    assert events == [
        PartStart(0, "tool_call"),
        ToolCallDelta(0, "c1", "weather", ""),
        ToolCallDelta(0, "c1", "weather", "{}"),
        ToolCall(0, call),
        PartEnd(0, call),
    ]


def test_two_whole_calls_with_one_index_are_two_calls() -> None:
    """Another id is another call, also where a server gives every call the index 0."""
    assert summary((0, "a", "weather", '{"city": "Oslo"}'), (0, "b", "weather", '{"city": "Rome"}')) == [
        ("a", "weather", '{"city": "Oslo"}'),
        ("b", "weather", '{"city": "Rome"}'),
    ]


def test_streamed_calls_with_one_index_are_two_calls() -> None:
    """Fragments without an id go on with the newest call of their index."""
    fragments: list[Fragment] = [(0, "a", "f", ""), (0, "", None, '{"x": 1}'), (0, "b", "g", ""), (0, "", None, "{}")]
    assert summary(*fragments) == [("a", "f", '{"x": 1}'), ("b", "g", "{}")]


def test_calls_without_index_follow_their_ids() -> None:
    """Without an index, an id that is new begins a call, and fragments without one go on with the call before."""
    fragments: list[Fragment] = [
        (None, "a", "f", '{"x"'),
        (None, None, None, ": 1}"),
        (None, "b", "g", "{"),
        (None, None, None, "}"),
    ]
    assert summary(*fragments) == [("a", "f", '{"x": 1}'), ("b", "g", "{}")]


def test_whole_calls_without_index_and_id_are_told_apart_by_name() -> None:
    """A name where there is neither id nor index begins a call, and ids are made up."""
    assert summary((None, None, "f", '{"x": 1}'), (None, None, "g", '{"y": 2}')) == [
        ("call_0", "f", '{"x": 1}'),
        ("call_1", "g", '{"y": 2}'),
    ]


def test_whole_calls_of_one_tool_without_index_and_id_are_two() -> None:
    """An object that begins after a whole one cannot go on with it, so another call has begun."""
    assert summary((None, "", "f", '{"x": 1}'), (None, "", "f", '{"x": 2}')) == [
        ("call_0", "f", '{"x": 1}'),
        ("call_1", "f", '{"x": 2}'),
    ]


def test_the_wire_may_say_that_a_call_begins() -> None:
    """Two calls of one tool without arguments, neither with an id, are two if the decoder knows that each begins."""
    assembler = ToolCallAssembler(PartsBuilder("acme"))
    for _ in range(2):
        assembler.add(0, None, "now", "{}", begins=True)
    calls = [event for event in assembler.finish(is_final=True) if isinstance(event, ToolCall)]
    assert [call.call.id for call in calls] == ["call_0", "call_1"]


def test_an_id_on_each_fragment_is_one_call() -> None:
    """Some servers repeat the id, the type, and the name with every piece."""
    fragments: list[Fragment] = [(0, "a", "f", ""), (0, "a", "f", '{"x"'), (0, "a", "f", ": 1}")]
    assert summary(*fragments) == [("a", "f", '{"x": 1}')]


def test_a_repeated_name_without_id_goes_on_with_the_call() -> None:
    """A last piece may come with the name again and no id."""
    assert summary((0, "a", "f", '{"x": 1'), (0, None, "f", "}")) == [("a", "f", '{"x": 1}')]


def test_a_new_id_without_a_name_is_the_same_call() -> None:
    """LM Studio gives each fragment an id of its own; only what has a name begins a call beside one of its index."""
    fragments: list[Fragment] = [(0, "a", "f", ""), (0, "b", "", "{"), (0, "c", "", '"x": 1'), (0, "d", "", "}")]
    assert summary(*fragments) == [("a", "f", '{"x": 1}')]


def test_interleaved_calls_keep_apart() -> None:
    """Parallel calls may stream by turns, under their indexes or under their ids."""
    by_index: list[Fragment] = [(0, "a", "f", "{"), (1, "b", "g", "["), (0, None, None, "}"), (1, None, None, "]")]
    assert summary(*by_index) == [("a", "f", "{}"), ("b", "g", "[]")]
    by_id: list[Fragment] = [
        (None, "a", "f", "{"),
        (None, "b", "g", '{"y"'),
        (None, "a", None, "}"),
        (None, "b", None, ": 2}"),
    ]
    assert summary(*by_id) == [("a", "f", "{}"), ("b", "g", '{"y": 2}')]


def test_indexes_may_have_gaps() -> None:
    """Indexes name calls; they are not counted on."""
    assert summary((2, "a", "f", "{}"), (7, "b", "g", "{}"), (7, None, None, " ")) == [
        ("a", "f", "{}"),
        ("b", "g", "{} "),
    ]


def test_a_call_waits_for_its_name() -> None:
    """A call whose name comes late is not shown before, and nothing of its arguments is lost."""
    events = events_of((0, "a", None, None), (0, None, None, '{"x"'), (0, None, "f", ": 1}"))
    assert events[:2] == [PartStart(0, "tool_call"), ToolCallDelta(0, "a", "f", '{"x": 1}')]
    assert isinstance(events[2], ToolCall)


def test_an_id_may_come_after_the_name() -> None:
    """An id that comes late is the call's, in place of the one made up."""
    assert summary((0, None, "f", ""), (0, "a", None, "{}"), (0, "a", None, "")) == [("a", "f", "{}")]


def test_arguments_may_be_an_object() -> None:
    """Arguments that come as an object are as good as their text."""
    calls = calls_of((0, None, "f", {"x": [1]}), (None, None, "g", {}))
    assert [(call.arguments, call.raw_arguments) for call in calls] == [({"x": [1]}, '{"x":[1]}'), ({}, "{}")]


@pytest.mark.parametrize("arguments", [None, "", "  ", "null", "{}"])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    """A tool without parameters is called with nothing, in one of many ways of saying so."""
    (call,) = calls_of((0, "a", "now", arguments))
    assert (call.is_complete, call.arguments) == (True, {})


def test_the_last_call_of_a_cut_answer_needs_arguments() -> None:
    """Where the token limit fell before the arguments, the call must not run; one before it was whole."""
    calls = calls_of((0, "a", "now", ""), (1, "b", "erase", ""), was_cut=True)
    assert [(call.name, call.is_complete) for call in calls] == [("now", True), ("erase", False)]


@pytest.mark.parametrize("arguments", ['{"city": "Par', '{"x": 1}}', "[1]", '"{}"', "Paris", '{"x": NaN}'])
def test_what_is_no_json_object_is_not_complete(arguments: str) -> None:
    """Arguments that were cut off, or are no JSON object, are kept as text, and never parsed to something like them."""
    events = events_of((0, "a", "f", arguments))
    assert not [event for event in events if isinstance(event, ToolCall)]
    assert events[-1] == PartEnd(
        0, ToolCallPart(id="a", name="f", arguments=None, raw_arguments=arguments, is_complete=False)
    )


def test_before_the_terminal_marker_nothing_is_assumed() -> None:
    """A call without arguments in a stream that broke off is not a call with none."""
    (call,) = calls_of((0, "a", "now", ""), is_final=False)
    assert not call.is_complete


def test_a_whole_call_sent_twice_is_one_call() -> None:
    """A duplicated frame does not double the arguments."""
    fragments: list[Fragment] = [(0, "a", "f", '{"x": 1}'), (0, "a", "f", '{"x": 1}')]
    assert summary(*fragments) == [("a", "f", '{"x": 1}')]


def test_two_calls_of_one_id_get_two_ids() -> None:
    """A server that gives all calls one id still made two calls; the second gets an id of its own."""
    assert summary((0, "x", "f", '{"x": 1}'), (1, "x", "f", '{"x": 2}'), (1, None, None, " ")) == [
        ("x", "f", '{"x": 1}'),
        ("call_1", "f", '{"x": 2} '),
    ]
    assert summary((0, "x", "f", '{"x": 1}'), (0, "x", "f", '{"x": 2}')) == [
        ("x", "f", '{"x": 1}'),
        ("call_1", "f", '{"x": 2}'),
    ]
    assert [name for _, name, _ in summary((0, "x", "f", ""), (0, "x", "g", ""))] == ["f", "g"]


def test_made_up_ids_differ_from_given_ones() -> None:
    """An id made up is not one that the server uses, whichever comes first."""
    assert [call[0] for call in summary((0, "call_1", "f", "{}"), (1, None, "g", "{}"))] == ["call_1", "call_2"]
    ids = [call[0] for call in summary((0, None, "f", "{}"), (1, "call_0", "g", "{}"), (1, None, None, ""))]
    assert ids[0] == "call_0"
    assert len(set(ids)) == 2


def test_ids_are_made_up_after_the_answer() -> None:
    """The prefix keeps the made-up ids of two answers in one conversation apart."""
    assembler = ToolCallAssembler(PartsBuilder("acme"))
    assembler.id_prefix = "call_1a2b"
    (_, delta) = assembler.add(0, "", "f", "")
    assert delta == ToolCallDelta(0, "call_1a2b_0", "f", "")


def test_a_call_that_never_had_a_name_is_kept_but_not_complete() -> None:
    """What cannot be called is shown as it came; an empty fragment is nothing."""
    (call,) = calls_of((0, "a", None, "{}"), (1, None, None, ""))
    assert (call.name, call.raw_arguments, call.is_complete) == ("", "{}", False)


def test_state_is_kept_under_the_provider_s_name() -> None:
    """What the provider wants back with a call is in its provider_state, gathered over the fragments."""
    assembler = ToolCallAssembler(PartsBuilder("acme"))
    assembler.add(0, "a", "f", "", state={"signature": "x"})
    assembler.add(0, None, None, "{}", state={"more": 1})
    end = assembler.finish(is_final=True)[-1]
    assert isinstance(end, PartEnd)
    assert end.part.provider_state == {"acme": {"signature": "x", "more": 1}}


def test_complete_calls_are_noted_on_the_parts() -> None:
    """Wires without a finish reason for calls learn from the parts that there were some."""
    parts = PartsBuilder("acme")
    assembler = ToolCallAssembler(parts)
    assembler.add(0, "a", "f", "{")
    assembler.finish(is_final=True)
    assert not parts.has_tool_calls
    assembler = ToolCallAssembler(parts)
    assembler.add(0, "a", "f", "{}")
    assembler.finish(is_final=True)
    assert parts.has_tool_calls


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_brackets_in_texts_do_not_begin_a_call(size: int) -> None:
    """A brace after a brace is a new object only outside texts, whatever is escaped in them and wherever it is cut."""
    text = r'{"a": "} {\"} {\\", "b": {"c": "\\\"} {"}, "d": ["]} {"]}'
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert summary(*[(0, None, "f", piece) for piece in pieces]) == [("call_0", "f", text)]


def test_twenty_thousand_pieces_are_one_call() -> None:
    """Long arguments in very small pieces are joined once, also where each piece repeats id and name."""
    text = '{"text": "' + "ab} {" * 8000 + '"}'
    pieces = [text[at : at + 2] for at in range(0, len(text), 2)]
    fragments: list[Fragment] = [(0, "a", "f", piece) for piece in pieces]
    assert len(fragments) > 20_000
    (call,) = calls_of(*fragments)
    assert call.arguments == {"text": "ab} {" * 8000}


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=3), min_size=1, max_size=4
    ),
    st.randoms(use_true_random=False),
)
def test_any_interleaving_of_indexed_calls_assembles(objects: list[dict[str, JSONValue]], random: object) -> None:
    """However the pieces of parallel calls interleave, each call gets its own."""
    from pydantic_core import to_json  # noqa: PLC0415

    queues: list[list[Fragment]] = []
    for index, value in enumerate(objects):
        text = to_json(value).decode()
        pieces: list[Fragment] = [(index, None, None, text[at : at + 2]) for at in range(0, len(text), 2)]
        queues.append([(index, f"id{index}", "f", ""), *pieces])
    fragments: list[Fragment] = []
    while any(queues):
        queue = random.choice([queue for queue in queues if queue])  # type: ignore[attr-defined]
        fragments.append(queue.pop(0))
    calls = {call.id: call.arguments for call in calls_of(*fragments)}
    assert calls == {f"id{index}": value for index, value in enumerate(objects)}
