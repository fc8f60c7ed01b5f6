"""Responses, as its documentation has it (OpenAI API reference, "Responses", checked 2026-11), and hooks for the rest.

A provider's own is a subclass that overrides what a response has beside its items, its usage, and how an error is put.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import count
from struct import pack
from typing import ClassVar

from pydantic import JsonValue

from core_llm import OutputSchema
from core_llm_conformance.documented.bodies import Bodies, Vectors
from core_llm_conformance.documented.chat import CITED, CREATED
from core_llm_conformance.documented.said import FIRST_ERROR, Called, Failed, JsonObject, Said
from core_llm_conformance.documented.usual import MODELS, VECTOR_TOKENS
from core_llm_conformance.recording.descriptions import Reply, json_reply, sse

QUERY = "most recent Nobel Prize in Literature"


class ResponsesBodies(Bodies):
    """Items that begin and end, each event named by its type and numbered."""

    answer_id: ClassVar[str | None] = "resp_1"
    listed: ClassVar[Sequence[str]] = MODELS
    owner: ClassVar[str] = "system"
    embeds_base64: ClassVar[bool] = False

    @property
    def served(self) -> str:
        """The model as the answer names it."""
        return self.model

    def beside(self, status: str) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return what a response has beside its head, its items and its usage."""
        return {}

    def item_status(self, item: JsonObject) -> JsonObject:
        """Return the state of an item that is done, as far as its kind has one."""
        return {} if item["type"] == "reasoning" else {"status": "completed"}

    def usage(self, said: Said) -> JsonObject:
        """Return the usage; every figure is told, those that are nothing too."""
        given, made = said.counts
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": said.cached or 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": said.thought or 0},
            "total_tokens": given + made,
        }

    def error_object(self, failed: Failed) -> JsonObject:
        """Return an error as a body."""
        error: JsonObject = {"message": failed.message, "type": failed.type, "param": failed.param, "code": failed.code}
        return {"error": error}

    def model_entry(self, model: str) -> JsonObject:
        """Return one model of a listing."""
        return {"id": model, "object": "model", "created": CREATED, "owned_by": self.owner}

    def items(self, said: Said) -> list[JsonObject]:
        """Return the items of an answer, whole."""
        found: list[JsonObject] = []
        if said.reasoning or said.seal:
            found.append(self.thought(said))
        if said.source:
            action: JsonObject = {"type": "search", "query": QUERY}
            found.append({"type": "web_search_call", "id": "ws_1", "action": action})
        found += [self.call(number, call) for number, call in enumerate(said.calls, start=1)]
        if said.text or said.refusal:
            found.append({"type": "message", "id": "msg_1", "role": "assistant", "content": [self.content(said)]})
        return [{**item, **self.item_status(item)} for item in found]

    def thought(self, said: Said) -> JsonObject:
        """Return the item of reasoning."""
        texts: list[JsonValue] = [{"type": "summary_text", "text": said.reasoning}] if said.reasoning else []
        sealed: JsonObject = {"encrypted_content": said.seal} if said.seal else {}
        return {"type": "reasoning", "id": "rs_1", "summary": texts, **sealed}

    def call(self, number: int, call: Called) -> JsonObject:
        """Return the item of a tool call."""
        told: JsonObject = {"call_id": call.id, "name": call.name, "arguments": call.arguments or "{}"}
        return {"type": "function_call", "id": f"fc_{number}", **told}

    def content(self, said: Said) -> JsonObject:
        """Return the content of a message."""
        if said.refusal:
            return {"type": "refusal", "refusal": said.refusal}
        sources: list[JsonValue] = [self.annotation(said)] if said.source else []
        return {"type": "output_text", "text": said.text, "annotations": sources, "logprobs": []}

    def bare(self, item: JsonObject) -> JsonObject:
        """Return an item as it is when it begins."""
        state: JsonObject = {} if "status" not in item else {"status": "in_progress"}
        match item["type"]:
            case "function_call":
                return {**item, **state, "arguments": ""}
            case "message":
                return {**item, **state, "content": []}
            case "reasoning":
                return {**item, **state, "summary": []}
        return {name: value for name, value in {**item, **state}.items() if name != "action"}

    def annotation(self, said: Said) -> JsonObject:
        """Return the source that a text relies on."""
        place: JsonObject = {"start_index": 0, "end_index": len(said.text)}
        return {"type": "url_citation", "url": said.source, "title": CITED, **place}

    def pad(self, piece: str) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return what a delta has beside it to hide its length."""
        return {}

    def plain(self, said: Said, turn: int) -> Reply:
        """Return a plain answer."""
        return json_reply(self.response(said, self.status(said), turn))

    def streamed(self, said: Said, turn: int) -> Reply:
        """Return a stream."""
        return _numbered(self._events(said, turn))

    def response(self, said: Said, status: str, turn: int) -> JsonObject:  # noqa: ARG002  # for overriding
        """Return a response: ``in_progress`` without items, or with them when it is done."""
        is_done = status != "in_progress"
        why: JsonObject | None = {"reason": "max_output_tokens"} if status == "incomplete" else None
        items: list[JsonValue] = list(self.items(said)) if is_done else []
        return {
            "id": self.answer_id,
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": None,
            "incomplete_details": why,
            "model": self.served,
            "output": items,
            "parallel_tool_calls": True,
            "text": {"format": self.format()},
            "tools": self.tools(),
            **self.beside(status),
            **({"usage": self.usage(said)} if is_done else {"usage": None}),
        }

    def status(self, said: Said) -> str:
        """Return the status of a response that is done."""
        return "incomplete" if said.finish == "length" else "completed"

    def format(self) -> JsonObject:
        """Return the format that was asked for, as the answer says it again."""
        output = self.options.get("output")
        if isinstance(output, OutputSchema):
            schema: JsonObject = {"name": output.name, "schema": output.json_schema, "strict": output.is_strict}
            return {"type": "json_schema", "description": output.description, **schema}
        return {"type": "text" if output is None else "json_object"}

    def tools(self) -> list[JsonValue]:
        """Return the tools that were offered, as the answer says them again."""
        return [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,
            }
            for tool in self.options.get("tools") or ()
            if hasattr(tool, "parameters")
        ]

    def error(self, failed: Failed) -> Reply:
        """Return an error at the front door, or a response that failed, whose status is good."""
        if failed.status >= FIRST_ERROR:
            return json_reply(self.error_object(failed), status=failed.status)
        return json_reply(self.failed(failed))

    def broken_off(self, failed: Failed) -> Reply:
        """Return a stream that an error ends, or that is nothing but one."""
        if failed.status >= FIRST_ERROR:
            return self.error(failed)
        said = Said(failed.after)
        begun = [*self._beginning(said, 0), *self._begun(0, self.items(said)[0])] if failed.after else []
        return _numbered(iter([*begun, *self.failures(failed)]))

    def failures(self, failed: Failed) -> list[JsonObject]:
        """Return the events by which a stream fails: the error as a body has it, then the response that failed."""
        return [
            {"type": "error", **self.error_object(failed)},
            {"type": "response.failed", "response": self.failed(failed)},
        ]

    def failed(self, failed: Failed) -> JsonObject:
        """Return a response that failed."""
        error: JsonObject = {"code": failed.code, "message": failed.message}
        return {**self.response(Said(), "failed", 0), "error": error, "usage": None}

    def models(self) -> Sequence[Reply]:
        """Return the listing, all on one page."""
        return [json_reply({"object": "list", "data": [self.model_entry(model) for model in self.listed]})]

    def embeddings(self, vectors: Vectors) -> Reply:
        """Return vectors."""
        data: list[JsonValue] = [
            {"object": "embedding", "index": index, "embedding": self._vector(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage: JsonObject = {"prompt_tokens": VECTOR_TOKENS, "total_tokens": VECTOR_TOKENS}
        return json_reply({"object": "list", "data": data, "model": self.model, "usage": usage})

    def token_count(self, tokens: int) -> Reply:
        """Return a count of tokens."""
        return json_reply({"object": "response.input_tokens", "input_tokens": tokens})

    def expected(self, said: Said) -> JsonObject:
        """Return what a plugin has to make of an answer."""
        usage: JsonObject = {
            "input_tokens": said.counts[0],
            "output_tokens": said.counts[1],
            "cache_read_tokens": said.cached or 0,
            "reasoning_tokens": said.thought or 0,
        }
        calls: list[JsonValue] = [{"id": call.id, "name": call.name, "arguments": call.parsed} for call in said.calls]
        return {
            "text": said.text,
            "reasoning": said.reasoning,
            "tool_calls": calls,
            "refusal": said.refusal or None,
            "finish_reason": said.finish,
            "usage": usage,
            "is_complete": True,
            "id": self.answer_id,
            "model": self.served,
        }

    def expected_error(self, failed: Failed) -> JsonObject:
        """Return what a plugin has to make of an error."""
        error: JsonObject = {"kind": "provider", "message": failed.message, "type": failed.type, "code": failed.code}
        if failed.status >= FIRST_ERROR:
            error["status"] = failed.status
        return {"text": failed.after, "error": error}

    def _events(self, said: Said, turn: int) -> Iterator[JsonObject]:
        yield from self._beginning(said, turn)
        for index, item in enumerate(self.items(said)):
            yield from self._item(index, item)
        status = self.status(said)
        yield {"type": f"response.{status}", "response": self.response(said, status, turn)}

    def _beginning(self, said: Said, turn: int) -> Iterator[JsonObject]:
        for name in ("created", "in_progress"):
            yield {"type": f"response.{name}", "response": self.response(said, "in_progress", turn)}

    def _item(self, index: int, item: JsonObject) -> Iterator[JsonObject]:
        yield from self._begun(index, item)
        at: JsonObject = {"item_id": item["id"], "output_index": index}
        match item["type"]:
            case "function_call":
                yield {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]}
            case "message":
                yield from self._content_done(at, _only(item["content"]))
            case "reasoning" if item["summary"]:
                place: JsonObject = {**at, "summary_index": 0}
                part = _only(item["summary"])
                yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
                yield {"type": "response.reasoning_summary_part.done", **place, "part": part}
            case "web_search_call":
                yield from ({"type": f"response.web_search_call.{s}", **at} for s in ("searching", "completed"))
        yield {"type": "response.output_item.done", "output_index": index, "item": item}

    def _begun(self, index: int, item: JsonObject) -> Iterator[JsonObject]:
        """Yield what an item begins with, and its deltas."""
        at: JsonObject = {"item_id": item["id"], "output_index": index}
        kind = item["type"]
        yield {"type": "response.output_item.added", "output_index": index, "item": self.bare(item)}
        match kind:
            case "function_call":
                pieces = Called("", "", str(item["arguments"])).pieces
                name = "response.function_call_arguments.delta"
                yield from ({"type": name, **at, "delta": piece, **self.pad(piece)} for piece in pieces)
            case "message":
                yield from self._content_begun(at, _only(item["content"]))
            case "reasoning" if item["summary"]:
                place: JsonObject = {**at, "summary_index": 0}
                part = _only(item["summary"])
                yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
                name = "response.reasoning_summary_text.delta"
                thoughts = Said(reasoning=str(part["text"])).thoughts
                yield from ({"type": name, **place, "delta": piece, **self.pad(piece)} for piece in thoughts)
            case "web_search_call":
                yield {"type": "response.web_search_call.in_progress", **at}

    def _content_begun(self, at: JsonObject, content: JsonObject) -> Iterator[JsonObject]:
        place: JsonObject = {**at, "content_index": 0}
        if content["type"] == "refusal":
            yield {"type": "response.content_part.added", **place, "part": {**content, "refusal": ""}}
            pieces = Said(refusal=str(content["refusal"])).refusals
            yield from ({"type": "response.refusal.delta", **place, "delta": piece} for piece in pieces)
            return
        empty: JsonObject = {"text": "", "annotations": []}
        yield {"type": "response.content_part.added", **place, "part": {**content, **empty}}
        name = "response.output_text.delta"
        pieces = Said(str(content["text"])).pieces
        yield from ({"type": name, **place, "delta": piece, "logprobs": [], **self.pad(piece)} for piece in pieces)
        annotations = content["annotations"]
        for number, annotation in enumerate(annotations if isinstance(annotations, list) else ()):
            name = "response.output_text.annotation.added"
            yield {"type": name, **place, "annotation_index": number, "annotation": annotation}

    def _content_done(self, at: JsonObject, content: JsonObject) -> Iterator[JsonObject]:
        place: JsonObject = {**at, "content_index": 0}
        if content["type"] == "refusal":
            yield {"type": "response.refusal.done", **place, "refusal": content["refusal"]}
        else:
            yield {"type": "response.output_text.done", **place, "text": content["text"], "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": content}

    def _vector(self, vector: Sequence[float]) -> JsonValue:
        if not self.embeds_base64:
            return list(vector)
        return b64encode(pack(f"<{len(vector)}f", *vector)).decode()


def _numbered(events: Iterator[JsonObject]) -> Reply:
    numbers = count()
    return sse(*({**event, "sequence_number": next(numbers)} for event in events), named_by="type")


def _only(value: JsonValue) -> JsonObject:
    assert isinstance(value, list)
    assert isinstance(value[0], dict)
    return value[0]
