"""Which recorded embedding speaks for which installed provider, and what its own client had asked for.

Every exchange that embeds has a provider here, or a reason why not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from core_llm_conformance.corpus import CASSETTE, RESPONSE_ONLY, Corpus, Recording
from core_llm_conformance.walk import walk_gemini
from core_llm_conformance.walk.embeddings import ExpectedEmbeddings, walk_embeddings
from core_llm_conformance.walk.json_values import JsonObject, as_object, as_objects
from core_llm_conformance.wires import AZURE, VERTEX, Speaker

EMBEDS = r"/(embed|embeddings)$|:(batchEmbedContents|embedContent|predict)$|/model/[^/]*embed[^/]*/invoke$"
"""What the path of such an exchange ends with."""
SPEAKERS: dict[str, Speaker] = {
    r"api\.openai\.com/v1/embeddings": Speaker("openai"),
    r"azure\.com/.*/embeddings": Speaker("azure", base_url=AZURE),
    r"openrouter\.ai/api/v1/embeddings": Speaker("openrouter"),
    r"generativelanguage\.googleapis\.com/.*": Speaker("gemini"),
    r"aiplatform\.googleapis\.com/.*": Speaker("vertex", options=VERTEX),
    r"/api/embed": Speaker("ollama"),
    r"services\.ai\.azure\.com/.*": Speaker("azure", base_url=AZURE),
    r"(?<!cohere\.com)/(api/)?v1/embeddings": Speaker("openai-compatible", base_url="https://recorded.test/v1"),
}
"""How host and path end → who understands the answer; the first that fits."""
NOT_SPOKEN = {
    r"api\.cohere\.com/v\d/embed": "Cohere's own wire, which no provider of ours speaks",
    r"/api/embeddings": "Ollama's endpoint of before 2024, which takes one text; ours is /api/embed",
    r"amazonaws\.com/.*/invoke": "Bedrock, which no provider of ours speaks",
}
DEFAULT_ENCODINGS = {"api.perplexity.ai": "base64_int8"}
"""Host → how it encodes vectors unless told; nothing in its answers says so, thus our caller has to ask for it."""

GOOGLES = ("gemini", "vertex")
"""Providers whose errors have codes of their own."""


@dataclass(frozen=True, slots=True)
class EmbeddingCase:
    """A recorded embedding, and who has to understand it."""

    recording: Recording
    speaker: Speaker

    @property
    def test_id(self) -> str:
        """A short name for a parametrised test, unique in the corpus."""
        return self.recording.test_id

    @property
    def encoding(self) -> str | None:
        """How vectors were asked for, None for numbers."""
        asked = _asked(self.recording).get("encoding_format")
        host = urlsplit(self.recording.url).hostname or ""
        return asked if isinstance(asked, str) and asked != "float" else DEFAULT_ENCODINGS.get(host)

    @property
    def dimensions(self) -> int | None:
        """How many dimensions were asked for."""
        asked = _asked(self.recording)
        first = next(iter(as_objects(asked.get("requests"))), {})
        names = ("outputDimensionality", "output_dimensionality")
        found = asked.get("dimensions") or next((first[name] for name in names if name in first), None)
        return found if isinstance(found, int) else None

    @property
    def texts(self) -> list[str]:
        """As many texts as were embedded: what they said does not matter to who reads the answer."""
        asked = _asked(self.recording)
        given = asked.get("input", asked.get("requests", asked.get("instances")))
        if isinstance(given, list) and not all(isinstance(item, int) for item in given):
            return ["text"] * len(given)
        return ["text"] * max(1, len(self.expected().vectors) if given is None else 1)

    def expected(self) -> ExpectedEmbeddings:
        """Return what the recording holds."""
        body, status = self.recording.body, self.recording.status
        found = walk_embeddings(body, status=status, encoding=self.encoding)
        if found.error is not None and self.speaker.provider in GOOGLES:
            return replace(found, error=walk_gemini(body, status=status).error)
        return found


def embedding_cases(corpus: Corpus) -> Iterator[EmbeddingCase]:
    """Yield every recorded embedding that a provider of ours has to understand.

    Raises:
        LookupError: One has neither a provider nor a reason.
    """
    for recording in corpus.recordings(formats=(CASSETTE, *RESPONSE_ONLY)):
        if recording.method != "POST" or not re.search(EMBEDS, recording.path):
            continue
        where = f"{urlsplit(recording.url).hostname}{recording.path}"
        if any(re.search(f"{pattern}$", where) for pattern in NOT_SPOKEN):
            continue
        speaker = next((found for pattern, found in SPEAKERS.items() if re.search(f"{pattern}$", where)), None)
        if speaker is None:
            msg = f"{recording.test_id}: nobody embeds for {where}"
            raise LookupError(msg)
        yield EmbeddingCase(recording, speaker)


def _asked(recording: Recording) -> JsonObject:
    return as_object(json.loads(recording.request_body)) if recording.request_body else {}
