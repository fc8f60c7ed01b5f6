"""What is counted: sums, counts that later frames leave out, and frames that are not parsed for their counts."""

from __future__ import annotations

import json

import httpx
import pytest

from core_llm import Client, StreamInterruptedError, TextDelta, Usage, UsageUpdate
from core_llm.wire import Frame, JSONObject
from plugin_gemini import Gemini
from plugin_gemini._template import CountedText

from .answers import chunk, decoded, request, streamed


def test_input_and_output_are_the_total() -> None:
    """Thoughts are counted beside the candidates, and what tools put into the prompt beside the prompt."""
    raw: JSONObject = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 8,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 22,
    }
    usage = streamed(chunk(finish="STOP", usage=raw)).usage
    assert usage == Usage(input_tokens=15, output_tokens=7, cache_read_tokens=8, reasoning_tokens=4, raw=raw)
    assert usage.total_tokens == 22


def test_what_is_left_out_later_still_counts() -> None:
    """Counts are cumulative, yet the last frame may have fewer of them."""
    response = streamed(
        chunk({"text": "a"}, usage={"promptTokenCount": 9, "candidatesTokenCount": 1, "thoughtsTokenCount": 5}),
        chunk(finish="STOP", usage={"promptTokenCount": 12, "candidatesTokenCount": 3}),
    )
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (12, 8)


@pytest.mark.parametrize("counts", [None, {}, {"trafficType": "ON_DEMAND"}])
def test_what_was_not_counted_is_unknown(counts: JSONObject | None) -> None:
    """Vertex AI's first frames count nothing."""
    assert streamed(chunk({"text": "a"}, finish="STOP", usage=counts)).usage is None


def test_frames_that_differ_in_text_and_counts_alone() -> None:
    """Most frames are told by their bytes; their counts come out as if each had been parsed."""
    frames = [chunk({"text": f"{n} é\n"}, usage={"promptTokenCount": 7, "candidatesTokenCount": n}) for n in range(9)]
    events, decoder = decoded(*frames)
    assert [event.text for event in events if isinstance(event, TextDelta)] == [f"{n} é\n" for n in range(9)]
    assert len([event for event in events if isinstance(event, UsageUpdate)]) < 9
    assert decoder.usage == Usage(
        input_tokens=7, output_tokens=8, raw={"promptTokenCount": 7, "candidatesTokenCount": 8}
    )


def test_a_stream_that_breaks_off_has_its_last_counts() -> None:
    """Counts of frames that were not parsed come when the decoder is closed, complete or not."""
    decoder = Gemini().wire("m").decoder(request())
    for n in range(5):
        decoder.feed(Frame(json.dumps(chunk({"text": "a"}, usage={"candidatesTokenCount": n})).encode()))
    assert [event for event in decoder.close() if isinstance(event, UsageUpdate)] == [
        UsageUpdate(Usage(output_tokens=4, raw={"candidatesTokenCount": 4}))
    ]
    assert not decoder.is_complete


def test_a_broken_stream_raises_with_what_was_counted() -> None:
    """The partial response has the text that came and the newest counts, though most frames were not parsed."""
    frames = [chunk({"text": "a"}, usage={"promptTokenCount": 7, "candidatesTokenCount": n}) for n in range(5)]
    body = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames)
    answer = httpx.Response(200, text=body, headers={"content-type": "text/event-stream"})
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    client = Client(providers=[Gemini], api_keys={"gemini": "made-up-key"}, http_client=http, max_retries=0)
    with pytest.raises(StreamInterruptedError) as caught, client.stream("gemini:m", "Hi") as stream:
        list(stream)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "aaaaa"
    assert caught.value.partial.usage == Usage(
        input_tokens=7, output_tokens=4, raw={"promptTokenCount": 7, "candidatesTokenCount": 4}
    )


LEARNT = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"n":1},"responseId":"r"}'


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (LEARNT, "a"),
        (LEARNT.replace(b'"a"', rb'"\u00e9\" }]"').replace(b":1}", b":234}"), 'é" }]'),
        (LEARNT.replace(b'"n":1', b'"n":1,"m":2'), None),
        (LEARNT.replace(b'"a"', b'"a","thought":true'), None),
        (LEARNT.replace(b'"a"', b"5"), None),
        (LEARNT.replace(b"}]}}]", b'}]},"finishReason":"STOP"}]'), None),
        (LEARNT.replace(b'"r"', b'"s"'), None),
        (LEARNT[:-30], None),
    ],
)
def test_what_a_template_matches(frame: bytes, text: str | None) -> None:
    """One string and some digits may differ, and nothing else."""
    template = CountedText()
    template.learn(LEARNT)
    assert template.match(frame) == text


def test_a_template_gives_up() -> None:
    """Where each frame is another, no more are learnt, and none matches."""
    template = CountedText()
    for n in range(9):
        template.learn(LEARNT.replace(b'"r"', b'"%c"' % (97 + n)))
    assert template.match(LEARNT.replace(b'"r"', b'"h"')) == "a"
    assert template.match(LEARNT.replace(b'"r"', b'"i"')) is None
    assert template.take_counts() == b'{"usageMetadata":{"n":1},"responseId":"h"}'
    assert template.take_counts() == b""


@pytest.mark.parametrize(
    "frame", [b'{"usageMetadata":{},"text":"a"}', b'{"text":"a"}', b'{"text":"a","text":"b","usageMetadata":1}', b"{}"]
)
def test_what_a_template_cannot_learn(frame: bytes) -> None:
    """A frame without counts, or with two texts, is no pattern."""
    template = CountedText()
    template.learn(LEARNT)
    template.learn(frame)
    assert template.match(frame) is None
    assert template.match(LEARNT) is None
