"""Messages and parts: what callers may write, what is refused, and that all of it survives JSON."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core_llm._errors import InvalidRequestError
from core_llm._json import JSONValue
from core_llm._messages import (
    Citation,
    FilePart,
    Message,
    Part,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    TokenLogprob,
    ToolCallPart,
    ToolResultPart,
    as_parts,
)

PNG = b"\x89PNG\r\n\x1a\n\xfb\xff\xfe"

EVERY_PART: list[Part] = [
    TextPart(
        text="Oslo",
        citations=(Citation(url="https://a.example", start=0, end=4, raw={"n": [1, None]}),),
        logprobs=(TokenLogprob(token="Os", logprob=-0.5, top=(("Os", -0.5), ("B", float("-inf")))),),
    ),
    ReasoningPart(text="", provider_state={"acme": {"signature": "EqQB+/=="}}),
    FilePart(media_type="image/png", data=PNG, name="a.png"),
    FilePart(media_type="image/*", url="https://a.example/a"),
    FilePart(media_type="application/pdf", file_id="file-1"),
    ToolCallPart(id="1", name="weather", arguments={"city": "Oslo"}, raw_arguments='{"city": "Oslo"}'),
    ToolCallPart(id="2", name="weather", raw_arguments='{"city": "Par', is_complete=False),
    ToolResultPart(
        tool_call_id="1", name="weather", content=(TextPart(text="4°"), FilePart(media_type="a/b", data=b""))
    ),
    ToolResultPart(tool_call_id="2", content="no such city", is_error=True),
    RefusalPart(text="I will not."),
    ProviderPart(provider="acme", type="web_search_call", data={"query": "x", "results": [1.5, None, True]}),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("part", EVERY_PART, ids=range(len(EVERY_PART)))
def test_every_part_survives_json(part: Part) -> None:
    """A stored part is read back equal, as the kind it was."""
    adapter: TypeAdapter[Part] = TypeAdapter(Part)
    assert type(part).from_json(part.to_json()) == part
    assert adapter.validate_json(part.to_json()) == part


@given(state=st.dictionaries(st.text(), json_values, max_size=3))
def test_provider_state_survives_json_exactly(state: dict[str, JSONValue]) -> None:
    """What a provider wants back is given back, whatever JSON it is: opaque strings, big numbers, odd names."""
    message = Message.assistant(ReasoningPart(provider_state=state))
    assert Message.from_json(message.to_json()).parts[0].provider_state == state


def test_a_text_becomes_a_part() -> None:
    """Wherever parts are wanted, a text, a part, or a list of both will do."""
    part = ReasoningPart(text="hm")
    assert as_parts("a") == (TextPart(text="a"),)
    assert as_parts(part) == (part,)
    assert as_parts(["a", part]) == (TextPart(text="a"), part)
    assert Message.user("a", ["b", part]).parts == (TextPart(text="a"), TextPart(text="b"), part)


def test_each_role_has_its_constructor() -> None:
    """The role is in the name of the method."""
    result = ToolResultPart(tool_call_id="1", content="4°")
    made = [Message.system("a"), Message.user("b"), Message.assistant("c"), Message.tool(result)]
    assert [message.role for message in made] == ["system", "user", "assistant", "tool"]
    assert [message.text for message in made] == ["a", "b", "c", ""]


def test_text_joins_the_text_parts_only() -> None:
    """Reasoning and refusals are no text."""
    assert Message.assistant(ReasoningPart(text="hm"), "a", RefusalPart(text="no"), "b").text == "ab"


def test_tool_calls_are_the_complete_ones() -> None:
    """A call that was cut off is in the parts and not among the calls."""
    message = Message.assistant(EVERY_PART[5], EVERY_PART[6])
    assert message.tool_calls == (EVERY_PART[5],)
    assert len(message.parts) == 2


def test_values_cannot_be_changed() -> None:
    """A message that was sent stays what it was."""
    message = Message.user("a")
    with pytest.raises(ValidationError, match="frozen"):
        message.role = "system"


def test_an_unknown_field_is_refused_from_callers_and_ignored_from_storage() -> None:
    """What users pass in is strict; what a newer version stored is read without what is not known."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        TextPart(text="a", colour="red")  # type: ignore[call-arg]  # the mistake in question
    stored = (
        '{"schema_version": 9, "role": "user", "mood": 1, "parts": [{"kind": "text", "text": "a", "colour": "red"}]}'
    )
    assert Message.from_json(stored) == Message(schema_version=9, role="user", parts=(TextPart(text="a"),))


@pytest.mark.parametrize(
    "sources", [{}, {"data": b"x", "url": "https://a.example"}, {"url": "https://a.example", "file_id": "f"}]
)
def test_a_file_has_exactly_one_source(sources: dict[str, str | bytes]) -> None:
    """Bytes, an address or an id: none and two of them are refused."""
    with pytest.raises(ValidationError, match="exactly one of data, url and file_id"):
        FilePart.model_validate({"media_type": "image/png", **sources})


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    """The media type is guessed from the name unless it is given."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    assert FilePart.from_path(path) == FilePart(media_type="image/png", data=PNG, name="a.png")
    assert FilePart.from_path(str(path), media_type="image/x-odd").media_type == "image/x-odd"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, a folder, or of unknown type: the error has the path or the name and what to do."""
    missing = tmp_path / "a.png"
    (tmp_path / "b.png").mkdir()
    for path, reason in ((missing, "No such file or directory"), (tmp_path / "b.png", "Is a directory")):
        with pytest.raises(InvalidRequestError) as caught:
            FilePart.from_path(path)
        assert caught.value.message == f"cannot read {path}: {reason}; check the path and its permissions"
    with pytest.raises(InvalidRequestError) as caught:
        FilePart.from_path("notes.xyzzy")
    assert caught.value.message == (
        "cannot tell the media type of 'notes.xyzzy' from its name; pass media_type=, e.g. 'image/png'"
    )


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("https://a.example/a.jpg?size=2", "image/jpeg"),
        ("https://a.example/a", "image/*"),
        ("https://a.example/a.pdf", "application/pdf"),
    ],
)
def test_an_address_is_not_fetched(url: str, media_type: str) -> None:
    """The provider fetches it; its type is guessed from the name, and an image if that does not tell."""
    part = FilePart.from_url(url)
    assert (part.url, part.media_type, part.data) == (url, media_type, None)
    assert part.major_type == media_type.split("/", maxsplit=1)[0]


def test_a_complete_call_has_arguments() -> None:
    """A call without arguments has an empty object; None is for one that is not complete."""
    with pytest.raises(ValidationError, match="a complete tool call has arguments"):
        ToolCallPart(id="1", name="weather")
    assert ToolCallPart(id="1", name="weather", arguments={}).is_complete
    assert not ToolCallPart(id="1", name="weather", raw_arguments="{", is_complete=False).is_complete
