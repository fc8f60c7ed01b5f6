"""How a model is asked for a value: held to its schema by the provider, by a tool that it calls, or by words.

    native    the wire's own field for a schema
    tool      a tool whose arguments are the value, and which the model must call
    prompted  the schema is told in words; any JSON is asked for where the wire can

Which one it is follows from what the model is declared to do, unless the caller says so. What comes back is read
without knowing it: see `judging`.
"""

from __future__ import annotations

from core_llm._capabilities import Capabilities
from core_llm._errors import InvalidRequestError
from core_llm._messages import Message, TextPart
from core_llm._output.task import OutputTask, plain
from core_llm._request import NamedToolChoice, OutputMode, Request, ToolChoice, ToolSpec

OUTPUT_TOOL = "give_output"
"""The tool whose arguments are the value."""

_TOLD = (
    "Answer with one JSON object after the schema below, and with nothing else: no explanation, no code fence. "
    "The schema:\n{schema}"
)
_TOOL_TOLD = "Give the answer to the user. Call it once, when you have all that the answer needs."


def mode_for(capabilities: Capabilities) -> OutputMode:
    """Return the best mode of a model; what is not known is taken to work."""
    if capabilities.structured_output != "unsupported":
        return "native"
    return "tool" if capabilities.tools != "unsupported" else "prompted"


def asking_for(
    request: Request, task: OutputTask, capabilities: Capabilities, mode: OutputMode | None = None
) -> Request:
    """Return the request that asks also for the value.

    Raises:
        InvalidRequestError: A tool of the caller's has the name of that which gives the value.
    """
    match mode or mode_for(capabilities):
        case "native":
            return request.model_copy(update={"output": task.schema})
        case "tool":
            return _with_tool(request, task, capabilities)
        case "prompted":
            return _prompted(request, task, capabilities)


def _with_tool(request: Request, task: OutputTask, capabilities: Capabilities) -> Request:
    if any(tool.name == OUTPUT_TOOL for tool in request.tools):
        msg = f"the tool {OUTPUT_TOOL!r} is there already: its name is that of the tool which gives the output"
        raise InvalidRequestError(msg)
    schema = task.schema
    spec = ToolSpec(name=OUTPUT_TOOL, description=_TOOL_TOLD, parameters=schema.json_schema)
    choice: ToolChoice | None = request.tool_choice
    if choice in (None, "auto") and capabilities.tool_choice != "unsupported" and not _reasons(request):
        choice = "required" if request.tools else NamedToolChoice(name=OUTPUT_TOOL)
    return request.model_copy(update={"tools": (*request.tools, spec), "tool_choice": choice})


def _reasons(request: Request) -> bool:
    """Whether the model is to reason: not all that do can be made to call a tool (Anthropic's, checked 2026-11)."""
    settings = request.settings
    return settings.reasoning_effort not in (None, "none") or bool(settings.reasoning_budget)


def _prompted(request: Request, task: OutputTask, capabilities: Capabilities) -> Request:
    told = _TOLD.format(schema=plain(task.schema.json_schema))
    messages = list(request.messages)
    if capabilities.system_prompt == "unsupported":
        place = next(at for at in reversed(range(len(messages))) if messages[at].role == "user")
        parts = (*messages[place].parts, TextPart(text=told))
        messages[place] = messages[place].model_copy(update={"parts": parts})
    else:
        after = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
        messages.insert(after, Message.system(told))
    output = "json" if capabilities.json_output == "supported" else None
    return request.model_copy(update={"messages": tuple(messages), "output": output})
