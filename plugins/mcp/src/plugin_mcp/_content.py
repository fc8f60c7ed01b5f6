"""From MCP's content blocks to parts, and back. Nothing is fetched here: a link stays a link."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from core_llm import FilePart, TextPart, ToolResultPart

if TYPE_CHECKING:
    import mcp_types as types

Parts = tuple[TextPart | FilePart, ...]
UNKNOWN_TYPE = "application/octet-stream"


class TooLargeError(Exception):
    """There is more than may be passed on; `size` is in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def parts_of(blocks: Iterable[object], limit: int) -> Parts:
    """Return content blocks, or contents of resources, as parts.

    Raises:
        TooLargeError: They have more bytes than `limit`.
    """
    parts: list[TextPart | FilePart] = []
    size = 0
    for block in blocks:
        part = _part(block)
        size += len(part.text.encode()) if isinstance(part, TextPart) else len(part.data or b"")
        if size > limit:
            raise TooLargeError(size)
        parts.append(part)
    return tuple(parts)


def _part(block: object) -> TextPart | FilePart:
    """Return one block as a part; one of a kind that nobody knows yet as what it says of itself."""
    kind = getattr(block, "type", None)
    resource = getattr(block, "resource", block)
    if kind == "text":
        return TextPart(text=str(getattr(block, "text", "")))
    if kind in ("image", "audio"):
        return _file(getattr(block, "data", ""), getattr(block, "mime_type", None), None)
    if kind == "resource_link":
        name, uri = getattr(block, "name", ""), getattr(block, "uri", "")
        description = getattr(block, "description", None)
        return TextPart(text=f"[resource {name}: {uri}]" + (f" {description}" if description else ""))
    if isinstance(text := getattr(resource, "text", None), str):
        return TextPart(text=text)
    if isinstance(blob := getattr(resource, "blob", None), str):
        return _file(blob, getattr(resource, "mime_type", None), str(getattr(resource, "uri", "")) or None)
    return TextPart(text=f"[content of the unknown kind {kind!r}]")


def _file(data: str, media_type: str | None, name: str | None) -> TextPart | FilePart:
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return TextPart(text="[content that is not base64]")
    return FilePart(media_type=media_type or UNKNOWN_TYPE, data=content, name=name)


def result_of(result: types.CallToolResult, call_id: str, name: str, limit: int) -> ToolResultPart:
    """Return the result of a call: its texts as one, or parts where there is more than text.

    Raises:
        TooLargeError: It has more bytes than `limit`.
    """
    parts = parts_of(result.content, limit)
    content: str | Parts = parts
    if not parts and result.structured_content is not None:
        content = json.dumps(result.structured_content, ensure_ascii=False)
        if (size := len(content.encode())) > limit:
            raise TooLargeError(size)
    elif all(isinstance(part, TextPart) for part in parts):
        content = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    return ToolResultPart(tool_call_id=call_id, name=name, content=content, is_error=result.is_error)


def blocks_of(content: str | Sequence[TextPart | FilePart]) -> list[types.ContentBlock]:
    """Return what a tool of ours answered as content blocks."""
    import mcp_types as types  # noqa: PLC0415  # heavy, and only a server needs it

    if isinstance(content, str):
        return [types.TextContent(text=content)]
    blocks: list[types.ContentBlock] = []
    for part in content:
        if isinstance(part, TextPart):
            blocks.append(types.TextContent(text=part.text))
        elif part.data is None:
            blocks.append(types.TextContent(text=f"[file {part.url or part.file_id}]"))
        else:
            data = base64.b64encode(part.data).decode()
            if part.major_type == "image":
                blocks.append(types.ImageContent(data=data, mime_type=part.media_type))
            elif part.major_type == "audio":
                blocks.append(types.AudioContent(data=data, mime_type=part.media_type))
            else:
                uri = f"file:///{part.name or 'result'}"
                resource = types.BlobResourceContents(uri=uri, mime_type=part.media_type, blob=data)
                blocks.append(types.EmbeddedResource(resource=resource))
    return blocks
