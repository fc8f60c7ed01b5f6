"""Chat Completions, inward and streamed: what each field of a delta, seen or documented, adds to the answer."""

from __future__ import annotations

import pytest

from core_llm._events import (
    CitationAdded,
    FileDelta,
    PartEnd,
    PartStart,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from core_llm._json import JSONObject, JSONValue
from core_llm._messages import (
    Citation,
    FilePart,
    ProviderPart,
    ReasoningPart,
    TextPart,
    TokenLogprob,
    ToolCallPart,
)
from core_llm.wire.frames import Frame

from .chat import DONE, call, chunk, fed, frame, new_decoder, parts_of, text


def test_calls_stream_and_are_announced_at_the_end() -> None:
    """Fragments are shown as they come, a call only when the answer is over: an error may still follow."""
    decoder = new_decoder()
    frames = [call(0, "c1", "weather", ""), chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})]
    events = [event for each in [*frames, chunk({}, "tool_calls")] for event in decoder.feed(each)]
    assert events == [
        PartStart(0, "tool_call"),
        ToolCallDelta(0, "c1", "weather", ""),
        ToolCallDelta(0, "c1", "weather", "{}"),
    ]
    whole = ToolCallPart(id="c1", name="weather", arguments={}, raw_arguments="{}")
    assert decoder.feed(DONE) == [ToolCall(0, whole), PartEnd(0, whole)]


def test_two_whole_calls_with_index_0_are_two() -> None:
    """The ids tell the calls apart, where every index is 0 or there is none."""
    for index in (0, None):
        calls = parts_of(call(index, "a", "f", '{"x": 1}'), call(index, "b", "f", '{"x": 2}'), chunk({}, "tool_calls"))
        assert [(part.id, part.arguments) for part in calls if isinstance(part, ToolCallPart)] == [
            ("a", {"x": 1}),
            ("b", {"x": 2}),
        ]


def test_calls_of_one_frame_without_index_and_id_are_several() -> None:
    """What stands side by side in one list are different calls; ids are made up, after the id of the answer."""
    both: JSONValue = [{"function": {"name": "now", "arguments": {}}}, {"function": {"name": "now", "arguments": {}}}]
    first, second = parts_of(chunk({"tool_calls": both}), chunk({}, "tool_calls"))
    assert isinstance(first, ToolCallPart)
    assert isinstance(second, ToolCallPart)
    assert (first.name, second.name, first.is_complete) == ("now", "now", True)
    assert (first.id, second.id) == ("call_8e43a6a1_0", "call_8e43a6a1_1")


def test_a_call_cut_by_the_token_limit_is_not_complete() -> None:
    """Where the limit fell inside a call, or before its arguments, it cannot be executed."""
    decoder = new_decoder()
    events = fed(decoder, call(0, "a", "erase", None), chunk({}, "length"), DONE)
    assert events[-1] == PartEnd(0, ToolCallPart(id="a", name="erase", is_complete=False))
    assert decoder.finish_reason == "length"


def test_the_call_of_the_time_before_tools() -> None:
    """A `function_call` is a tool call with an id made up."""
    decoder = new_decoder()
    frames = [chunk({"function_call": {"name": "now", "arguments": ""}}), chunk({"function_call": {"arguments": "{}"}})]
    events = fed(decoder, *frames, chunk({}, "function_call"))
    assert isinstance(events[-1], PartEnd)
    assert isinstance(events[-1].part, ToolCallPart)
    assert (events[-1].part.name, events[-1].part.arguments) == ("now", {})
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("tool_calls", "function_call")


def test_a_call_s_extra_content_is_its_state() -> None:
    """Gemini's compatible endpoint wants a signature back with the very call that it came with."""
    extra: JSONObject = {"google": {"thought_signature": "s"}}
    fragment: JSONObject = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    (part,) = parts_of(chunk({"tool_calls": [fragment]}), chunk({}, "stop"))
    assert part.provider_state == {"acme": {"extra_content": extra}}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_a_part_before_the_text(field: str) -> None:
    """Reasoning comes under two names, with content null beside it, and ends where the text begins."""
    frames = [chunk({"content": None, field: "Hm"}), chunk({"content": None, field: "."}), text("Yes")]
    events = fed(new_decoder(), *frames, chunk({}, "stop"))
    assert events == [
        PartStart(0, "reasoning"),
        ReasoningDelta(0, "Hm"),
        ReasoningDelta(0, "."),
        PartEnd(0, ReasoningPart(text="Hm.")),
        PartStart(1, "text"),
        TextDelta(1, "Yes"),
        PartEnd(1, TextPart(text="Yes")),
    ]


def test_reasoning_told_twice_is_told_once() -> None:
    """Two fields with the same reasoning in one frame are one reasoning; it goes before the text of that frame."""
    delta: JSONObject = {"content": "Yes", "reasoning": "Hm", "reasoning_content": "Hm"}
    assert parts_of(chunk(delta), chunk({}, "stop")) == [ReasoningPart(text="Hm"), TextPart(text="Yes")]


def test_think_tags_stay_text() -> None:
    """What a server leaves in the content is content."""
    assert parts_of(text("<think>Hm</think>Yes"), chunk({}, "stop")) == [TextPart(text="<think>Hm</think>Yes")]


def test_reasoning_details_are_put_together_for_the_way_back() -> None:
    """Pieces of a block are joined, a signature that comes alone is its, and the visible text is told once."""
    pieces: list[JSONObject] = [
        {"type": "reasoning.text", "text": "Hm", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "m.", "index": 0, "format": "f"},
        {"type": "reasoning.text", "signature": "sig", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "So", "index": 0, "format": "f"},
        {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 1, "format": "f"},
    ]
    told = ["Hm", "m.", None, "So", None]
    frames = [
        chunk({"content": "", "reasoning": reasoning, "reasoning_details": [piece]})
        for piece, reasoning in zip(pieces, told, strict=True)
    ]
    part, _ = parts_of(*frames, text("Yes"), chunk({}, "stop"))
    assert isinstance(part, ReasoningPart)
    assert part.text == "Hmm.So"
    assert part.provider_state["acme"] == {
        "reasoning_details": [
            {"type": "reasoning.text", "text": "Hmm.", "index": 0, "format": "f", "signature": "sig"},
            {"type": "reasoning.text", "text": "So", "index": 0, "format": "f"},
            {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 1, "format": "f"},
        ]
    }


def test_reasoning_that_is_only_in_details_is_shown() -> None:
    """A summary that no other field tells is the text of the reasoning."""
    details: JSONValue = [{"type": "reasoning.summary", "summary": "Hm.", "index": 0}]
    (part,) = parts_of(chunk({"reasoning": None, "reasoning_details": details}), chunk({}, "stop"))
    assert part == ReasoningPart(text="Hm.", provider_state={"acme": {"reasoning_details": details}})


def test_details_that_come_late_are_kept() -> None:
    """An encrypted block that comes with or after the text is kept for the way back, and does not break the text."""
    details: JSONValue = [{"type": "reasoning.encrypted", "data": "gAAA", "index": 0}]
    parts = parts_of(text("Ye"), chunk({"reasoning_details": details}), text("s"), chunk({}, "stop"))
    assert parts == [
        TextPart(text="Yes"),
        ReasoningPart(provider_state={"acme": {"reasoning_details": details}}),
    ]


def test_details_before_anything_else_are_a_part_before_it() -> None:
    """An encrypted block that comes first, without a text, is a reasoning part without one."""
    details: JSONValue = [{"type": "reasoning.encrypted", "data": "gAAA", "index": 0}]
    parts = parts_of(chunk({"content": "", "reasoning_details": details}), text("Yes"), chunk({}, "stop"))
    assert [part.kind for part in parts] == ["reasoning", "text"]
    assert parts[0].provider_state == {"acme": {"reasoning_details": details}}


def test_content_in_pieces() -> None:
    """Mistral's reasoning models send lists of thinking and text, by turns with plain text."""
    thought: JSONObject = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    last: JSONObject = {"type": "thinking", "thinking": [{"type": "text", "text": "."}], "closed": True}
    frames = [
        chunk({"content": [{"type": "thinking", "thinking": []}]}),
        chunk({"content": [thought]}),
        chunk({"content": [last, {"type": "text", "text": "Ye"}]}),
        text("s"),
        chunk({"content": [{"type": "reference", "reference_ids": [0]}, {"type": "new", "x": 1}]}),
    ]
    assert parts_of(*frames, chunk({"content": ""}, "stop")) == [
        ReasoningPart(text="Hm."),
        TextPart(text="Yes", citations=(Citation(raw={"type": "reference", "reference_ids": [0]}),)),
        ProviderPart(provider="acme", type="new", data={"type": "new", "x": 1}),
    ]


def test_content_may_be_a_list_of_texts_and_pictures() -> None:
    """Bare texts and pictures in a list of content are what they are anywhere else."""
    picture: JSONObject = {"type": "image_url", "image_url": "https://a.example/b.png"}
    content: JSONValue = ["Lo", "ok", picture, {"type": "image_url"}, 7, ""]
    assert parts_of(chunk({"content": content}), chunk({}, "stop")) == [
        TextPart(text="Look"),
        FilePart(media_type="image/png", url="https://a.example/b.png"),
    ]


def test_calls_in_a_flatter_shape() -> None:
    """An index that is a text, and name and arguments outside of a `function`, are read all the same."""
    frames = [
        chunk({"tool_calls": [{"index": "0", "id": "a", "name": "f", "arguments": '{"x"'}]}),
        chunk({"tool_calls": [{"index": "0", "arguments": ": 1}"}]}),
        chunk({"tool_calls": [{"index": 1, "function": {"name": 7}}], "extra_content": "x"}),
    ]
    assert parts_of(*frames, chunk({}, "tool_calls")) == [
        ToolCallPart(id="a", name="f", arguments={"x": 1}, raw_arguments='{"x": 1}')
    ]


def test_blocks_of_different_ids_stay_apart() -> None:
    """Summaries with ids of their own are blocks of their own."""
    details: JSONValue = [
        {"type": "reasoning.summary", "summary": "a", "index": 0, "id": "1"},
        {"type": "reasoning.summary", "summary": "b", "index": 0, "id": "2"},
        {"type": "reasoning.summary", "summary": "c", "index": 1, "id": "2"},
    ]
    (part,) = parts_of(chunk({"reasoning_details": details}), chunk({}, "stop"))
    assert part == ReasoningPart(text="abc", provider_state={"acme": {"reasoning_details": details}})


def test_logprobs_go_with_their_text() -> None:
    """Log probabilities are on the delta and on the part; those of a token without a text wait for the next."""

    def logged(content: str, *tokens: str) -> Frame:
        items: JSONValue = [
            {"token": token, "logprob": -0.5, "top_logprobs": [{"token": "x", "logprob": -1}]} for token in tokens
        ]
        return chunk({"content": content}, logprobs={"content": items, "refusal": None})

    a, b, c, d = (TokenLogprob(token=token, logprob=-0.5, top=(("x", -1.0),)) for token in "abcd")
    events = fed(new_decoder(), logged("a", "a"), logged("", "b"), logged("c", "c"), logged("", "d"), chunk({}, "stop"))
    assert events[1:] == [
        TextDelta(0, "a", (a,)),
        TextDelta(0, "c", (b, c)),
        PartEnd(0, TextPart(text="ac", logprobs=(a, b, c, d))),
    ]


def test_citations_hang_on_the_text() -> None:
    """Sources that come before the text wait for it; one that comes again is not counted again."""
    source: JSONObject = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 5}
    note: JSONObject = {"type": "url_citation", "url_citation": source}
    citation = Citation(url="https://a.example", title="A", start=0, end=5, raw=note)
    events = fed(
        new_decoder(), chunk({"annotations": [note]}), text("Hello"), chunk({"annotations": [note]}), chunk({}, "stop")
    )
    assert events == [
        PartStart(0, "text"),
        TextDelta(0, "Hello"),
        CitationAdded(0, citation),
        PartEnd(0, TextPart(text="Hello", citations=(citation,))),
    ]


def test_sources_beside_the_answer() -> None:
    """Perplexity repeats addresses and results in every frame: each is one source of the text, told at the end."""
    result: JSONObject = {"url": "https://a.example", "title": "A", "date": None}
    first = frame(
        choices=[{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}],
        citations=["https://a.example"],
        search_results=[result],
    )
    last = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], citations=["https://a.example"])
    assert parts_of(first, chunk({}, "stop")) == [
        TextPart(text="Hi", citations=(Citation(url="https://a.example", title="A", raw=result),))
    ]
    assert parts_of(text("Hi"), last) == [TextPart(text="Hi", citations=(Citation(url="https://a.example"),))]


def test_sources_without_a_text_are_metadata() -> None:
    """An answer of calls alone has no text to hang a source on."""
    decoder = new_decoder()
    fed(decoder, call(0, "a", "f", "{}"), frame(choices=[], citations=["https://a.example"]), DONE)
    assert decoder.metadata["citations"] == ["https://a.example"]


def test_pictures_are_files() -> None:
    """A picture that the model made comes inside the frame, or as an address."""
    images: JSONValue = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,eHl6"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.jpeg"}},
    ]
    events = fed(new_decoder(), text("Look"), chunk({"images": images}), chunk({}, "stop"))
    assert events[2:] == [
        PartEnd(0, TextPart(text="Look")),
        PartStart(1, "file"),
        FileDelta(1, "image/png", b"xyz"),
        PartEnd(1, FilePart(media_type="image/png", data=b"xyz")),
        PartStart(2, "file"),
        PartEnd(2, FilePart(media_type="image/jpeg", url="https://a.example/b.jpeg")),
    ]


def test_speech_is_a_file_and_its_transcript_text() -> None:
    """Sound comes in base64 cut anywhere; its format is what was asked for, its id what the next turn needs."""
    decoder = new_decoder({"acme": {"audio": {"format": "mp3", "voice": "x"}}})
    frames = [
        chunk({"audio": {"id": "audio_1"}}),
        chunk({"audio": {"transcript": "Hel"}}),
        chunk({"audio": {"data": "eHl"}}),
        chunk({"audio": {"data": "6eHl6", "transcript": "lo"}}),
        chunk({"audio": {"expires_at": 9}}),
    ]
    events = fed(decoder, *frames, chunk({}, "stop"))
    assert [event for event in events if isinstance(event, PartEnd)] == [
        PartEnd(0, TextPart(text="Hello")),
        PartEnd(
            1,
            FilePart(
                media_type="audio/mpeg",
                data=b"xyzxyz",
                provider_state={"acme": {"id": "audio_1", "expires_at": 9}},
            ),
        ),
    ]


def test_what_the_server_s_own_tools_did() -> None:
    """Groq tells of its tools twice, without and with their output: one ProviderPart, and never a call."""
    started: JSONObject = {"index": 0, "type": "search", "arguments": '{"query": "x"}'}
    ended: JSONObject = {**started, "output": "found"}
    parts = parts_of(
        chunk({"executed_tools": [started]}), chunk({"executed_tools": [ended]}), text("Hi"), chunk({}, "stop")
    )
    assert parts == [TextPart(text="Hi"), ProviderPart(provider="acme", type="executed_tools", data=ended)]


def test_opaque_fields_of_a_message_are_provider_parts() -> None:
    """Annotations that are no sources, and extra content, wait for the way back."""
    note: JSONObject = {"type": "file", "file": {"hash": "h"}}
    extra: JSONObject = {"google": {"thought_signature": "s"}}
    parts = parts_of(text("Hi"), chunk({"annotations": [note], "extra_content": extra}), chunk({}, "stop"))
    assert parts[1:] == [
        ProviderPart(provider="acme", type="annotations", data=note),
        ProviderPart(provider="acme", type="extra_content", data=extra),
    ]


def test_reasoning_text_and_calls_are_parts_in_their_order() -> None:
    """Parts are numbered as they begin, and each is closed before the end."""
    decoder = new_decoder()
    frames = [chunk({"reasoning": "Hm"}), text("Let me see."), call(0, "a", "f", "{}"), call(1, "b", "g", "{}")]
    events = fed(decoder, *frames, chunk({}, "tool_calls"), DONE)
    starts = [(event.part_index, event.kind) for event in events if isinstance(event, PartStart)]
    ends = [event.part_index for event in events if isinstance(event, PartEnd)]
    assert starts == [(0, "reasoning"), (1, "text"), (2, "tool_call"), (3, "tool_call")]
    assert ends == [0, 1, 2, 3]
