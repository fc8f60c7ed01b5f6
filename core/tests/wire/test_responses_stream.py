"""Responses, inward and streamed: items and their pieces, what only the end says, servers that number nothing."""

from __future__ import annotations

import pytest

from core_llm._events import (
    CitationAdded,
    PartEnd,
    PartStart,
    RawEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    UsageUpdate,
)
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import (
    Citation,
    FilePart,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TokenLogprob,
    ToolCallPart,
)
from core_llm._response import Usage
from core_llm.wire.frames import Frame

from .responses import CALL, MESSAGE, added, arguments, done, ended, event, fed, new_decoder, parts_of, said, text

STATE: JSONObject = {"id": "msg_1", "status": "completed"}
HI = TextPart(text="Hi", provider_state={"acme": STATE})
WHOLE_CALL: JSONObject = {**CALL, "arguments": '{"city":"Oslo"}', "status": "completed"}
WEATHER = ToolCallPart(
    id="call_1",
    name="weather",
    arguments={"city": "Oslo"},
    raw_arguments='{"city":"Oslo"}',
    provider_state={"acme": {"id": "fc_1", "status": "completed"}},
)


def test_text_streams() -> None:
    """Each piece of text is one event; who answered is known at once, what it cost at the end."""
    decoder = new_decoder()
    usage: JSONObject = {
        "input_tokens": 30,
        "output_tokens": 20,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
        "output_tokens_details": {"reasoning_tokens": 8},
    }
    decoder.feed(event("created", response={"id": "resp_1", "model": "m-1", "status": "in_progress", "usage": None}))
    assert (decoder.id, decoder.model, decoder.usage) == ("resp_1", "m-1", None)
    frames = [added(0, MESSAGE), text("Hel"), text("lo"), done(0, said("Hello")), ended(said("Hello"), usage=usage)]
    counted = Usage(
        input_tokens=30, output_tokens=20, cache_read_tokens=10, cache_write_tokens=5, reasoning_tokens=8, raw=usage
    )
    assert fed(decoder, *frames) == [
        PartStart(0, "text"),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        PartEnd(0, TextPart(text="Hello", provider_state={"acme": STATE})),
        UsageUpdate(counted),
    ]
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("stop", "completed")
    assert (decoder.is_complete, decoder.is_done, decoder.usage) == (True, True, counted)


def test_the_number_of_the_last_event_is_the_cursor() -> None:
    """A resumed stream begins after it; a server that numbers nothing has none."""
    decoder = new_decoder()
    decoder.feed(text("a", sequence_number=3))
    assert decoder.cursor == 3
    decoder.feed(text("b", sequence_number=4))
    assert decoder.cursor == 4
    assert new_decoder().cursor is None


def test_pieces_of_content_are_parts_of_their_own() -> None:
    """Two texts of one message do not run together, however they interleave."""
    frames = [text("a", content=0), text("b", content=1), text("c", content=0), ended(said("ac", "b"))]
    assert parts_of(*frames) == [
        TextPart(text="ac", provider_state={"acme": STATE}),
        TextPart(text="b", provider_state={"acme": STATE}),
    ]


@pytest.mark.parametrize(
    "frames",
    [
        (event("output_text.done", item_id="msg_1", output_index=0, content_index=0, text="Hi"), ended(said("Hi"))),
        (added(0, MESSAGE), done(0, said("Hi")), ended()),
        (ended(said("Hi")),),
        (text("H"), done(0, said("Hi")), ended()),
        (text("H"), text("i"), ended(said("Hi"))),
        (text("Hi"), done(0, said("Hi")), text("Hi"), ended(said("Hi"))),
    ],
    ids=["text.done", "item.done", "completed", "half", "without item.done", "again"],
)
def test_a_text_is_said_once_wherever_it_comes(frames: tuple[Frame, ...]) -> None:
    """Text may be in the pieces, or only in what ends them; the last event repeats it all."""
    assert parts_of(*frames) == [HI]


def test_log_probabilities() -> None:
    """They come with the piece they are of, or only at the end."""
    hi: JSONObject = {"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1}]}
    token = TokenLogprob(token="Hi", logprob=-0.5, top=(("Ho", -1.0),))
    expected = [HI.model_copy(update={"logprobs": (token,)})]
    assert parts_of(text("Hi", logprobs=[hi]), ended(said("Hi"))) == expected
    piece: JSONObject = {"type": "output_text", "text": "Hi", "logprobs": [hi]}
    assert parts_of(ended({**MESSAGE, "content": [piece]})) == expected


def test_sources() -> None:
    """An annotation is a source of its text, once, whether it is announced or only stands in the whole item."""
    page: JSONObject = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 2}
    file: JSONObject = {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 2}
    where: JSONObject = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    piece: JSONObject = {"type": "output_text", "text": "Hi", "annotations": [page, file]}
    events = fed(
        new_decoder(),
        text("Hi"),
        event("output_text.annotation.added", **where, annotation=page),
        done(0, {**MESSAGE, "content": [piece]}),
        ended(),
    )
    assert [found.citation for found in events if isinstance(found, CitationAdded)] == [
        Citation(url="https://x.test", title="X", start=0, end=2, raw=page),
        Citation(title="a.pdf", raw=file),
    ]


def test_a_refusal_is_the_end_of_a_filter() -> None:
    """The model's words in declining are no text, though the wire calls the answer completed."""
    where: JSONObject = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    whole: JSONObject = {**MESSAGE, "content": [{"type": "refusal", "refusal": "I won't."}]}
    decoder = new_decoder()
    events = fed(
        decoder, event("refusal.delta", **where, delta="I "), event("refusal.done", **where, refusal="I won't.")
    )
    assert events[1:3] == [RefusalDelta(0, "I "), RefusalDelta(0, "won't.")]
    decoder = new_decoder()
    assert fed(decoder, ended(whole))[-1] == PartEnd(0, RefusalPart(text="I won't.", provider_state={"acme": STATE}))
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("content_filter", "completed")


def test_a_call_streams() -> None:
    """A call is announced by its name, grows, and is handed over whole at the end."""
    decoder = new_decoder()
    frames = [added(0, CALL), arguments('{"city":'), arguments('"Oslo"}'), done(0, WHOLE_CALL), ended(WHOLE_CALL)]
    assert fed(decoder, *frames) == [
        PartStart(0, "tool_call"),
        ToolCallDelta(0, "call_1", "weather", ""),
        ToolCallDelta(0, "call_1", "weather", '{"city":'),
        ToolCallDelta(0, "call_1", "weather", '"Oslo"}'),
        ToolCall(0, WEATHER),
        PartEnd(0, WEATHER),
    ]
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("tool_calls", "completed")


@pytest.mark.parametrize(
    "frames",
    [
        (
            added(0, CALL),
            event("function_call_arguments.done", output_index=0, arguments='{"city":"Oslo"}'),
            ended(WHOLE_CALL),
        ),
        (added(0, CALL), done(0, WHOLE_CALL), ended(WHOLE_CALL)),
        (added(0, CALL), ended(WHOLE_CALL)),
        (ended(WHOLE_CALL),),
        (added(0, CALL), arguments('{"city":'), done(0, WHOLE_CALL), ended()),
        (arguments('{"city":"Oslo"}'), done(0, WHOLE_CALL), ended()),
    ],
    ids=["arguments.done", "item.done", "completed", "only completed", "half", "resumed"],
)
def test_arguments_are_complete_wherever_they_come(frames: tuple[Frame, ...]) -> None:
    """Arguments may stream, or come only with what ends them, and are never doubled."""
    assert parts_of(*frames) == [WEATHER]


def test_a_beginning_that_is_told_twice_begins_one_call() -> None:
    """Some proxies send a frame again: an item of the same id at the same place is the same item."""
    assert parts_of(added(0, CALL), added(0, CALL), done(0, WHOLE_CALL), ended(WHOLE_CALL)) == [WEATHER]


def test_a_piece_that_comes_after_the_whole_is_not_added_to_it() -> None:
    """What ends a text or a call's arguments says all of it, so that a late piece was in there already."""
    whole = event("output_text.done", output_index=0, content_index=0, text="Hi")
    assert parts_of(added(0, MESSAGE), text("H"), whole, text("i"), done(0, said("Hi")), ended(said("Hi"))) == [HI]
    full = event("function_call_arguments.done", output_index=0, arguments='{"city":"Oslo"}')
    frames = [added(0, CALL), arguments('{"city":'), full, arguments('"Oslo"}'), done(0, WHOLE_CALL)]
    assert parts_of(*frames, ended(WHOLE_CALL)) == [WEATHER]


def test_calls_interleave() -> None:
    """Pieces belong to the call of their number."""
    other: JSONObject = {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "now", "arguments": ""}
    parts = parts_of(
        added(0, CALL), added(1, other), arguments("{}", 1), arguments('{"a":', 0), arguments("1}", 0), ended()
    )
    assert [(part.id, part.arguments) for part in parts if isinstance(part, ToolCallPart)] == [
        ("call_1", {"a": 1}),
        ("call_2", {}),
    ]


def test_a_call_that_is_cut_off_is_not_complete() -> None:
    """Neither a stream that ends in it nor the limit on tokens lets a call be executed."""
    [cut] = parts_of(added(0, CALL), arguments('{"city": "Par'))
    [limited] = parts_of(added(0, CALL), ended({**CALL, "arguments": "", "status": "incomplete"}, status="incomplete"))
    assert isinstance(cut, ToolCallPart)
    assert (cut.is_complete, cut.arguments, cut.raw_arguments) == (False, None, '{"city": "Par')
    assert isinstance(limited, ToolCallPart)
    assert not limited.is_complete


def test_reasoning_keeps_its_whole_item() -> None:
    """The summary's pieces are one part; the item goes back as it was last seen, what is encrypted in it too."""
    where: JSONObject = {"item_id": "rs_1", "output_index": 0}
    summary: list[JSONValue] = [{"type": "summary_text", "text": "First. "}, {"type": "summary_text", "text": "Then."}]
    first: JSONObject = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "AAA="}
    last: JSONObject = {**first, "encrypted_content": "BBB="}
    events = fed(
        new_decoder(),
        added(0, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "A"}),
        event("reasoning_summary_text.delta", **where, summary_index=0, delta="First. "),
        event("reasoning_summary_text.delta", **where, summary_index=1, delta="Then."),
        done(0, first),
        text("Hi", 1),
        done(1, said("Hi")),
        ended(last, said("Hi")),
    )
    assert [found.text for found in events if isinstance(found, ReasoningDelta)] == ["First. ", "Then."]
    ends = [found for found in events if isinstance(found, PartEnd)]
    assert ends == [
        PartEnd(1, HI.model_copy(update={"provider_state": {"acme": {**STATE, "after": "rs_1"}}})),
        PartEnd(0, ReasoningPart(text="First. Then.", provider_state={"acme": last})),
    ]


def test_reasoning_without_a_word() -> None:
    """An item that only has something opaque is a part all the same, and stays before what follows it."""
    item: JSONObject = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "AAA="}
    parts = parts_of(added(0, item), done(0, item), text("Hi", 1), ended(item, said("Hi")))
    assert parts[0] == ReasoningPart(text="", provider_state={"acme": item})
    assert isinstance(parts[1], TextPart)


def test_the_text_of_open_models_reasoning() -> None:
    """Reasoning in full comes in the item's content, and needs no encryption to go back."""
    item: JSONObject = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"text": "Hm.", "type": "x"}]}
    delta = event("reasoning_text.delta", item_id="rs_1", output_index=0, content_index=0, delta="Hm.")
    assert parts_of(delta, done(0, item), ended(item)) == [ReasoningPart(text="Hm.", provider_state={"acme": item})]


def test_reasoning_that_cannot_go_back_is_not_kept() -> None:
    """What the provider neither stored nor encrypted it would refuse; its summary is still told."""
    item: JSONObject = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    assert parts_of(done(0, item), ended(item)) == [ReasoningPart(text="Hm.", provider_state={"acme": item})]
    created = event("created", response={"id": "resp_1", "store": False})
    assert parts_of(created, done(0, item), ended(item, store=False)) == [ReasoningPart(text="Hm.")]


def test_what_the_providers_own_tools_do() -> None:
    """Their progress is handed on as it comes, the item is kept whole, and neither is a call."""
    item: JSONObject = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    decoder = new_decoder()
    events = fed(
        decoder,
        added(0, {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}),
        event("web_search_call.searching", item_id="ws_1", output_index=0),
        done(0, item),
        ended(item),
    )
    progress: JSONObject = {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0}
    assert events == [
        RawEvent("response.web_search_call.searching", progress),
        PartStart(0, "provider"),
        PartEnd(0, ProviderPart(provider="acme", type="web_search_call", data=item)),
    ]
    assert decoder.finish_reason == "stop"


def test_a_picture_is_a_file() -> None:
    """The picture is the file's content, the rest of its item its state; without a whole picture the item is kept."""
    item: JSONObject = {"type": "image_generation_call", "id": "ig_1", "output_format": "webp", "result": "YWJj"}
    kept: JSONObject = {"type": "image_generation_call", "id": "ig_1", "output_format": "webp"}
    assert parts_of(done(0, item), ended(item)) == [
        FilePart(media_type="image/webp", data=b"abc", provider_state={"acme": kept})
    ]
    for result in (None, "", "not base64!"):
        failed: JSONObject = {**item, "result": result}
        assert parts_of(ended(failed)) == [ProviderPart(provider="acme", type="image_generation_call", data=failed)]


def test_a_server_that_numbers_nothing() -> None:
    """Where events have neither numbers nor indexes they are told by their item's id (llama.cpp)."""
    hello: JSONObject = {**MESSAGE, "content": []}
    parts = parts_of(
        event("output_item.added", item=hello),
        event("output_text.delta", item_id="msg_1", delta="H"),
        event("output_text.delta", item_id="msg_1", delta="i"),
        event("output_text.done", item_id="msg_1", text="Hi"),
        event("output_item.done", item=said("Hi")),
        event("output_item.added", item=CALL),
        event("function_call_arguments.delta", delta='{"city":"Oslo"}'),
        event("output_item.done", item=WHOLE_CALL),
        ended(said("Hi"), WHOLE_CALL),
    )
    assert parts == [HI, WEATHER]


def test_ids_that_differ_from_event_to_event() -> None:
    """Items are then told by type and order, so that the last event doubles nothing (GitHub Copilot)."""
    first: JSONObject = {**said("Hi"), "id": "a"}
    frames = [added(0, first), text("Hi"), done(0, {**first, "id": "b"}), ended({**first, "id": "c"})]
    assert [part.text for part in parts_of(*frames) if isinstance(part, TextPart)] == ["Hi"]


def test_a_last_event_without_items_takes_nothing_back() -> None:
    """What streamed stands, though the last event has no output (the backend of ChatGPT)."""
    assert parts_of(added(0, MESSAGE), text("Hi"), done(0, said("Hi")), ended()) == [HI]


def test_a_resumed_stream_begins_in_the_middle() -> None:
    """A stream that is resumed has neither the response's beginning nor its items'."""
    decoder = new_decoder()
    frames = [text("lo", 1, sequence_number=9), done(1, said("Hello")), ended(said("Hello"))]
    assert [found for found in fed(decoder, *frames) if isinstance(found, TextDelta)] == [TextDelta(0, "lo")]
    assert (decoder.is_complete, decoder.id) == (True, "resp_1")
