"""What a handler returned, as the result that goes to the model (text, JSON, parts), and what a failure says to it."""

from __future__ import annotations

from collections.abc import Sequence

import pydantic_core

from core_llm._errors import CoreLLMError, RedactedCause
from core_llm._messages import FilePart, TextPart, ToolCallPart, ToolResultPart
from core_llm._tool_errors import ToolExecutionError

MAX_RESULT = 1_000_000
"""Characters of text, or bytes of JSON, that a result may have. More is told to the model as a failure."""

ResultContent = str | tuple[TextPart | FilePart, ...]


def result_of(call: ToolCallPart, returned: object) -> ToolResultPart:
    """Return the result of a call.

    Args:
        call: The call that is answered.
        returned: A text; a text or file part, or several; a whole `ToolResultPart`; anything else becomes JSON.

    Raises:
        ToolExecutionError: It has no JSON form, or is too large.
    """
    if isinstance(returned, ToolResultPart):
        return returned.model_copy(update={"tool_call_id": call.id, "name": call.name})
    return ToolResultPart(tool_call_id=call.id, name=call.name, content=_content(call, returned))


def failure_of(call: ToolCallPart, message: str) -> ToolResultPart:
    """Return the result that tells the model that a call failed."""
    return ToolResultPart(tool_call_id=call.id, name=call.name, content=message, is_error=True)


def told(error: BaseException) -> str:
    """Return what the model, or a reader of the log, is told of an exception; redacted."""
    if isinstance(error, CoreLLMError):
        return error.message
    return str(RedactedCause.of(error))


def _content(call: ToolCallPart, returned: object) -> ResultContent:
    if isinstance(returned, str):
        return _bounded(call, returned)
    if isinstance(returned, TextPart | FilePart):
        return (returned,)
    if isinstance(returned, Sequence) and returned and all(isinstance(item, TextPart | FilePart) for item in returned):
        return tuple(returned)
    try:
        text = pydantic_core.to_json(returned, inf_nan_mode="strings").decode()
    except (pydantic_core.PydanticSerializationError, ValueError) as error:
        raise ToolExecutionError(
            f"the tool {call.name!r} returned a {type(returned).__name__} that has no JSON form ({error}); "
            f"return text, JSON values, a pydantic model or dataclass, or parts",
            tool=call.name,
            call_id=call.id,
        ) from None
    return _bounded(call, text)


def _bounded(call: ToolCallPart, text: str) -> str:
    if len(text) > MAX_RESULT:
        raise ToolExecutionError(
            f"the tool {call.name!r} returned {len(text)} characters; at most {MAX_RESULT} are passed on. Ask for less",
            tool=call.name,
            call_id=call.id,
        )
    return text
