"""What tests share: composed frames of `streamGenerateContent`, and what the decoder makes of them."""

from __future__ import annotations

from pydantic_core import to_json

from core_llm import Message, Request, Response, StreamEvent
from core_llm.wire import Decoder, Frame, JSONObject, JSONValue, as_objects, response_from
from plugin_gemini import Gemini

USAGE: JSONObject = {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6}


def request(*messages: Message, model: str = "gemini-2.5-flash", **fields: object) -> Request:
    """Return a request; a greeting if no message is given."""
    return Request.model_validate({"model": model, "messages": messages or (Message.user("Hi"),), **fields})


def encoded(asked: Request) -> JSONObject:
    """Return the body that a request becomes on the Gemini API."""
    body = Gemini().wire(asked.model).encode_request(asked).body
    assert isinstance(body, dict)
    return body


def contents(asked: Request) -> list[JSONObject]:
    """Return the contents that a request becomes."""
    return as_objects(encoded(asked)["contents"])


def chunk(
    *parts: JSONObject,
    finish: str | None = None,
    usage: JSONObject | None = None,
    candidate: JSONObject | None = None,
    **top: JSONValue,
) -> JSONObject:
    """Return one frame's object as the API sends it.

    Args:
        parts: Of the first candidate's content.
        finish: Its finish reason.
        usage: What is counted; left out if None.
        candidate: More fields of the candidate.
        top: More fields of the frame.
    """
    first: JSONObject = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **(candidate or {})}
    if finish:
        first["finishReason"] = finish
    counts: JSONObject = {"usageMetadata": usage} if usage is not None else {}
    return {"candidates": [first], **counts, "modelVersion": "gemini-2.5-flash", "responseId": "r1", **top}


def decoded(*chunks: JSONObject) -> tuple[list[StreamEvent], Decoder]:
    """Feed frames to a decoder, close it, and return all events and the decoder."""
    decoder = Gemini().wire("m").decoder(request())
    events = [event for item in chunks for event in decoder.feed(Frame(to_json(item)))]
    events += decoder.close()
    return events, decoder


def streamed(*chunks: JSONObject) -> Response:
    """Return the response that frames make."""
    events, decoder = decoded(*chunks)
    return response_from(decoder, events)


def plain(body: JSONObject) -> Response:
    """Return the response that a plain body makes."""
    return Gemini().wire("m").decode_response(body, request())
