"""Chat Completions, inward and streamed: markers, finish reasons, odd frames, and errors."""

from __future__ import annotations

import pytest

from core_llm._errors import (
    AuthenticationError,
    BadRequestError,
    MalformedResponseError,
    OverloadedError,
    ServerError,
    StatusError,
)
from core_llm._events import (
    PartEnd,
    PartStart,
    RawEvent,
    RefusalDelta,
    TextDelta,
    ToolCall,
)
from core_llm._json import JSONObject
from core_llm._messages import (
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from core_llm.wire.frames import Frame

from .chat import DONE, call, chunk, fed, frame, new_decoder, parts_of, text


def test_text_streams() -> None:
    """Each piece of text is one event, and nothing else is between start and end of its part."""
    decoder = new_decoder()
    events = fed(decoder, chunk({"role": "assistant", "content": ""}), text("Hel"), text("lo"), chunk({}, "stop"), DONE)
    assert events == [
        PartStart(0, "text"),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        PartEnd(0, TextPart(text="Hello")),
    ]
    assert (decoder.id, decoder.model) == ("chatcmpl-1", "m-1")
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("stop", "stop")
    assert (decoder.is_complete, decoder.is_done, decoder.usage) == (True, True, None)


def test_frames_that_differ_only_in_their_text_are_read_alike() -> None:
    """However often a frame was seen before, its text is read as it is: escapes, an empty one, and what comes after."""
    decoder = new_decoder()
    texts = ["a", "b", "c", 'quo"te', "back\\slash", "\u00e9\u2028\U0001f600", "", "\n", '"}],"x":[{', "end"]
    events = fed(decoder, *[text(value) for value in texts], chunk({"content": "!"}, "stop"))
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert deltas == [value for value in [*texts, "!"] if value]
    assert events[-1] == PartEnd(0, TextPart(text="".join(deltas)))
    assert decoder.finish_reason == "stop"


def test_a_stream_is_complete_at_its_finish_reason_and_done_at_done() -> None:
    """A stream cut after the finish reason lost nothing; more may come before ``[DONE]``, so reading goes on."""
    decoder = new_decoder()
    decoder.feed(text("Hello"))
    assert not decoder.is_complete
    decoder.feed(chunk({}, "stop"))
    assert (decoder.is_complete, decoder.is_done) == (True, False)


def test_a_stream_without_marker_is_not_complete() -> None:
    """A stream that just ends gives its parts as far as they came, and no finish reason."""
    decoder = new_decoder()
    events = fed(decoder, text("Hel"), call(0, "c1", "weather", '{"city": "Par'))
    assert events[-1] == PartEnd(
        1, ToolCallPart(id="c1", name="weather", raw_arguments='{"city": "Par', is_complete=False)
    )
    assert not [event for event in events if isinstance(event, ToolCall)]
    assert (decoder.is_complete, decoder.finish_reason) == (False, None)


def test_done_alone_ends_an_answer() -> None:
    """A missing finish reason is inferred from the parts at ``[DONE]``, and the raw one stays unknown."""
    decoder = new_decoder()
    fed(decoder, text("Hello"), DONE)
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("stop", None)
    decoder = new_decoder()
    fed(decoder, call(0, "c1", "now", "{}"), DONE)
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("tool_calls", None)


def test_nothing_follows_the_end() -> None:
    """The end is told once, by ``[DONE]`` or by the stream's end."""
    decoder = new_decoder()
    decoder.feed(text("Hello"))
    assert len(decoder.feed(DONE)) == 1
    assert decoder.close() == ()


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("max_tokens", "length"),
        ("tool_calls", "tool_calls"),
        ("tool_call", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
        ("error", "error"),
        ("insufficient_system_resource", "error"),
        ("a word to come", "other"),
    ],
)
def test_finish_reasons(raw: str, normalised: str) -> None:
    """The wire's words have one of six meanings; one that is not known is ``other``, and kept."""
    decoder = new_decoder()
    fed(decoder, text("Hello"), chunk({}, raw))
    assert (decoder.finish_reason, decoder.raw_finish_reason) == (normalised, raw)


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_finish_reason_is_none(nothing: str | None) -> None:
    """A finish reason that is empty does not end an answer."""
    decoder = new_decoder()
    fed(decoder, text("Hello"), chunk({}, nothing))
    assert not decoder.is_complete


def test_a_finish_reason_may_be_in_finish_details() -> None:
    """GPT-4 with vision said its finish reason elsewhere."""
    decoder = new_decoder()
    fed(decoder, chunk({"content": "Hi"}, finish_details={"type": "max_tokens"}))
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("length", "max_tokens")


def test_stop_with_calls_is_tool_calls() -> None:
    """Servers say ``stop`` after a forced call; it is a call all the same."""
    decoder = new_decoder()
    fed(decoder, call(0, "c1", "now", ""), chunk({}, "stop"))
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("tool_calls", "stop")


def test_a_refusal_is_a_content_filter() -> None:
    """The model's own refusal ends with ``stop`` on the wire; its words are a part of their own."""
    decoder = new_decoder()
    frames = [chunk({"content": None, "refusal": ""}), chunk({"refusal": "I "}), chunk({"refusal": "won't."})]
    events = fed(decoder, *frames, chunk({}, "stop"), DONE)
    assert events == [
        PartStart(0, "refusal"),
        RefusalDelta(0, "I "),
        RefusalDelta(0, "won't."),
        PartEnd(0, RefusalPart(text="I won't.")),
    ]
    assert decoder.finish_reason == "content_filter"


@pytest.mark.parametrize(
    "odd",
    [
        frame(id="chatcmpl-1", choices=[]),
        frame(id="chatcmpl-1", choices=None),
        frame(id="chatcmpl-1", choices=[None]),
        frame(id="chatcmpl-1", choices=[{"index": 0}]),
        frame(id="chatcmpl-1", choices=[{"index": 0, "delta": None, "finish_reason": None}]),
        chunk({"content": None, "tool_calls": None, "refusal": None, "reasoning": None}),
        chunk({"content": "", "tool_calls": [], "annotations": [], "function_call": None}),
        chunk({"refusal": 7}),
        chunk({"content": 7, "tool_calls": "x", "reasoning": {"x": 1}, "images": 3, "audio": "x"}),
        frame(type="ping"),
        Frame(b""),
        Frame(b"  "),
    ],
)
def test_frames_with_nothing_in_them(odd: Frame) -> None:
    """Frames whose choices, deltas or contents are missing, null, empty or of another type make no event."""
    decoder = new_decoder()
    decoder.feed(text("a"))
    assert list(decoder.feed(odd)) == []
    assert decoder.feed(text("b")) == [TextDelta(0, "b")]


def test_a_message_may_stand_for_a_delta() -> None:
    """A whole message in place of a delta is the answer; beside or after deltas it repeats them."""
    message: JSONObject = {"role": "assistant", "content": "Hello"}
    alone = frame(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])
    assert parts_of(alone) == [TextPart(text="Hello")]
    beside = chunk({"content": "lo"}, message=message)
    assert parts_of(text("Hel"), beside, alone) == [TextPart(text="Hello")]


def test_the_text_of_an_older_api() -> None:
    """A choice with neither delta nor message may have its text beside them; beside one, it says the same again."""
    alone = frame(choices=[{"index": 0, "text": "Hi", "finish_reason": "stop"}])
    assert parts_of(alone) == [TextPart(text="Hi")]
    assert parts_of(chunk({"content": "Hi"}, text="Hi"), chunk({}, "stop")) == [TextPart(text="Hi")]


def test_choice_0_is_the_answer() -> None:
    """Of several choices, by turns or in one frame, the others are left out."""
    other: JSONObject = {"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}
    first: JSONObject = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
    decoder = new_decoder()
    events = fed(decoder, frame(choices=[other, first]), frame(choices=[other]), text("b"), chunk({}, "stop"))
    assert events[-1] == PartEnd(0, TextPart(text="ab"))
    assert decoder.raw_finish_reason == "stop"


@pytest.mark.parametrize(
    ("last", "kind", "words"),
    [
        (frame(error={"message": "Overloaded", "type": "overloaded_error"}), OverloadedError, "Overloaded"),
        (frame(error="the model broke"), ServerError, "the model broke"),
        (frame(object="error", message="too long", type="BadRequestError", code=400), BadRequestError, "too long"),
        (Frame(b'{"error": {"message": "no call", "code": "tool_use_failed"}}', "error"), BadRequestError, "no call"),
        (Frame(b'{"message": "no"}', "error"), ServerError, "no"),
        (Frame(b"upstream is gone", "error"), ServerError, "upstream is gone"),
        (Frame(b'"upstream is gone"', "error"), ServerError, "upstream is gone"),
        (frame(status=503, message="busy"), OverloadedError, "busy"),
        (frame(detail="Unauthorized", status=401), AuthenticationError, "Unauthorized"),
        (frame(code="InvalidParameter", message="bad", request_id="r"), BadRequestError, "bad"),
        (
            frame(choices=[{"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "x"}}]),
            ServerError,
            "x",
        ),
        (
            frame(error={"code": 400, "message": "limit"}, choices=[{"index": 0, "delta": {}, "finish_reason": None}]),
            BadRequestError,
            "limit",
        ),
    ],
)
def test_errors_after_status_200(last: Frame, kind: type[StatusError], words: str) -> None:
    """An error in the stream, in any of its shapes, raises the typed error with the server's own words."""
    decoder = new_decoder()
    decoder.feed(text("Hel"))
    with pytest.raises(kind, match=words):
        decoder.feed(last)


def test_an_error_takes_a_finish_reason_back() -> None:
    """OpenRouter was seen to send an error after the finish reason; the answer is not complete then."""
    decoder = new_decoder()
    decoder.feed(chunk({"content": "Hel"}, "length"))
    with pytest.raises(BadRequestError, match="Token limit reached"):
        decoder.feed(frame(error={"code": 400, "message": "Token limit reached"}))
    assert not decoder.is_complete


@pytest.mark.parametrize("null", [frame(error=None, choices=[]), chunk({"content": "b"}, error=None)])
def test_an_error_that_is_null_is_none(null: Frame) -> None:
    """Servers send the field in every frame."""
    decoder = new_decoder()
    decoder.feed(text("a"))
    decoder.feed(null)
    assert isinstance(decoder.feed(text("c"))[-1], TextDelta)


@pytest.mark.parametrize("data", [b"<html>", b'{"choices": [', b"[1]", b'"text"', b"7", b"\xff{}"])
def test_what_is_no_object_is_malformed(data: bytes) -> None:
    """A frame that is not a JSON object is an error that shows it."""
    decoder = new_decoder()
    decoder.feed(text("a"))
    with pytest.raises(MalformedResponseError) as caught:
        decoder.feed(Frame(data))
    assert caught.value.frame == data.decode("utf-8", "replace")


def test_frames_of_another_kind_are_kept() -> None:
    """A frame with neither choices nor usage nor error is handed on as it came."""
    value: JSONObject = {"object": "acme.progress", "percent": 50}
    assert new_decoder().feed(frame(**value)) == [RawEvent("acme.progress", value)]
    fine: JSONObject = {"code": 0, "status": "running", "message": "half of it"}
    assert new_decoder().feed(frame(**fine)) == [RawEvent("", fine)]
    assert new_decoder().feed(Frame(b'{"x": 1}', "note")) == [RawEvent("note", {"x": 1})]


def test_the_rest_is_metadata() -> None:
    """What else is said is kept under its own name: of the frames, of the choice, of the delta; not the padding."""
    decoder = new_decoder()
    first: JSONObject = {"index": 0, "delta": {"content": "a", "token_id": 7}, "finish_reason": None}
    last: JSONObject = {"index": 0, "delta": {"new": 1}, "finish_reason": "stop", "native_finish_reason": "STOP"}
    fed(
        decoder,
        frame(choices=[], prompt_filter_results=[{"x": 1}], id="", model="", object=""),
        frame(id="i", choices=[first], service_tier="default", obfuscation="xx", x_groq={"id": "r", "seed": 1}),
        frame(id="j", choices=[last], system_fingerprint="fp", x_groq={"id": "r", "more": 2}, timings=None),
    )
    assert decoder.id == "i"
    assert decoder.metadata == {
        "prompt_filter_results": [{"x": 1}],
        "service_tier": "default",
        "system_fingerprint": "fp",
        "x_groq": {"id": "r", "seed": 1, "more": 2},
        "native_finish_reason": "STOP",
        "new": 1,
    }


def test_every_cut_before_the_marker_is_incomplete() -> None:
    """Wherever a stream stops before its finish reason, it is not complete; wherever after, it is."""
    frames = [text("a"), text("b"), call(0, "c", "f", "{"), call(0, None, None, "}"), chunk({}, "stop"), DONE]
    for count in range(len(frames) + 1):
        decoder = new_decoder()
        fed(decoder, *frames[:count])
        assert decoder.is_complete is (count >= 5)
