"""Embeddings: `batchEmbedContents` of the Gemini API, `predict` and `embedContent` of Vertex AI.

Here are the bodies; addresses and errors are the wire's, in `_wire`. Source: https://ai.google.dev/api/embeddings and
the Vertex AI reference (checked 2026-11), and recordings of both.
"""

from __future__ import annotations

from core_llm import EmbedRequest, MalformedResponseError, Usage
from core_llm.wire import EmbedAnswer, JSONObject, JSONValue, as_object, as_objects, merged_options, read_vector
from plugin_gemini._values import as_count

MAX_BATCH = 100
"""Texts in one `batchEmbedContents`; beyond, the API says "at most 100 requests can be in one batch"."""
MAX_INSTANCES = 250
"""Texts in one `predict`, of the models before Gemini's."""
MAX_PREDICT_BYTES = 20_000
"""Vertex takes as many tokens in one `predict`, and a token has one byte at least."""
FIELDS = {"dimensions": "outputDimensionality", "input_type": "taskType"}
TASKS = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}
EMBEDDING_2 = "*gemini-embedding-2*"
"""Models that take no task type: what a text is for is written into it."""
FRAME_SHOWN = 500
"""Characters of an offending body that the error keeps."""


def encode_batch(request: EmbedRequest, name: str, knobs: JSONObject) -> JSONObject:
    """Return the body of a `batchEmbedContents`: each text with all that is said of it."""
    return {"requests": [{"model": name, "content": _content(text), **knobs} for text in request.inputs]}


def encode_instances(request: EmbedRequest, knobs: JSONObject) -> JSONObject:
    """Return the body of a `predict`. A text that is too long shall be an error; by default it is cut in silence."""
    task: JSONObject = {"task_type": knobs["taskType"]} if "taskType" in knobs else {}
    parameters: JSONObject = {name: value for name, value in knobs.items() if name != "taskType"}
    return {
        "instances": [{"content": text, **task} for text in request.inputs],
        "parameters": {"autoTruncate": False, **parameters},
    }


def encode_content(request: EmbedRequest, knobs: JSONObject) -> JSONObject:
    """Return the body of an `embedContent`, which takes one text."""
    return {"content": _content(request.inputs[0]), "autoTruncate": False, **knobs}


def merged_into_each(body: JSONObject, options: JSONObject, items: str) -> JSONObject:
    """Return the body with the caller's own fields in each of its `items`; those that the body has itself, in it."""
    own: JSONObject = {name: value for name, value in options.items() if name in body}
    each: JSONObject = {name: value for name, value in options.items() if name not in body}
    listed: list[JSONValue] = [merged_options(item, each) for item in as_objects(body.get(items))]
    return merged_options({**body, items: listed}, own)


def read_contents(body: JSONObject, provider: str, usage: Usage | None) -> EmbedAnswer:
    """Return what the answer to a `batchEmbedContents` or an `embedContent` holds, in the order of the texts.

    Raises:
        MalformedResponseError: It has no vectors.
    """
    found = [body["embedding"]] if "embedding" in body else body.get("embeddings")
    if not isinstance(found, list):
        raise _without(provider, body)
    told: JSONObject = {
        name: value for name, value in body.items() if name not in ("embedding", "embeddings", "usageMetadata")
    }
    vectors = [read_vector(as_object(item).get("values"), provider) for item in found]
    return EmbedAnswer(vectors=vectors, usage=usage, metadata=told)


def read_predictions(body: JSONObject, provider: str) -> EmbedAnswer:
    """Return what the answer to a `predict` holds, in the order of the texts.

    Raises:
        MalformedResponseError: It has no vectors.
    """
    found = body.get("predictions")
    if not isinstance(found, list):
        raise _without(provider, body)
    embeddings = [as_object(as_object(item).get("embeddings")) for item in found]
    statistics: list[JSONValue] = [as_object(item.get("statistics")) for item in embeddings]
    counts = [as_count(as_object(item).get("token_count")) for item in statistics]
    known = [count for count in counts if count is not None]
    is_known = bool(known) and len(known) == len(counts)
    return EmbedAnswer(
        vectors=[read_vector(item.get("values"), provider) for item in embeddings],
        usage=Usage(input_tokens=sum(known), raw={"statistics": statistics}) if is_known else None,
        metadata={name: value for name, value in body.items() if name != "predictions"},
    )


def _content(text: str) -> JSONObject:
    return {"parts": [{"text": text}]}


def _without(provider: str, body: JSONObject) -> MalformedResponseError:
    return MalformedResponseError(f"{provider} answered without any vector", frame=str(body)[:FRAME_SHOWN])
