"""The small objects inside Chat Completions answers, read into values: log probabilities, sources, pictures, models.

Every reader takes any JSON and skips what is not of the shape it knows.
"""

from __future__ import annotations

from base64 import b64decode

from core_llm._json import JSONObject, JSONValue
from core_llm._messages import Citation, FilePart, TokenLogprob
from core_llm.wire.base import ModelInfo
from core_llm.wire.guards import as_objects, as_text
from core_llm.wire.usage import first_count

_CONTEXT_PATHS = (
    "context_length",  # OpenRouter, Together, Fireworks
    "context_window",  # Groq
    "max_model_len",  # vLLM
    "max_context_length",  # Mistral, LM Studio
    "meta.n_ctx",  # llama.cpp, as it was started
    "meta.n_ctx_train",
)
_OUTPUT_PATHS = ("max_output_tokens", "max_completion_tokens", "top_provider.max_completion_tokens")


def read_logprobs(value: JSONValue) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of the answer's text; those of a refusal or of reasoning have no place in a part."""
    if not isinstance(value, dict):
        return ()
    tokens = []
    for item in as_objects(value.get("content")):
        pair = _token(item)
        if pair is not None:
            rivals = (_token(rival) for rival in as_objects(item.get("top_logprobs")))
            top = tuple(rival for rival in rivals if rival is not None)
            tokens.append(TokenLogprob(token=pair[0], logprob=pair[1], top=top))
    return tuple(tokens)


def read_annotation(value: JSONValue) -> Citation | None:
    """Return the source that an annotation names, or None if it is something else."""
    if not isinstance(value, dict) or value.get("type") != "url_citation":
        return None
    inner = value.get("url_citation")
    source = inner if isinstance(inner, dict) else value
    return Citation(
        url=as_text(source.get("url")) or None,
        title=as_text(source.get("title")) or None,
        cited_text=as_text(source.get("content")) or None,
        start=first_count(source, ("start_index",)),
        end=first_count(source, ("end_index",)),
        raw=value,
    )


def read_sources(search_results: JSONValue, citations: JSONValue) -> list[Citation]:
    """Return the sources that stand beside an answer: objects with a title if there are any, else bare addresses.

    Perplexity sends both, of the same pages in the same order; xAI sends addresses.
    """
    found = as_objects(search_results) or as_objects(citations)
    sources = [
        Citation(url=as_text(item.get("url")) or None, title=as_text(item.get("title")) or None, raw=item)
        for item in found
    ]
    if sources or not isinstance(citations, list):
        return sources
    return [Citation(url=url) for url in citations if isinstance(url, str) and url]


def read_image(value: JSONValue) -> FilePart | None:
    """Return the picture of an ``image_url`` object, or None if there is none in it."""
    image = value.get("image_url") if isinstance(value, dict) else None
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        return None
    if not url.startswith("data:"):
        return FilePart.from_url(url)
    head, _, data = url.removeprefix("data:").partition(",")
    return FilePart(media_type=head.partition(";")[0] or "image/png", data=b64decode(data))


def read_model(value: JSONObject) -> ModelInfo | None:
    """Return what a model listing says of one model, or None if it has no id."""
    model_id = as_text(value.get("id")) or as_text(value.get("name"))
    if not model_id:
        return None
    return ModelInfo(
        id=model_id,
        name=as_text(value.get("display_name")) or as_text(value.get("name")) or None,
        owned_by=as_text(value.get("owned_by")) or None,
        created=first_count(value, ("created",)) or None,
        context_length=first_count(value, _CONTEXT_PATHS),
        max_output_tokens=first_count(value, _OUTPUT_PATHS),
        raw=value,
    )


def _token(item: JSONObject) -> tuple[str, float] | None:
    token, logprob = item.get("token"), item.get("logprob")
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return token, float(logprob)
