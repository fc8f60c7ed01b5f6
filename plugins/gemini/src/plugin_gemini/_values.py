"""The small objects inside Gemini's answers, read into values: sources, log probabilities, files, models.

Every reader takes any JSON and skips what is not of the shape it knows.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64decode

from core_llm import Citation, FilePart, TokenLogprob
from core_llm.wire import JSONObject, JSONValue, ModelInfo, as_object, as_objects, as_text


def as_count(value: JSONValue) -> int | None:
    """Return `value` as a number of something, if it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_sources(candidate: JSONObject) -> list[Citation]:
    """Return what a candidate's text relies on: pages and documents it was grounded in, and what it recites.

    Positions count bytes of UTF-8 over the whole text of the answer, as the API does.
    """
    recited = as_object(candidate.get("citationMetadata"))
    sources = as_objects(recited.get("citationSources")) or as_objects(recited.get("citations"))  # Vertex AI's word
    return _grounded(as_object(candidate.get("groundingMetadata"))) + [
        Citation(
            url=as_text(source.get("uri")) or None,
            title=as_text(source.get("title")) or None,
            start=as_count(source.get("startIndex")) or 0,
            end=as_count(source.get("endIndex")),
            raw=source,
        )
        for source in sources
    ]


def _grounded(metadata: JSONObject) -> list[Citation]:
    """Return a citation for each pair of a stretch of text and a source, and one for each source without a stretch."""
    chunks = as_objects(metadata.get("groundingChunks"))
    unused = dict(enumerate(chunks))
    citations = []
    for support in as_objects(metadata.get("groundingSupports")):
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            if isinstance(index, int) and 0 <= index < len(chunks):
                unused.pop(index, None)
                citations.append(_citation(chunks[index], support))
    return citations + [_citation(chunk, None) for chunk in unused.values()]


def _citation(chunk: JSONObject, support: JSONObject | None) -> Citation:
    source = next((value for value in chunk.values() if isinstance(value, dict)), {})
    segment = as_object(support.get("segment")) if support else {}
    return Citation(
        url=as_text(source.get("uri")) or None,
        title=as_text(source.get("title")) or None,
        cited_text=as_text(source.get("text")) or None,
        start=as_count(segment.get("startIndex")) or 0 if support else None,  # 0 is not sent
        end=as_count(segment.get("endIndex")),
        raw={"groundingChunk": chunk, "groundingSupport": support} if support else {"groundingChunk": chunk},
    )


def read_logprobs(value: JSONValue) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of the tokens that were chosen, each with its rivals."""
    result = as_object(value)
    chosen = as_objects(result.get("chosenCandidates"))
    rivals = [as_objects(step.get("candidates")) for step in as_objects(result.get("topCandidates"))]
    rivals += [[]] * (len(chosen) - len(rivals))
    tokens = []
    for item, others in zip(chosen, rivals, strict=False):
        pair = _token(item)
        if pair is not None:
            top = tuple(rival for other in others if (rival := _token(other)) is not None)
            tokens.append(TokenLogprob(token=pair[0], logprob=pair[1], top=top))
    return tuple(tokens)


def _token(item: JSONObject) -> tuple[str, float] | None:
    token, logprob = item.get("token"), item.get("logProbability", 0)
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return token, float(logprob)


def read_file(part: JSONObject, state: dict[str, JSONValue]) -> FilePart | None:
    """Return the file that a part is, by its bytes or its address; None if it is none."""
    inline, referred = as_object(part.get("inlineData")), as_object(part.get("fileData"))
    media_type = as_text(inline.get("mimeType")) or as_text(referred.get("mimeType")) or "application/octet-stream"
    if data := as_text(inline.get("data")):
        return FilePart(media_type=media_type, data=_bytes(data), provider_state=state)
    if uri := as_text(referred.get("fileUri")):
        return FilePart(media_type=media_type, url=uri, provider_state=state)
    return None


def _bytes(encoded: str) -> bytes:
    """Return what base64 stands for, in either alphabet: JSON of protocol buffers may use both."""
    padded = encoded + "=" * (-len(encoded) % 4)
    return urlsafe_b64decode(padded) if "-" in encoded or "_" in encoded else b64decode(padded)


def read_model(value: JSONObject) -> ModelInfo | None:
    """Return what a model listing says of one model, or None if it has no name."""
    name = as_text(value.get("name"))
    if not name:
        return None
    return ModelInfo(
        id=name.rpartition("models/")[2],
        name=as_text(value.get("displayName")) or None,
        owned_by=name.split("/")[1] if name.startswith("publishers/") else None,
        context_length=as_count(value.get("inputTokenLimit")),
        max_output_tokens=as_count(value.get("outputTokenLimit")),
        raw=value,
    )
