"""Printers: what becomes of an answer's events on standard output, as text or as JSON."""

from __future__ import annotations

from typing import Protocol, assert_never

from core_llm._errors import CoreLLMError
from core_llm._events import (
    FellBack,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    Resumed,
    Retrying,
    StreamError,
    StreamEvent,
    TextDelta,
    ToolResult,
    ToolStart,
    event_to_dict,
)
from core_llm._messages import ReasoningPart, RefusalPart, TextPart
from core_llm._response import FinishReason, Response
from core_llm.cli._output import Output, say
from core_llm.cli._tools import call_text, result_text


class Printer(Protocol):
    """Shows one answer after the other."""

    def event(self, event: StreamEvent) -> None:
        """Show an event of a streamed answer, at once."""
        ...

    def response(self, response: Response) -> None:
        """Show an answer that came whole."""
        ...

    def failure(self, error: CoreLLMError) -> bool:
        """Show that the answer failed; return False to leave that to whoever reports errors."""
        ...

    def end(self) -> None:
        """Be done with the answer, however it ended."""
        ...


class JSONPrinter:
    """One event a line."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def event(self, event: StreamEvent) -> None:
        """Print the event."""
        self._output.write_json(event_to_dict(event))

    def response(self, response: Response) -> None:
        """Print the event that a stream would have ended with."""
        self.event(Finish(response.finish_reason or "other", response.usage, response))

    def failure(self, error: CoreLLMError) -> bool:
        """Print the failure as an event."""
        self.event(StreamError(error))
        return True

    def end(self) -> None:
        """Do nothing: each event ended its line."""


class TextPrinter:
    """The answer's text, ending with a line break; on a terminal the reasoning too, dimmed, before it.

    Calls of tools and their results are lines on standard error, also where no person looks at the answer.
    """

    def __init__(self, output: Output, *, runs_tools: bool = False) -> None:
        self._output = output
        self._runs_tools = runs_tools
        self._last = "\n"
        self._is_reasoning = False

    def event(self, event: StreamEvent) -> None:
        """Print what the event adds to the text."""
        match event:
            case TextDelta(text=text) | RefusalDelta(text=text):
                self._text(text)
            case ReasoningDelta(text=text):
                self._reasoning(text)
            case Retrying() | FellBack() | Restarted() | Resumed():
                self._note(event)
            case ToolStart(call=call):
                self.end()
                say("tool", call_text(call.name, call.arguments or {}))
            case ToolResult(call=call, result=result):
                self.end()
                say("failed" if result.is_error else "result", f"{call.name}: {result_text(result)}")
            case Finish(finish_reason=reason, response=response):
                self.end()
                _note_end(reason, response, runs_tools=self._runs_tools)
            case _:
                pass

    def response(self, response: Response) -> None:
        """Print the text of the whole answer."""
        for part in response.parts:
            match part:
                case TextPart(text=text) | RefusalPart(text=text):
                    self._text(text)
                case ReasoningPart(text=text):
                    self._reasoning(text)
                case _:
                    pass
        self.end()
        _note_end(response.finish_reason, response, runs_tools=self._runs_tools)

    def failure(self, error: CoreLLMError) -> bool:  # noqa: ARG002  # of the protocol
        """Leave it to standard error."""
        return False

    def end(self) -> None:
        """End the line that the answer left open."""
        if self._last != "\n":
            self._output.write("\n")
        self._last, self._is_reasoning = "\n", False

    def _text(self, text: str) -> None:
        if self._is_reasoning:
            self.end()
            self._output.write("\n")
        if text:
            self._output.write(text)
            self._last = text[-1]

    def _reasoning(self, text: str) -> None:
        if self._output.is_terminal and text:
            if not self._is_reasoning:
                self.end()
            self._output.write(text, is_dim=True)
            self._last, self._is_reasoning = text[-1], True

    def _note(self, event: Retrying | FellBack | Restarted | Resumed) -> None:
        """Say on a terminal why nothing comes for a while; a program asks for JSON if it wants to know."""
        if not self._output.is_terminal:
            return
        self.end()
        match event:
            case Retrying(delay=delay):
                what = f"trying again in {delay:.1f} s"
            case FellBack(provider=provider, model=model):
                what = f"going on with {provider}:{model}"
            case Restarted():
                what = "the answer starts anew"
            case Resumed():
                what = "the answer goes on"
            case _:
                assert_never(event)
        say("note", f"{what}: {event.error.message}")


_ENDS: dict[FinishReason | None, str] = {
    "length": "the answer was cut off by the limit on its tokens",
    "content_filter": "the answer was stopped, or declined, for its content",
    "error": "the provider says that it failed to finish the answer",
}


def _note_end(reason: FinishReason | None, response: Response, *, runs_tools: bool) -> None:
    """Say when an answer that came whole is not what was asked for."""
    if reason in _ENDS:
        raw = response.raw_finish_reason
        say("note", _ENDS[reason] + (f" ({raw})" if raw not in (None, reason) else ""))
    elif response.tool_calls and not runs_tools:
        names = ", ".join(call.name for call in response.tool_calls)
        say("note", f"the model asks for tools, which it was not given with -T or --mcp: {names}")
