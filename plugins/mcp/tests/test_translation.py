"""Names and content on their way to the model and back, without any server."""

from __future__ import annotations

import mcp_types as types
import pytest

from core_llm import FilePart, TextPart
from plugin_mcp._content import TooLargeError, blocks_of, parts_of, result_of
from plugin_mcp._tools import name_of


@pytest.mark.parametrize(
    ("server_name", "name"),
    [
        ("add", "x_add"),
        ("files/read.all", "x_files_read_all"),
        ("grüße", "x_gr__e"),
        ("a" * 62, "x_" + "a" * 62),
        ("a" * 63, "x_" + "a" * 53 + "_7d3e74a0"),
    ],
)
def test_names_are_such_as_providers_accept(server_name: str, name: str) -> None:
    """Letters, digits, underscores and hyphens, 64 at most; a shortened one still differs from others."""
    assert name_of("x_", server_name) == name
    assert len(name) <= 64


def test_names_do_not_clash_nor_begin_with_a_digit() -> None:
    """Two that become the same are told apart, and every name begins as providers want."""
    first, second = name_of("", "a/b"), name_of("", "a.b", {"a_b"})
    assert first == "a_b"
    assert second.startswith("a_b_")
    assert name_of("", "2fast") == "_2fast"


def test_every_kind_of_content_becomes_a_part() -> None:
    """Text, pictures, sounds, resources and links; what nobody knows is said, and nothing is fetched."""
    text = types.TextResourceContents(uri="a://b", text="inside")
    blob = types.BlobResourceContents(uri="a://c", blob="AAE=", mime_type="application/pdf")
    blocks = [
        types.TextContent(text="Hi"),
        types.ImageContent(data="AAE=", mime_type="image/png"),
        types.AudioContent(data="AAE=", mime_type="audio/wav"),
        types.EmbeddedResource(resource=text),
        types.EmbeddedResource(resource=blob),
        types.ResourceLink(name="notes", uri="a://d", description="All notes."),
        types.ImageContent(data="no base64!", mime_type="image/png"),
        object(),
    ]
    assert parts_of(blocks, 1000) == (
        TextPart(text="Hi"),
        FilePart(media_type="image/png", data=b"\x00\x01"),
        FilePart(media_type="audio/wav", data=b"\x00\x01"),
        TextPart(text="inside"),
        FilePart(media_type="application/pdf", data=b"\x00\x01", name="a://c"),
        TextPart(text="[resource notes: a://d] All notes."),
        TextPart(text="[content that is not base64]"),
        TextPart(text="[content of the unknown kind None]"),
    )


def test_the_limit_counts_bytes_of_all_parts() -> None:
    """Texts and files count together."""
    blocks = [types.TextContent(text="é" * 5), types.ImageContent(data="AAE=", mime_type="image/png")]
    assert len(parts_of(blocks, 12)) == 2
    with pytest.raises(TooLargeError) as caught:
        parts_of(blocks, 11)
    assert caught.value.size == 12


def test_structured_content_is_told_where_there_is_no_other() -> None:
    """A result that has nothing but structure goes to the model as JSON."""
    result = types.CallToolResult(content=[], structured_content={"a": [1, "é"]})
    assert result_of(result, "c", "n", 100).content == '{"a": [1, "é"]}'
    with pytest.raises(TooLargeError) as caught:
        result_of(result, "c", "n", 15)
    assert caught.value.size == 16


def test_results_of_ours_become_content() -> None:
    """What a tool of ours answers is told to a client in its own kinds of content."""
    parts: list[TextPart | FilePart] = [
        TextPart(text="Hi"),
        FilePart(media_type="image/png", data=b"\x00"),
        FilePart(media_type="audio/wav", data=b"\x00"),
        FilePart(media_type="application/pdf", data=b"\x00", name="a.pdf"),
        FilePart.from_url("https://example.com/a.png"),
    ]
    told = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in blocks_of(parts)]
    assert told == [
        {"type": "text", "text": "Hi"},
        {"type": "image", "data": "AA==", "mimeType": "image/png"},
        {"type": "audio", "data": "AA==", "mimeType": "audio/wav"},
        {
            "type": "resource",
            "resource": {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": "AA=="},
        },
        {"type": "text", "text": "[file https://example.com/a.png]"},
    ]
    assert blocks_of("Hi")[0].type == "text"
