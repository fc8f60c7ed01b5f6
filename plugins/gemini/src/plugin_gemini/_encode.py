"""GeminiEncoding: requests of `generateContent`. Messages are in `_contents`, schemas of older models in `_schema`.

`provider_options` (safety settings, built-in tools, cached content, …) are merged into the body by the core, later.
Source: Gemini API reference, "GenerateContentRequest" (checked 2026-11).
"""

from __future__ import annotations

import re
from typing import ClassVar

from core_llm import (
    FilePart,
    InvalidRequestError,
    NamedToolChoice,
    OutputSchema,
    Request,
    TextPart,
    ToolSpec,
    UnsupportedError,
)
from core_llm.wire import JSONObject, JSONValue, WireFormat
from core_llm.wire import reduced_schema as as_json_schema
from plugin_gemini._contents import Contents, file_data, inline_data
from plugin_gemini._schema import JSON, reduced_schema

GENERATION_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""Knob of Settings → field of `generationConfig`."""
OTHERWISE = frozenset(("reasoning_effort", "reasoning_budget", "service_tier"))
"""Knobs that are sent in another way."""
LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH"}
"""Effort → `thinkingLevel`, from Gemini 3 on."""
BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
"""Effort → `thinkingBudget` of Gemini 2.5: Google's own table for its OpenAI-compatible endpoint (checked 2026-11)."""
PRO_BUDGET = 32768
"""The most that Gemini 2.5 Pro may think."""
MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_FROM_3 = re.compile(r"gemini-(?:[3-9]|\d\d)(?:[.-]|$)|gemini-(?:pro|flash|flash-lite)-latest$")
_BEFORE_2_5 = re.compile(r"gemini-1|gemini-2\.0|gemma|learnlm")


class GeminiEncoding(WireFormat):
    """The half of the wire that writes requests.

    Attributes:
        files_base: Where files that were uploaded are: what stands before a bare id.
    """

    files_base: ClassVar[str] = ""

    def encode_body(self, request: Request) -> JSONObject:
        """Return the body for `request`; streamed and plain ones are the same.

        Raises:
            UnsupportedError: The API or the model has no field for something that is asked for.
            InvalidRequestError: Something contradicts itself or is missing.
        """
        is_gemini_3 = bool(_FROM_3.match(base_name(request.model)))
        contents = Contents(self, is_gemini_3=is_gemini_3)
        for message in request.messages:
            if message.role != "system":
                contents.add(message)
        body: JSONObject = {"contents": contents.done()}
        if system := self.encode_system(request):
            body["systemInstruction"] = system
        config = self.encode_config(request, is_gemini_3=is_gemini_3)
        if config:
            body["generationConfig"] = config
        if request.settings.service_tier is not None:
            body["serviceTier"] = request.settings.service_tier
        if request.tools:
            is_reduced = self.takes_subset(request.model)
            declarations: list[JSONValue] = [self.encode_tool(tool, is_reduced=is_reduced) for tool in request.tools]
            body["tools"] = [{"functionDeclarations": declarations}]
        if calling := self.encode_calling(request):
            body["toolConfig"] = {"functionCallingConfig": calling}
        return body

    def takes_subset(self, model: str) -> bool:
        """Tell whether schemas for `model` must be of the API's subset; the option `schemas` wins."""
        asked = self.options.get("schemas")
        return asked == "subset" if asked else bool(_BEFORE_2_5.match(base_name(model)))

    def encode_system(self, request: Request) -> JSONObject | None:
        """Return the application's instructions, wherever in the conversation they stand: the API has one place."""
        parts = [part for message in request.messages if message.role == "system" for part in message.parts]
        if not all(isinstance(part, TextPart) for part in parts):
            raise InvalidRequestError(f"{self.provider} takes texts only in messages of the system; move the rest")
        texts = [part.text for part in parts if isinstance(part, TextPart) and part.text]
        return {"parts": [{"text": text} for text in texts]} if texts else None

    def encode_config(self, request: Request, *, is_gemini_3: bool) -> JSONObject:
        """Return `generationConfig`: the knobs, how to think, and the form of the answer."""
        config: JSONObject = {}
        settings = request.settings
        for name in sorted(settings.model_fields_set):
            value = getattr(settings, name)
            if value is None or name in OTHERWISE:
                continue
            if name not in GENERATION_CONFIG:
                msg = f"{self.provider} has no field for the setting {name!r}; leave it out"
                raise UnsupportedError(msg, feature=name, provider=self.provider)
            config[GENERATION_CONFIG[name]] = list(value) if isinstance(value, tuple) else value
        if settings.top_logprobs is not None and settings.logprobs is None:
            config["responseLogprobs"] = True  # the API wants both
        if thinking := self.encode_thinking(request, is_gemini_3=is_gemini_3):
            config["thinkingConfig"] = thinking
        if request.output is not None:
            config["responseMimeType"] = "application/json"
        if isinstance(request.output, OutputSchema):
            config |= self.encode_schema(request.output, is_reduced=self.takes_subset(request.model))
        return config

    def encode_thinking(self, request: Request, *, is_gemini_3: bool) -> JSONObject:
        """Return how much to think: a level from Gemini 3 on, a number of tokens before. Summaries come with either."""
        effort, budget = request.settings.reasoning_effort, request.settings.reasoning_budget
        if effort is not None and budget is not None:
            msg = f"{self.provider} takes reasoning_effort or reasoning_budget, not both; leave one out"
            raise InvalidRequestError(msg)
        name = base_name(request.model)
        is_pro = "pro" in name.split("-")
        if effort is not None and is_gemini_3 and effort != "none":
            level = "low" if effort == "minimal" and is_pro else effort  # as Google's compatible endpoint has it
            return {"thinkingLevel": LEVELS[level], "includeThoughts": True}
        if effort is not None:
            budget = PRO_BUDGET if effort == "xhigh" and is_pro else BUDGETS[effort]
        if budget is None:
            return {}
        if budget == 0 and (is_gemini_3 or is_pro):
            msg = f"{self.provider}:{request.model} cannot be kept from thinking; ask for the effort 'minimal' or 'low'"
            feature = "reasoning_effort" if effort else "reasoning_budget"
            raise UnsupportedError(msg, feature=feature, provider=self.provider, model=request.model)
        return {"thinkingBudget": budget, "includeThoughts": True} if budget else {"thinkingBudget": 0}

    def encode_schema(self, output: OutputSchema, *, is_reduced: bool) -> JSONObject:
        """Return the field that holds the answer to a schema."""
        schema = output.json_schema
        if output.description and "description" not in schema:
            schema = schema | {"description": output.description}
        if is_reduced:
            reduced = reduced_schema(schema, provider=self.provider, feature="structured_output")
            return {"responseSchema": reduced}
        whole = as_json_schema(schema, JSON, feature="structured_output", provider=self.provider)
        return {"responseJsonSchema": whole}

    def encode_tool(self, tool: ToolSpec, *, is_reduced: bool) -> JSONObject:
        """Return what the model is told of a tool."""
        declared: JSONObject = {"name": tool.name, "description": tool.description}
        if not is_reduced:
            declared["parametersJsonSchema"] = tool.parameters
        elif tool.parameters.get("properties"):  # an object without properties is refused
            declared["parameters"] = reduced_schema(tool.parameters, provider=self.provider, feature="tools")
        return declared

    def encode_calling(self, request: Request) -> JSONObject | None:
        """Return whether and which tools may or must be called; None for the API's default.

        A tool that is strict has all calls checked against their schemas, which the API calls VALIDATED.
        """
        choice = request.tool_choice
        if isinstance(choice, NamedToolChoice):
            return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        if choice in (None, "auto") and any(tool.is_strict for tool in request.tools):
            return {"mode": "VALIDATED"}
        return None if choice is None else {"mode": MODES[choice]}

    def encode_file(self, part: FilePart) -> JSONObject:
        """Return a file: its bytes, its address, or the address that its id stands for.

        Raises:
            InvalidRequestError: Bytes come without their exact media type.
        """
        if part.file_id is not None:
            name = part.file_id.removeprefix("files/")
            return file_data(part, part.file_id if "://" in name else self.files_base + name)
        if part.url is not None and part.url.startswith("data:"):
            head, _, encoded = part.url.removeprefix("data:").partition(",")
            return {"inlineData": {"mimeType": head.partition(";")[0], "data": encoded}}
        if part.url is not None:
            return file_data(part, part.url)
        if "*" in part.media_type:
            msg = f"{self.provider} needs the exact media type of a file, such as image/png, not {part.media_type}"
            raise InvalidRequestError(msg)
        return inline_data(part.media_type, part.data or b"")


def base_name(model: str) -> str:
    """Return the model's own name, without the publisher or the collection in front of it."""
    return model.rpartition("/")[2]
