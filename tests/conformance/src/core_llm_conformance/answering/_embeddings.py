"""Servers that embed, on every wire that has it. Texts with words in common have vectors that point alike."""

from __future__ import annotations

import re
from base64 import b64encode
from struct import pack
from zlib import crc32

from pydantic import JsonValue

from core_llm_conformance.answering._said import JsonObject, as_objects, asked
from core_llm_conformance.script import Answer, json_answer
from core_llm_conformance.server import RecordedRequest

DIMENSIONS = 256
PATH = re.compile(r"(/embeddings|/api/embed|:batchEmbedContents|:predict|:embedContent)$")
"""How the path of a request ends that is answered here."""


def answer(request: RecordedRequest) -> Answer:
    """Return the answer to a request that embeds."""
    body = asked(request)
    if request.path.endswith("/embeddings"):
        return json_answer(_openai(body))
    if request.path.endswith("/api/embed"):
        vectors: list[JsonValue] = [_vector(text, body.get("dimensions")) for text in _texts(body["input"])]
        return json_answer({"model": body["model"], "embeddings": vectors, "prompt_eval_count": 4 * len(vectors)})
    if request.path.endswith(":batchEmbedContents"):
        return json_answer({"embeddings": [_content(item) for item in as_objects(body["requests"])]})
    if request.path.endswith(":embedContent"):
        return json_answer({"embedding": _content(body), "usageMetadata": {"promptTokenCount": 4}})
    return json_answer({"predictions": _predictions(body)})


def _openai(body: JsonObject) -> JsonObject:
    is_base64 = body.get("encoding_format") == "base64"
    items: list[JsonValue] = []
    for index, text in enumerate(_texts(body["input"])):
        vector = _vector(text, body.get("dimensions"))
        packed = b64encode(pack(f"<{len(vector)}f", *vector)).decode()
        items.append({"object": "embedding", "index": index, "embedding": packed if is_base64 else list(vector)})
    usage: JsonObject = {"prompt_tokens": 4 * len(items), "total_tokens": 4 * len(items)}
    return {"object": "list", "data": items, "model": body["model"], "usage": usage}


def _content(item: JsonObject) -> JsonObject:
    content = item["content"]
    parts = as_objects(content["parts"]) if isinstance(content, dict) else []
    text = "".join(str(part["text"]) for part in parts)
    return {"values": list(_vector(text, item.get("outputDimensionality")))}


def _predictions(body: JsonObject) -> list[JsonValue]:
    parameters = body.get("parameters")
    wanted = parameters.get("outputDimensionality") if isinstance(parameters, dict) else None
    vectors = [_vector(str(item["content"]), wanted) for item in as_objects(body["instances"])]
    return [{"embeddings": {"values": list(vector), "statistics": {"token_count": 4}}} for vector in vectors]


def _texts(given: JsonValue) -> list[str]:
    return [str(text) for text in given] if isinstance(given, list) else [str(given)]


def _vector(text: str, dimensions: JsonValue) -> list[JsonValue]:
    """Return a vector in which each word of a text counts at a place of its own, as far as there are enough."""
    length = dimensions if isinstance(dimensions, int) else DIMENSIONS
    vector = [0.0] * length
    for word in re.findall(r"\w+", text.lower()):
        vector[crc32(word.encode()) % length] += 0.25
    return list(vector)
