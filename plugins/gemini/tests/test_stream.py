"""What streamed answers become: texts, thoughts, calls, files, sources, counts, and how they end."""

from __future__ import annotations

import pytest

from core_llm import (
    Citation,
    CitationAdded,
    FileDelta,
    FilePart,
    FinishReason,
    MalformedResponseError,
    PartEnd,
    PartStart,
    ProviderPart,
    RawEvent,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    UsageUpdate,
)
from core_llm.wire import Frame, JSONObject
from plugin_gemini import Gemini

from .answers import USAGE, chunk, decoded, plain, request, streamed

WEATHER: JSONObject = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}


def test_texts_of_frames_are_one_part() -> None:
    """Each frame has a piece; the part is closed at the end."""
    events, decoder = decoded(
        chunk({"text": "Hel"}, usage={"promptTokenCount": 4}), chunk({"text": "lo"}, finish="STOP", usage=USAGE)
    )
    assert events == [
        PartStart(0, "text"),
        TextDelta(0, "Hel"),
        UsageUpdate(Usage(input_tokens=4, raw={"promptTokenCount": 4})),
        TextDelta(0, "lo"),
        UsageUpdate(Usage(input_tokens=4, output_tokens=2, raw=USAGE)),
        PartEnd(0, TextPart(text="Hello")),
    ]
    assert (decoder.id, decoder.model, decoder.finish_reason, decoder.raw_finish_reason) == (
        "r1",
        "gemini-2.5-flash",
        "stop",
        "STOP",
    )


def test_thoughts_come_before_the_text() -> None:
    """What is marked as a thought is reasoning, in a part of its own."""
    events, _ = decoded(chunk({"text": "Hm", "thought": True}), chunk({"text": "Hello"}, finish="STOP"))
    assert events == [
        PartStart(0, "reasoning"),
        ReasoningDelta(0, "Hm"),
        PartEnd(0, ReasoningPart(text="Hm")),
        PartStart(1, "text"),
        TextDelta(1, "Hello"),
        PartEnd(1, TextPart(text="Hello")),
    ]


def test_a_call_is_whole_at_once() -> None:
    """Calls come whole and without a reason of their own for the end, which says STOP."""
    events, decoder = decoded(chunk(WEATHER, finish="STOP"))
    call = ToolCallPart(
        id="call_0d0e09b1_0", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city":"Oslo"}'
    )
    assert events == [
        PartStart(0, "tool_call"),
        ToolCallDelta(0, "call_0d0e09b1_0", "weather", '{"city":"Oslo"}'),
        ToolCall(0, call),
        PartEnd(0, call),
    ]
    assert (decoder.finish_reason, decoder.raw_finish_reason) == ("tool_calls", "STOP")


def test_ids_that_the_api_gives_are_kept() -> None:
    """Gemini 3 gives ids; a call without one, equal to another but for that, has an id of its own."""
    given: JSONObject = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}, "id": "x1"}}
    response = streamed(chunk(given), chunk(WEATHER), chunk(WEATHER, finish="STOP"))
    assert [call.id for call in response.tool_calls] == ["x1", "call_0d0e09b1_1", "call_0d0e09b1_2"]


def test_made_up_ids_differ_between_answers() -> None:
    """They are made of the answer's id, or of the length of the conversation where it has none."""
    other = streamed(chunk(WEATHER, finish="STOP", responseId="r2"))
    unnamed = streamed(chunk(WEATHER, finish="STOP", responseId=None))
    assert [other.tool_calls[0].id, unnamed.tool_calls[0].id] == ["call_9407580b_0", "call_1_0"]


@pytest.mark.parametrize("call", [{"name": "now"}, {"name": "now", "args": {}}, {"name": "now", "args": None}])
def test_a_call_may_have_no_arguments(call: JSONObject) -> None:
    """A tool without parameters is called with an empty object, or with nothing at all."""
    [made] = streamed(chunk({"functionCall": call}, finish="STOP")).tool_calls
    assert (made.name, made.arguments) == ("now", {})


def test_arguments_that_are_no_object_are_malformed() -> None:
    """Such a call is never made into one with empty arguments."""
    with pytest.raises(ValueError, match="no object"):
        decoded(chunk({"functionCall": {"name": "now", "args": [1]}}))


def test_pictures_are_files() -> None:
    """Bytes come as base64, in either alphabet and with or without its padding."""
    events, _ = decoded(chunk({"inlineData": {"mimeType": "image/png", "data": "-_8"}}, finish="STOP"))
    assert events == [
        PartStart(0, "file"),
        FileDelta(0, "image/png", b"\xfb\xff"),
        PartEnd(0, FilePart(media_type="image/png", data=b"\xfb\xff")),
    ]


def test_a_picture_that_is_a_thought_is_no_answer() -> None:
    """Drafts of an image model are kept, as what only this provider has."""
    draft: JSONObject = {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thought": True}
    assert streamed(chunk(draft, finish="STOP")).parts == (
        ProviderPart(provider="gemini", type="inlineData", data=draft),
    )


def test_a_file_may_come_by_its_address() -> None:
    """A part that refers to a file is a file with an address."""
    part: JSONObject = {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}}
    assert streamed(chunk(part, finish="STOP")).parts == (FilePart(media_type="video/mp4", url="gs://b/v.mp4"),)


def test_executed_code_is_no_tool_call() -> None:
    """What the API's own tools do is kept as it came, and text goes on in a part of its own."""
    code: JSONObject = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
    result: JSONObject = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
    response = streamed(chunk({"text": "See: "}), chunk(code), chunk(result), chunk({"text": "1"}, finish="STOP"))
    assert response.parts == (
        TextPart(text="See: "),
        ProviderPart(provider="gemini", type="executableCode", data=code),
        ProviderPart(provider="gemini", type="codeExecutionResult", data=result),
        TextPart(text="1"),
    )
    assert response.finish_reason == "stop"


def test_sources_hang_on_the_text() -> None:
    """Each stretch of text has its sources; where an empty signed part ends the stream, they still find the text."""
    grounding: JSONObject = {
        "searchEntryPoint": {"renderedContent": "<div>"},
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {"web": {"uri": "https://b.example"}}],
        "groundingSupports": [{"segment": {"endIndex": 5, "text": "Hello"}, "groundingChunkIndices": [0, 7]}],
    }
    seal: JSONObject = {"text": "", "thoughtSignature": "c2ln"}
    last = chunk(seal, finish="STOP", candidate={"groundingMetadata": grounding})
    events, decoder = decoded(chunk({"text": "Hello"}), last)
    added = [event.citation for event in events if isinstance(event, CitationAdded)]
    assert [(one.url, one.title, one.start, one.end) for one in added] == [
        ("https://a.example", "A", 0, 5),
        ("https://b.example", None, None, None),
    ]
    assert decoder.metadata["groundingMetadata"] == grounding


def test_sources_are_told_once() -> None:
    """What is recited comes again in each frame that follows; Vertex AI calls the list otherwise."""
    source: JSONObject = {"startIndex": 1, "endIndex": 4, "uri": "https://a.example", "license": "mit"}
    first = chunk({"text": "ab"}, candidate={"citationMetadata": {"citationSources": [source]}})
    last = chunk({"text": "cd"}, finish="STOP", candidate={"citationMetadata": {"citations": [source]}})
    [part] = streamed(first, last).parts
    citation = Citation(url="https://a.example", start=1, end=4, raw=source)
    assert part == TextPart(text="abcd", citations=(citation,))


def test_log_probabilities_join_their_text() -> None:
    """Each chosen token has its rivals."""
    result: JSONObject = {
        "chosenCandidates": [{"token": "4", "logProbability": -0.5, "tokenId": 7}],
        "topCandidates": [
            {"candidates": [{"token": "4", "logProbability": -0.5}, {"token": "5", "logProbability": -2}]}
        ],
    }
    [part] = streamed(chunk({"text": "4"}, finish="STOP", candidate={"logprobsResult": result})).parts
    assert part == TextPart(text="4", logprobs=(TokenLogprob(token="4", logprob=-0.5, top=(("4", -0.5), ("5", -2.0))),))


def test_log_probabilities_may_come_late_or_odd() -> None:
    """Those of a frame without text join the text before it; what is no token is left out."""
    result: JSONObject = {"chosenCandidates": [{"token": "4"}, {"token": 4}, {"token": "5", "logProbability": True}]}
    [part] = streamed(chunk({"text": "4"}), chunk(finish="STOP", candidate={"logprobsResult": result})).parts
    assert part == TextPart(text="4", logprobs=(TokenLogprob(token="4", logprob=0.0),))


def test_parts_that_say_nothing() -> None:
    """An empty part, an empty text and a mark without data make nothing."""
    parts: list[JSONObject] = [{}, {"text": ""}, {"thought": True}]
    assert streamed(chunk(*parts, finish="STOP")).parts == ()


def test_closing_twice_says_nothing_new() -> None:
    """The last events come once."""
    _, decoder = decoded(chunk({"text": "a"}, finish="STOP"))
    assert decoder.close() == ()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("UNEXPECTED_TOOL_CALL", "error"),
        ("OTHER", "other"),
        ("A_NEW_ONE", "other"),
    ],
)
def test_reasons_for_the_end(raw: str, reason: FinishReason) -> None:
    """The wire's own words stay beside ours; some come without any content."""
    response = streamed({"candidates": [{"finishReason": raw, "index": 0}]})
    assert (response.finish_reason, response.raw_finish_reason, response.parts) == (reason, raw, ())


def test_a_call_of_no_tool_is_an_error() -> None:
    """The model called what was not declared: the call is there to see, and the end says what it is."""
    response = streamed(chunk(WEATHER, finish="UNEXPECTED_TOOL_CALL"))
    assert (response.finish_reason, len(response.tool_calls)) == ("error", 1)


def test_a_later_reason_replaces_an_earlier() -> None:
    """Some models say STOP in each frame, and at the end that the answer was stopped."""
    response = streamed(chunk({"text": "a"}, finish="STOP"), {"candidates": [{"finishReason": "RECITATION"}]})
    assert (response.text, response.finish_reason) == ("a", "content_filter")


def test_a_blocked_prompt_is_an_answer_without_candidates() -> None:
    """The prompt itself was refused; the reason is the terminal marker."""
    feedback: JSONObject = {"blockReason": "SAFETY", "safetyRatings": [{"category": "X", "probability": "HIGH"}]}
    response = streamed({"promptFeedback": feedback})
    assert (response.finish_reason, response.raw_finish_reason) == ("content_filter", "SAFETY")
    assert response.metadata == {"promptFeedback": feedback}


def test_without_a_reason_it_is_not_complete() -> None:
    """Frames that say nothing of the end are no end, whatever gateways send after them."""
    decoder = Gemini().wire("m").decoder(request())
    decoder.feed(Frame(b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'))
    assert decoder.feed(Frame(b"[DONE]")) == ()
    decoder.close()
    assert (decoder.is_complete, decoder.finish_reason) == (False, None)


def test_only_the_first_candidate_is_the_answer() -> None:
    """With several, the others are left out."""
    others: JSONObject = {"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}, "finishReason": "STOP"}]}
    assert streamed(others, chunk({"text": "yes"}, finish="STOP")).text == "yes"


def test_candidates_may_be_empty_or_without_content() -> None:
    """Frames without anything to read make no event but their counts."""
    events, _ = decoded({"candidates": []}, {"candidates": [{"content": {}}]}, {"usageMetadata": USAGE})
    assert events == [UsageUpdate(Usage(input_tokens=4, output_tokens=2, raw=USAGE))]


def test_what_is_unknown_is_kept() -> None:
    """A frame of another kind is a raw event, a part of another kind is the provider's own."""
    events, _ = decoded({"somethingNew": 1})
    assert events == [RawEvent("", {"somethingNew": 1})]
    [part] = streamed(chunk({"hologram": {"x": 1}}, finish="STOP")).parts
    assert part == ProviderPart(provider="gemini", type="hologram", data={"hologram": {"x": 1}})


def test_a_plain_body_makes_the_same_parts() -> None:
    """One body says at once what a stream says by and by."""
    parts: list[JSONObject] = [{"text": "Hm", "thought": True}, {"text": "a"}, {"text": "b"}, WEATHER]
    whole = plain(chunk(*parts, finish="STOP", usage=USAGE))
    assert whole == streamed(*[chunk(part) for part in parts], chunk(finish="STOP", usage=USAGE))
    assert (whole.text, whole.reasoning, whole.finish_reason) == ("ab", "Hm", "tool_calls")


@pytest.mark.parametrize("body", [{}, {"candidates": []}, {"candidates": None, "usageMetadata": USAGE}])
def test_a_plain_body_without_candidates_is_malformed(body: JSONObject) -> None:
    """No candidate, and no reason for having none, is never a success."""
    with pytest.raises(MalformedResponseError, match="without any candidate"):
        plain(body)


def test_a_plain_body_need_not_say_why_it_ended() -> None:
    """It is whole as it is; that it stopped is not made up."""
    response = plain({"candidates": [{"content": {"parts": [{"text": "a"}]}}]})
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("a", "other", None)
