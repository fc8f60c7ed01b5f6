"""What Zenith's servers answer: lines of JSON, one by one or in a list."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from core_llm_conformance.documented import usual
from core_llm_conformance.documented.said import Failed, JsonObject, Said
from core_llm_conformance.documented.usual import MODELS, VECTORS
from core_llm_conformance.walk.expected import Expected

ID = "answer-1"
MODEL = "zenith-1"
REASONS = {"stop": "done", "length": "full", "tool_calls": "tools", "content_filter": "declined"}
JSON_TYPE = {"content-type": "application/json"}
STREAM_TYPE = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Twice(Said):
    """An answer in which the model thinks twice; what it said `first` goes before."""

    first: Said = field(default_factory=Said)

    def expected(self, *, raw: str | None = None, answer_id: str | None = None, model: str | None = None) -> Expected:
        """Return what a plugin has to make of both together."""
        last = Said.expected(self, raw=raw, answer_id=answer_id, model=model)
        return replace(last, text=self.first.text + self.text, reasoning=self.first.reasoning + self.reasoning)


_CALLING, _RAIN = usual.ANSWERS["reasoning_replay"]
_FIRST = Said("Let me see. ", reasoning="An umbrella is for rain. ", seal="c2VhbC0z+/w=")
_THINKING_TWICE = Twice(
    calls=_CALLING.calls,
    finish=_CALLING.finish,
    reasoning=_CALLING.reasoning,
    seal=_CALLING.seal,
    counts=_CALLING.counts,
    thought=_CALLING.thought,
    first=_FIRST,
)
ANSWERS = {**usual.ANSWERS, "reasoning_replay": (_THINKING_TWICE, _RAIN)}


def plain(said: Said) -> bytes:
    """Return a plain body."""
    return _json({"lines": list(_lines(said))})


def streamed(said: Said) -> bytes:
    """Return the body of a stream."""
    return b"".join(map(_line, _lines(said)))


def error(failed: Failed) -> bytes:
    """Return the body of an error."""
    return _json(_error(failed) if failed.status < 400 else {"error": {"what": failed.type, "words": failed.message}})


def failing_stream(failed: Failed) -> bytes:
    """Return a stream that an error ends."""
    said: list[JsonObject] = [{"line": "say", "words": piece} for piece in Said(failed.after).pieces]
    begun = [_opening(), *said] if said else []
    return b"".join(map(_line, [*begun, _error(failed)]))


def models() -> list[bytes]:
    """Return the listing, a page for each model."""
    pages = []
    for number, name in enumerate(MODELS, start=1):
        following = f"page-{number}" if number < len(MODELS) else None
        pages.append(_json({"engines": [{"id": f"zenith-{name}"}], "next": following}))
    return pages


def embeddings() -> bytes:
    """Return the vectors."""
    return _json({"places": [list(vector) for vector in VECTORS], "count": {"in": 21}})


def token_count() -> bytes:
    """Return the count."""
    return _json({"in": 9})


def _lines(said: Said) -> list[JsonObject]:
    first = _content(said.first) if isinstance(said, Twice) else []
    end: JsonObject = {"line": "close", "why": REASONS[said.finish], "count": _count(said)}
    return [_opening(), *first, *_content(said), end]


def _content(said: Said) -> list[JsonObject]:
    lines: list[JsonObject] = [{"line": "think", "words": piece} for piece in said.thoughts]
    lines += [{"line": "seal", "seal": said.seal}] if said.seal else []
    lines += [{"line": "say", "words": piece} for piece in said.pieces]
    lines += [{"line": "decline", "words": said.refusal}] if said.refusal else []
    lines += [{"line": "cite", "page": {"address": said.source, "name": "The prize"}}] if said.source else []
    for call in said.calls:
        lines.append({"line": "call", "ref": call.id, "tool": call.name})
        lines += [{"line": "input", "ref": call.id, "piece": piece} for piece in call.pieces]
    return lines


def _opening() -> JsonObject:
    return {"line": "open", "answer": ID, "engine": MODEL}


def _count(said: Said) -> JsonObject:
    count: JsonObject = {"in": said.counts[0], "out": said.counts[1]}
    if said.cached is not None:
        count["cached"] = said.cached
    if said.thought is not None:
        count["thought"] = said.thought
    return count


def _error(failed: Failed) -> JsonObject:
    return {"line": "error", "what": failed.type, "words": failed.message}


def _line(value: JsonObject) -> bytes:
    return _json(value) + b"\n"


def _json(value: JsonObject) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
