"""generateContent, as Google's documentation has it (Gemini API reference, "Generating content", checked 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import JsonValue

from core_llm_conformance.documented.bodies import Bodies, Vectors
from core_llm_conformance.documented.said import FIRST_ERROR, Called, Failed, JsonObject, Said, joined
from core_llm_conformance.documented.usual import MODELS
from core_llm_conformance.recording.descriptions import Reply, as_object, json_reply, sse

BITE = 12
"""Characters that a frame has at least."""
CODES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
"""Google's word for an error → the status that it has in HTTP, also where HTTP said that all is well."""


class ContentsBodies(Bodies):
    """Candidates of content; each frame is a whole answer with some of the parts, and the last has the reason.

    A provider's own is a subclass that overrides the methods without an underscore.
    """

    answer_id: ClassVar[str | None] = "answer-1"
    listed: ClassVar[Sequence[str]] = MODELS
    calls_have_ids: ClassVar[bool] = True
    reasons: ClassVar[Mapping[str, str]] = {
        "stop": "STOP",
        "length": "MAX_TOKENS",
        "tool_calls": "STOP",
        "content_filter": "SAFETY",
    }

    def beside(self) -> JsonObject:
        """Return what stands beside the candidates."""
        return {"modelVersion": self.model, "responseId": self.answer_id}

    def candidate(self) -> JsonObject:
        """Return what every candidate has."""
        return {"index": 0}

    def ending(self, said: Said) -> JsonObject:
        """Return what the last frame's candidate has beside its content."""
        ended: JsonObject = {"finishReason": self.reasons[said.finish]}
        if said.finish == "content_filter":
            ended["safetyRatings"] = [
                {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True},
                {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "NEGLIGIBLE"},
            ]
        if said.source:
            ended["groundingMetadata"] = self.grounding(said)
        return ended

    def grounding(self, said: Said) -> JsonObject:
        """Return the source that a text relies on."""
        segment: JsonObject = {"startIndex": 0, "endIndex": len(said.text.encode()), "text": said.text}
        return {
            "searchEntryPoint": {"renderedContent": "<div>Nobel Prize</div>"},
            "groundingChunks": [{"web": {"uri": said.source, "title": "example.com"}}],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
            "webSearchQueries": ["Nobel Prize in Literature"],
        }

    def seal(self, said: Said) -> str:
        """Return the signature of what was thought; empty if there is none."""
        return said.seal

    def usage(self, said: Said) -> JsonObject:
        """Return the usage; what was thought is counted beside what was said."""
        given, made = said.counts
        thought = said.thought or 0
        usage: JsonObject = {"promptTokenCount": given, "candidatesTokenCount": made - thought}
        usage |= {"totalTokenCount": given + made, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": given}]}
        if thought:
            usage["thoughtsTokenCount"] = thought
        if said.cached:
            usage["cachedContentTokenCount"] = said.cached
            usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": said.cached}]
        return usage

    def usage_so_far(self, said: Said, made: int) -> JsonObject:
        """Return the usage of a frame that is not the last: `made` pieces have come."""
        given, most = said.counts
        thought = said.thought or 0
        made = min(made, most - thought)
        return {**self.usage(said), "candidatesTokenCount": made, "totalTokenCount": given + thought + made}

    def plain(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # for overriding
        """Return a plain answer."""
        texts: list[JsonObject] = [{"text": said.text}] if said.text else []
        thoughts: list[JsonObject] = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
        return json_reply(self._frame(self._parts(said, texts, thoughts), said, self.ending(said)))

    def streamed(self, said: Said, turn: int) -> Reply:  # noqa: ARG002  # for overriding
        """Return a stream."""
        texts: list[JsonObject] = [{"text": piece} for piece in joined(said.pieces, BITE)]
        thoughts: list[JsonObject] = [{"text": piece, "thought": True} for piece in joined(said.thoughts, BITE)]
        parts = self._parts(said, texts, thoughts)
        calls = [part for part in parts if "functionCall" in part]  # all in one frame
        *before, last = [*([part] for part in parts if part not in calls), *([calls] if calls else [])] or [[]]
        frames = [self._frame(parts, said, None, number) for number, parts in enumerate(before, start=1)]
        return sse(*frames, self._frame(last, said, self.ending(said)))

    def error(self, failed: Failed) -> Reply:
        """Return an error at the front door."""
        return json_reply(self._error(failed), status=failed.status)

    def broken_off(self, failed: Failed) -> Reply:
        """Return a stream that an error ends."""
        said = Said(failed.after)
        begun = [
            self._frame([{"text": piece}], said, None, number) for number, piece in enumerate(said.pieces, start=1)
        ]
        return sse(*begun, self._error(failed))

    def details(self, failed: Failed) -> Sequence[JsonObject]:  # noqa: ARG002  # for overriding
        """Return what else is said of an error."""
        return ()

    def expected(self, said: Said) -> JsonObject:
        """Return what a plugin has to make of an answer."""
        told = as_object(said.expected(raw=self.reasons[said.finish], answer_id=self.answer_id, model=self.model))
        calls: list[JsonValue] = [
            {"id": call.id if self.calls_have_ids else None, "name": call.name, "arguments": call.parsed}
            for call in said.calls
        ]
        whole: list[JsonValue] = [
            {**call, "arguments_text": "", "is_complete": True} for call in calls if isinstance(call, dict)
        ]
        counts: JsonObject = {"input_tokens": said.counts[0], "output_tokens": said.counts[1]}
        counts |= {"cache_read_tokens": said.cached or None, "reasoning_tokens": said.thought}
        return {**told, "tool_calls": whole, "usage": counts}

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error; the status in its words counts where HTTP has none."""
        code = failed.code or failed.type
        begun = {"answer_id": self.answer_id, "model": self.model} if failed.after else {}
        told = as_object(failed.expected(type_=failed.type, code=code, **begun))
        error: JsonObject = {"kind": "provider", "message": failed.message, "type": failed.type, "code": code}
        error["status"] = failed.status if failed.status >= FIRST_ERROR else CODES[failed.type]
        told.pop("usage")
        return {**told, "error": error}

    def models(self) -> Sequence[Reply]:
        """Return the listing, a page for each model."""
        last = len(self.listed) - 1
        return [
            json_reply({"models": [self.model_entry(model)], **({"nextPageToken": model} if number < last else {})})
            for number, model in enumerate(self.listed)
        ]

    def model_entry(self, model: str) -> JsonObject:
        """Return one model of a listing."""
        return {
            "name": f"models/{model}",
            "version": "001",
            "displayName": model.replace("-", " ").title(),
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }

    def embeddings(self, vectors: Vectors) -> Reply:
        """Return vectors."""
        return json_reply({"embeddings": [{"values": [*vector]} for vector in vectors]})

    def embedded_tokens(self) -> int | None:
        """Return None: nothing is said of the tokens of embeddings."""
        return None

    def token_count(self, tokens: int) -> Reply:
        """Return a count."""
        return json_reply({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})

    def _frame(self, parts: Sequence[JsonValue], said: Said, ending: JsonObject | None, made: int = 0) -> JsonObject:
        """Return a frame, or a plain body; `ending` is None where more follows, and `made` pieces have come."""
        content: JsonObject = {"content": {"parts": [*parts], "role": "model"}} if parts else {}
        candidate: JsonObject = {**content, **self.candidate(), **(ending or {})}
        usage = self.usage(said) if ending is not None else self.usage_so_far(said, made)
        return {"candidates": [candidate], "usageMetadata": usage, **self.beside()}

    def _parts(self, said: Said, texts: list[JsonObject], thoughts: list[JsonObject]) -> list[JsonObject]:
        """Return all parts; the signature is on the first call, or else on what is said last."""
        calls = [self._call(call) for call in said.calls]
        if seal := self.seal(said):
            sealed = (calls or texts[-1:])[:1]
            for part in sealed:
                part["thoughtSignature"] = seal
        return [*thoughts, *texts, *calls]

    def _call(self, call: Called) -> JsonObject:
        named: JsonObject = {"name": call.name, "args": call.parsed}
        return {"functionCall": {**named, "id": call.id} if self.calls_have_ids else named}

    def _error(self, failed: Failed) -> JsonObject:
        code = failed.status if failed.status >= FIRST_ERROR else CODES[failed.type]
        told: JsonObject = {"code": code, "message": failed.message, "status": failed.type}
        details = self.details(failed)
        return {"error": {**told, "details": [*details]} if details else told}
