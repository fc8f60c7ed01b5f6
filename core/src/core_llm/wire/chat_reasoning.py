"""OpenRouter's `reasoning_details`: put together from the pieces of a stream so that they can go back unmodified.

Shape and rule after openrouter.ai/docs, "Preserving reasoning blocks", checked 2026-11.
"""

from __future__ import annotations

from core_llm._json import JSONObject, JSONValue
from core_llm.wire.guards import as_objects, as_text

_TEXT_FIELDS = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""Type of a block → its field that streams in pieces; a block of another type comes whole."""


class ReasoningDetails:
    """The blocks of one reasoning part, in order. Pieces are joined once, when the blocks are taken."""

    __slots__ = ("_blocks", "_pieces")

    def __init__(self) -> None:
        self._blocks: list[JSONObject] = []
        self._pieces: list[list[str]] = []

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, value: JSONValue) -> str:
        """Add what one delta brings, and return the text in it."""
        texts = []
        for block in as_objects(value):
            field = _TEXT_FIELDS.get(as_text(block.get("type")), "")
            text = as_text(block.get(field)) if field else ""
            texts.append(text)
            if field and self._blocks and _is_same_block(self._blocks[-1], block, text):
                self._blocks[-1].update({name: item for name, item in block.items() if item is not None})
                self._pieces[-1].append(text)
            else:
                self._blocks.append(dict(block))
                self._pieces.append([text])
        return "".join(texts)

    def take(self) -> list[JSONValue]:
        """Return the blocks, whole, and begin anew."""
        whole: list[JSONValue] = []
        for block, pieces in zip(self._blocks, self._pieces, strict=True):
            if len(pieces) > 1:
                block[_TEXT_FIELDS[as_text(block.get("type"))]] = "".join(pieces)
            whole.append(block)
        self._blocks, self._pieces = [], []
        return whole


def _is_same_block(last: JSONObject, block: JSONObject, text: str) -> bool:
    """Tell whether `block` goes on with the last one. What follows a signature, which seals a block, is another."""
    if last.get("type") != block.get("type") or last.get("index") != block.get("index"):
        return False
    if text and last.get("signature"):
        return False
    return not (last.get("id") and block.get("id")) or last.get("id") == block.get("id")
