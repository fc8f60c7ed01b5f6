"""What the frames of a stream become: composed frames in, literal events out."""

from __future__ import annotations

from core_llm import (
    Citation,
    CitationAdded,
    PartEnd,
    PartStart,
    ProviderPart,
    RawEvent,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallPart,
)
from core_llm.wire import Frame, JSONObject

from .frames import START, STOP, begin, decoder, delta, fed, reason, stop


def test_text() -> None:
    """A block of text is a part: begun by its first text, ended where the block stops."""
    answer = decoder()
    events = fed(
        answer,
        START,
        {"type": "ping"},
        begin(0, type="text", text=""),
        *(delta(0, "text_delta", text=text) for text in ("He", "l", "lo", '"')),
        stop(0),
        reason("end_turn"),
        STOP,
    )
    assert events == [
        PartStart(0, "text"),
        *(TextDelta(0, text) for text in ("He", "l", "lo", '"')),
        PartEnd(0, TextPart(text='Hello"')),
    ]
    assert (answer.id, answer.model) == ("msg_1", "claude-haiku-4-5-20251001")
    assert (answer.finish_reason, answer.raw_finish_reason, answer.is_complete, answer.is_done) == (
        "stop",
        "end_turn",
        True,
        True,
    )


def test_frames_are_padded() -> None:
    """Blanks before the last bracket, as many as it pleases the provider, change nothing."""
    answer = decoder()
    fed(answer, START, begin(0, type="text", text=""))
    for number, blanks in enumerate((3, 0, 14, 1)):
        head = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%d }"}' % number
        assert answer.feed(Frame(head + b" " * blanks + b"}"))[-1:] == [TextDelta(0, f"{number} }}")]


def test_usage_counts_what_was_cached_as_input() -> None:
    """The first frame has the input, the last the output: the newer of each counts, and null says nothing."""
    answer = decoder()
    fed(answer, START, {**reason("end_turn"), "usage": {"output_tokens": 9, "input_tokens": None}}, STOP)
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.cache_read_tokens) == (15, 9, 5)
    assert (answer.usage.cache_write_tokens, answer.usage.reasoning_tokens) == (None, None)
    assert answer.usage.raw == {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 9}


def test_thinking_keeps_its_signature() -> None:
    """The signature ends a block of thoughts, and is kept for the way back; a sealed block is nothing but that."""
    events = fed(
        decoder(),
        START,
        begin(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="H"),
        delta(0, "thinking_delta", thinking="m."),
        delta(0, "signature_delta", signature="S"),
        stop(0),
        begin(1, type="redacted_thinking", data="D"),
        stop(1),
    )
    assert events == [
        PartStart(0, "reasoning"),
        ReasoningDelta(0, "H"),
        ReasoningDelta(0, "m."),
        PartEnd(0, ReasoningPart(text="Hm.", provider_state={"anthropic": {"signature": "S"}})),
        PartStart(1, "reasoning"),
        PartEnd(1, ReasoningPart(provider_state={"anthropic": {"data": "D"}})),
    ]


def test_parallel_calls() -> None:
    """Arguments come in pieces; each call is announced once, whole, when the answer is over."""
    events = fed(
        decoder(),
        START,
        begin(0, type="tool_use", id="toolu_1", name="weather", input={}, caller={"type": "direct"}),
        delta(0, "input_json_delta", partial_json=""),
        *(delta(0, "input_json_delta", partial_json=piece) for piece in ('{"ci', 'ty":', ' "Oslo"}')),
        stop(0),
        begin(1, type="tool_use", id="toolu_2", name="now", input={}),
        delta(1, "input_json_delta", partial_json=""),
        stop(1),
        reason("tool_use"),
        STOP,
    )
    weather = ToolCallPart(
        id="toolu_1",
        name="weather",
        arguments={"city": "Oslo"},
        raw_arguments='{"city": "Oslo"}',
        provider_state={"anthropic": {"caller": {"type": "direct"}}},
    )
    now = ToolCallPart(id="toolu_2", name="now", arguments={})
    assert events == [
        PartStart(0, "tool_call"),
        *(ToolCallDelta(0, "toolu_1", "weather", piece) for piece in ("", '{"ci', 'ty":', ' "Oslo"}')),
        PartStart(1, "tool_call"),
        ToolCallDelta(1, "toolu_2", "now", ""),
        ToolCall(0, weather),
        PartEnd(0, weather),
        ToolCall(1, now),
        PartEnd(1, now),
    ]


def test_a_call_with_its_input_at_once() -> None:
    """Calls out of executed code begin with their whole input, and an empty piece follows."""
    answer = decoder()
    events = fed(
        answer,
        START,
        begin(0, type="tool_use", id="toolu_1", name="roll", input={"player": 1}),
        delta(0, "input_json_delta", partial_json=""),
        stop(0),
        reason("tool_use"),
        STOP,
    )
    [call] = [event.call for event in events if isinstance(event, ToolCall)]
    assert call.arguments == {"player": 1}


def test_a_call_cut_by_the_limit_is_not_one() -> None:
    """What the token limit cut off is kept and marked, never announced; so too where it came before any argument."""
    for pieces in (['{"ci'], []):
        answer = decoder()
        events = fed(
            answer,
            START,
            begin(0, type="tool_use", id="toolu_1", name="weather", input={}),
            *(delta(0, "input_json_delta", partial_json=piece) for piece in pieces),
            stop(0),
            reason("max_tokens"),
            STOP,
        )
        call = ToolCallPart(id="toolu_1", name="weather", raw_arguments="".join(pieces), is_complete=False)
        assert events[-1] == PartEnd(0, call)
        assert (answer.finish_reason, any(isinstance(event, ToolCall) for event in events)) == ("length", False)


def test_the_provider_s_own_tools_are_no_calls() -> None:
    """What they were asked and what they found is kept as it came, the input put together."""
    found: JSONObject = {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []}
    answer = decoder()
    events = fed(
        answer,
        START,
        begin(0, type="mcp_tool_use", id="mcptoolu_1", name="echo", input={}, server_name="s"),
        delta(0, "input_json_delta", partial_json='{"a"'),
        delta(0, "input_json_delta", partial_json=": 1}"),
        stop(0),
        begin(1, **found),
        stop(1),
        reason("end_turn"),
        STOP,
    )
    asked: JSONObject = {
        "type": "mcp_tool_use",
        "id": "mcptoolu_1",
        "name": "echo",
        "input": {"a": 1},
        "server_name": "s",
    }
    assert events == [
        PartStart(0, "provider"),
        PartEnd(0, ProviderPart(provider="anthropic", type="mcp_tool_use", data=asked)),
        PartStart(1, "provider"),
        PartEnd(1, ProviderPart(provider="anthropic", type="mcp_tool_result", data=found)),
    ]
    assert answer.finish_reason == "stop"


def test_sources_come_before_their_text() -> None:
    """A source opens the part of text that relies on it; places in a document stay in the provider's own object."""
    web: JSONObject = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "Blue.",
        "encrypted_index": "E",
    }
    page: JSONObject = {"type": "page_location", "document_title": "Doc", "cited_text": "B", "start_page_number": 5}
    events = fed(
        decoder(),
        START,
        begin(0, type="text", text="", citations=None),
        delta(0, "citations_delta", citation=web),
        delta(0, "text_delta", text="It is blue."),
        delta(0, "citations_delta", citation=page),
        stop(0),
    )
    first = Citation(url="https://a.example", title="A", cited_text="Blue.", raw=web)
    second = Citation(title="Doc", cited_text="B", raw=page)
    assert events == [
        PartStart(0, "text"),
        CitationAdded(0, first),
        TextDelta(0, "It is blue."),
        CitationAdded(0, second),
        PartEnd(0, TextPart(text="It is blue.", citations=(first, second))),
    ]


def test_what_is_not_known_is_kept() -> None:
    """Unknown events and deltas are raw events; an unknown block is a part, and grows by what its deltas name."""
    answer = decoder()
    events = fed(
        answer,
        START,
        {"type": "hologram", "x": 1},
        begin(0, type="compaction", content=None),
        delta(0, "compaction_delta", content="So "),
        delta(0, "compaction_delta", content="far."),
        stop(0),
        delta(7, "wiggle_delta", wiggle=1),
        begin(1, type="text", text="A"),
        delta(1, "wiggle_delta", wiggle=1),
        stop(1),
    )
    whole: JSONObject = {"type": "compaction", "content": "So far."}
    assert events == [
        RawEvent("hologram", {"type": "hologram", "x": 1}),
        PartStart(0, "provider"),
        RawEvent("compaction_delta", delta(0, "compaction_delta", content="So ")),
        RawEvent("compaction_delta", delta(0, "compaction_delta", content="far.")),
        PartEnd(0, ProviderPart(provider="anthropic", type="compaction", data=whole)),
        RawEvent("wiggle_delta", delta(7, "wiggle_delta", wiggle=1)),
        PartStart(1, "text"),
        TextDelta(1, "A"),
        RawEvent("wiggle_delta", delta(1, "wiggle_delta", wiggle=1)),
        PartEnd(1, TextPart(text="A")),
    ]


def test_blocks_may_interleave_and_lack_their_beginning() -> None:
    """A delta belongs to the block of its index, whichever came last; text without a beginning is a block too."""
    events = fed(
        decoder(),
        START,
        delta(0, "text_delta", text="a"),
        delta(1, "text_delta", text="b"),
        delta(0, "text_delta", text="c"),
        stop(0),
        delta(1, "text_delta", text="d"),
        stop(1),
        stop(1),
    )
    texts = [(event.part_index, event.text) for event in events if isinstance(event, TextDelta)]
    assert texts == [(0, "a"), (1, "b"), (0, "c"), (1, "d")]
    assert [event.part for event in events if isinstance(event, PartEnd)] == [TextPart(text="ac"), TextPart(text="bd")]
