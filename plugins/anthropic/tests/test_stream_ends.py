"""How a stream ends: reasons, the terminal marker, what is cut off before it, and errors."""

from __future__ import annotations

import pytest

from core_llm import (
    OverloadedError,
    PartEnd,
    ProviderPart,
    ReasoningPart,
    ServerError,
    StatusError,
    TextPart,
    ToolCallPart,
)
from core_llm.wire import Frame, JSONObject

from .frames import START, STOP, begin, decoder, delta, fed, reason, stop


@pytest.mark.parametrize(
    ("word", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ],
)
def test_why_it_ended(word: str, finish_reason: str) -> None:
    """The provider's word stays beside the normalised one; what else it says of the end is kept."""
    answer = decoder()
    fed(answer, START, reason(word, stop_sequence="END", stop_details={"type": "refusal"}), STOP)
    assert (answer.finish_reason, answer.raw_finish_reason) == (finish_reason, word)
    assert answer.metadata == {"stop_sequence": "END", "stop_details": {"type": "refusal"}}


def test_calls_at_the_end_are_the_reason() -> None:
    """A compatible server may say that the turn is over, or nothing at all; calls that come last say more."""
    for ending in ([reason("end_turn"), STOP], [STOP]):
        answer = decoder()
        fed(answer, START, begin(0, type="tool_use", id="toolu_1", name="now", input={}), stop(0), *ending)
        assert (answer.finish_reason, answer.is_complete) == ("tool_calls", True)


def test_the_stop_reason_is_the_terminal_marker() -> None:
    """With it everything is there; before it a stream that ends is cut off."""
    answer = decoder()
    fed(answer, START, begin(0, type="text", text=""), delta(0, "text_delta", text="Hi"), stop(0))
    assert (answer.is_complete, answer.is_done) == (False, False)
    fed(answer, reason("end_turn"))
    assert (answer.is_complete, answer.is_done) == (True, False)
    assert list(answer.close()) == []
    assert (answer.finish_reason, list(answer.close())) == ("stop", [])


def test_what_was_cut_off_is_marked() -> None:
    """Text is kept; a call, thoughts and a server tool in the making are kept in a way that does not go back."""
    answer = decoder()
    fed(
        answer,
        START,
        begin(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="H"),
        begin(1, type="text", text=""),
        delta(1, "text_delta", text="Yes"),
        begin(2, type="tool_use", id="toolu_1", name="now", input={}),
        begin(3, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        delta(3, "input_json_delta", partial_json='{"que'),
    )
    ends = {event.part_index: event.part for event in answer.close() if isinstance(event, PartEnd)}
    block: JSONObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    assert ends == {
        0: ReasoningPart(text="H"),
        1: TextPart(text="Yes"),
        2: ToolCallPart(id="toolu_1", name="now", is_complete=False),
        3: ProviderPart(
            provider="anthropic", type="server_tool_use", data=block, provider_state={"anthropic": {"is_cut": True}}
        ),
    }


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "in the middle"])
def test_an_error_in_the_stream(*, is_first: bool) -> None:
    """It raises as the status that it stands for, with the id of the request, also as the first event."""
    answer = decoder()
    if not is_first:
        fed(answer, START, begin(0, type="text", text=""), delta(0, "text_delta", text="Hi"))
    error: JSONObject = {"type": "overloaded_error", "message": "Overloaded"}
    with pytest.raises(OverloadedError, match="Overloaded") as raised:
        fed(answer, {"type": "error", "error": error, "request_id": "req_1"})
    assert (raised.value.status_code, raised.value.is_retryable, raised.value.request_id) == (529, True, "req_1")


def test_an_error_takes_the_stop_reason_back() -> None:
    """What was complete is not any more; the provider's own failure is a server error."""
    answer = decoder()
    fed(answer, START, reason("end_turn"))
    with pytest.raises(ServerError, match="Internal"):
        fed(answer, {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}})
    assert not answer.is_complete


def test_an_error_in_plain_words() -> None:
    """A proxy's error event may be no JSON."""
    with pytest.raises(StatusError, match="upstream gone"):
        decoder().feed(Frame(b"upstream gone", "error"))


def test_a_done_line_says_nothing() -> None:
    """Some gateways add one; it is not this wire's end."""
    answer = decoder()
    assert (list(answer.feed(Frame(b"[DONE]", "data"))), answer.is_complete) == ([], False)
