"""What an answer is when a value was asked for: the value, words to the model that correct it, or an error."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core_llm._messages import Message, ToolCallPart, ToolResultPart
from core_llm._output.modes import OUTPUT_TOOL
from core_llm._output.task import Mistakes, OutputTask, plain
from core_llm._output_errors import InvalidOutputError, OutputCutError, OutputError, OutputRefusedError
from core_llm._response import Response

OTHER_CALL = "Not executed: the output has to be right first."
_NUMBER = re.compile(r"\s*-?[0-9][0-9.eE+-]*")
"""A number that is the whole text, and may go on."""


@dataclass(frozen=True, slots=True)
class Value:
    """The value, checked."""

    output: object


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an answer."""

    error: InvalidOutputError


@dataclass(frozen=True, slots=True)
class Calls:
    """The model calls tools instead, which a run executes and a single call does not."""


Verdict = Value | Wrong | Calls


def judge(task: OutputTask, response: Response, *, tries: int = 1) -> Verdict:
    """Return what an answer is.

    Args:
        task: What was asked for.
        response: The whole answer.
        tries: How many answers there were, for the error.

    Raises:
        OutputRefusedError: The model declined, or a filter stopped it.
        OutputCutError: The limit on tokens cut it off.
    """
    text, is_call = said(response)
    if response.refusal is not None or response.finish_reason == "content_filter":
        why = response.refusal or "a filter stopped the answer"
        raise OutputRefusedError(f"the model gave no {task.schema.name}: {why}", response=response, text=text)
    if not is_call and response.finish_reason == "tool_calls":
        return Calls()
    if response.finish_reason == "length" and _NUMBER.fullmatch(text):  # the half of a number is one too
        raise _cut(response, text)
    try:
        return Value(task.parse(text, is_exact=is_call))
    except Mistakes as mistakes:
        if response.finish_reason == "length":
            raise _cut(response, text) from None
        return Wrong(_invalid(task, response, text, mistakes.found, tries))


def said(response: Response) -> tuple[str, bool]:
    """Return the text that should hold the value, and whether it is the arguments of a call."""
    for part in response.parts:
        if isinstance(part, ToolCallPart) and part.name == OUTPUT_TOOL:
            return (part.raw_arguments if part.arguments is None else plain(part.arguments)), True
    return response.text, False


def correction(wrong: Wrong) -> list[Message]:
    """Return what follows an answer that does not fit: the answer, and to the model what is wrong with it."""
    response = wrong.error.response
    told = explained(wrong.error.mistakes)
    answer = response.message
    results = [
        ToolResultPart(
            tool_call_id=call.id,
            name=call.name,
            content=told if call.name == OUTPUT_TOOL else OTHER_CALL,
            is_error=True,
        )
        for call in answer.tool_calls
    ]
    if results:
        return [answer, Message.tool(*results)]
    return [answer, Message.user(told)] if answer.parts else [Message.user(told)]


def explained(mistakes: tuple[str, ...]) -> str:
    """Return mistakes as words to the model."""
    lines = "\n".join(f"- {mistake}" for mistake in mistakes)
    return f"The answer does not fit what was asked for. Correct this and answer again:\n{lines}"


def no_output(response: Response) -> OutputError:
    """Return the error for an answer that calls tools where nobody runs them."""
    names = ", ".join(call.name for call in response.tool_calls) or "a tool whose call is not complete"
    msg = f"the model called {names} in place of an answer; .response has the calls, and client.run(...) executes them"
    return OutputError(msg, response=response, text=response.text)


def _cut(response: Response, text: str) -> OutputCutError:
    msg = "the limit on tokens cut the answer off before it was whole; raise max_tokens"
    return OutputCutError(msg, response=response, text=text)


def _invalid(
    task: OutputTask, response: Response, text: str, mistakes: tuple[str, ...], tries: int
) -> InvalidOutputError:
    answers = "the answer" if tries == 1 else f"the answer, after {tries - 1} correction{'s' * (tries > 2)},"  # noqa: PLR2004  # plural
    msg = f"{answers} is no {task.schema.name}: {'; '.join(mistakes)}"
    return InvalidOutputError(msg, response=response, text=text, mistakes=mistakes, tries=tries)
