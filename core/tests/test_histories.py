"""Whether a conversation can be sent, and how one that broke off is mended."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_llm import Client, InvalidRequestError, Message, ToolCallPart, ToolResultPart, close_open_calls
from core_llm._histories import check_history, order_results
from core_llm.testing import FakeProvider


def called(*ids: str) -> Message:
    """Return a message of the model with these calls."""
    return Message.assistant(*(ToolCallPart(id=call_id, name="f", arguments={}) for call_id in ids))


def answered(*ids: str) -> Message:
    """Return the results of these calls."""
    return Message.tool(*(ToolResultPart(tool_call_id=call_id, name="f", content="1") for call_id in ids))


ASK, SAID = Message.user("Go."), Message.assistant("Done.")


@pytest.mark.parametrize(
    "messages",
    [
        [ASK, SAID, ASK],
        [ASK, called("a", "b"), answered("b", "a"), SAID],
        [ASK, called("a", "b"), answered("a"), answered("b"), SAID],
        [ASK, called("a"), answered("a"), called("a"), answered("a")],
        [answered("kept-by-the-provider"), ASK],
    ],
    ids=["no-calls", "both-answered", "one-by-one", "the-same-id-in-another-turn", "stored-elsewhere"],
)
def test_conversations_that_fit_are_sent(messages: list[Message]) -> None:
    """Each call is answered once, right after it; results of calls that the provider keeps may come first."""
    check_history(messages)
    assert close_open_calls(messages) == tuple(messages)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([ASK, called("a")], "nothing answers the calls 'a' of 'f'"),
        ([ASK, called("a"), ASK], "before message 2, nothing answers the calls 'a'"),
        ([ASK, called("a", "b"), answered("a"), SAID], "nothing answers the calls 'b'"),
        ([ASK, called("a"), answered("a", "a")], "answers the call 'a' a second time"),
        ([ASK, SAID, answered("a")], "did not make just before"),
        ([ASK, called("a"), answered("b")], "did not make just before"),
    ],
    ids=["open-at-the-end", "open-before-a-question", "half-open", "twice", "no-call", "another-call"],
)
def test_what_no_provider_takes_is_refused_before_it_is_sent(messages: list[Message], words: str) -> None:
    """The error names the message and the call, and nothing goes out; mended, the conversation is sent."""
    model = FakeProvider("Done.")
    with Client(providers=[model]) as client:
        with pytest.raises(InvalidRequestError, match=words):
            client.generate("fake:model", messages)
        assert model.requests == []

        client.generate("fake:model", [*close_open_calls(messages), ASK])


def test_what_is_missing_is_said_to_the_model() -> None:
    """A call that nothing answered gets a result that says why, where its result belongs."""
    mended = close_open_calls([ASK, called("a", "b"), answered("b"), ASK], why="The user left.")

    first, second = mended[2].parts[0], mended[3].parts[0]
    assert isinstance(first, ToolResultPart)
    assert isinstance(second, ToolResultPart)
    assert [first.tool_call_id, second.tool_call_id] == ["b", "a"]
    assert (second.content, second.is_error) == ("The user left.", True)
    assert mended[4] == ASK


@given(
    st.lists(
        st.one_of(
            st.just(ASK),
            st.just(SAID),
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map(lambda ids: called(*ids)),
            st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda ids: answered(*ids)),
        ),
        max_size=8,
    )
)
def test_every_conversation_can_be_mended(messages: list[Message]) -> None:
    """Whatever is left of a conversation, mended it fits, and mending it again changes nothing."""
    mended = close_open_calls(messages)

    check_history(mended)
    assert close_open_calls(mended) == mended


def results_of(messages: Sequence[Message]) -> list[tuple[str, list[str]]]:
    """Return the role of each message, and its results and texts."""
    return [
        (
            message.role,
            [part.tool_call_id if isinstance(part, ToolResultPart) else message.text for part in message.parts],
        )
        for message in messages
        if message.role != "assistant"
    ]


def test_results_stand_in_the_order_of_their_calls() -> None:
    """The second call was done first, in a message that says something too: results come first, in their order."""
    early = Message(role="user", parts=(*answered("b").parts, *ASK.parts))
    ordered = order_results([ASK, called("a", "b"), early, answered("a"), SAID, ASK])
    assert results_of(ordered) == [("user", ["Go."]), ("tool", ["a", "b"]), ("user", ["Go."]), ("user", ["Go."])]


@pytest.mark.parametrize(
    "messages",
    [
        [ASK, SAID, ASK],
        [ASK, called("a", "b"), answered("a", "b"), ASK],
        [ASK, called("a", "b"), answered("a"), answered("b"), SAID],
        [ASK, called("a"), answered("a"), called("a"), answered("a")],
        [answered("kept-by-the-provider"), ASK],
    ],
    ids=["no-calls", "in-order", "one-by-one", "the-same-id-in-another-turn", "stored-elsewhere"],
)
def test_what_is_in_order_stays_as_it_is(messages: list[Message]) -> None:
    """It is not even copied."""
    assert order_results(messages) is messages


def test_requests_are_put_in_order() -> None:
    """Whoever asks, and whichever provider: its wire is given results in the order of their calls."""
    model = FakeProvider("Done.")
    with Client(providers=[model]) as client:
        client.generate("fake:any", [ASK, called("a", "b"), answered("b", "a")])
    assert results_of(model.requests[0].messages) == [("user", ["Go."]), ("tool", ["a", "b"])]
