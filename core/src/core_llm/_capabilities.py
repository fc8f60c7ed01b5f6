"""Capabilities: what a provider and model are declared to do, and the check of a request against it.

One declaration serves the run time and the conformance suite. What is not declared is ``unknown``, and unknown means
send.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator

from core_llm._errors import UnsupportedError
from core_llm._messages import FilePart, Message, ToolResultPart
from core_llm._request import OutputSchema, Request, Settings
from core_llm._value import Value

Support = Literal["supported", "unsupported", "unknown"]
OnUnsupported = Literal["raise", "drop", "send"]


class Capabilities(Value):
    """A declaration for the models that one pattern matches. Later ones override earlier ones, field by field."""

    version: int = 1
    streaming: Support = "unknown"
    system_prompt: Support = "unknown"
    tools: Support = "unknown"
    tool_choice: Support = "unknown"
    """Forcing or forbidding tools; ``auto`` needs only `tools`."""
    parallel_tools: Support = "unknown"
    """Several calls in one answer. No request needs it, nor the four that follow: they say what an answer may have."""
    usage: Support = "unknown"
    """Counts of the tokens that went in and came out."""
    cached_usage: Support = "unknown"
    """A count of the tokens that came from the provider's cache."""
    citations: Support = "unknown"
    refusals: Support = "unknown"
    """Saying that the model declined, or that a filter stopped it."""
    structured_output: Support = "unknown"
    json_output: Support = "unknown"
    reasoning: Support = "unknown"
    image_input: Support = "unknown"
    audio_input: Support = "unknown"
    document_input: Support = "unknown"
    video_input: Support = "unknown"
    model_listing: Support = "unknown"
    token_counting: Support = "unknown"
    embeddings: Support = "unknown"
    continuation: Support = "unknown"
    """Going on from the beginning of an answer, given back as the last message: the only feature for which ``unknown``
    means no, since a model that begins anew instead would leave a seam."""
    settings: dict[str, Support] = Field(default_factory=dict)
    """Name of a knob in Settings → support."""
    untested: dict[str, str] = Field(default_factory=dict)
    """Feature declared supported → the reason why no cassette of the plugin shows it.

    The conformance suite reads it; at run time it means nothing. Knobs are written ``settings.<name>``.
    """

    @field_validator("untested")
    @classmethod
    def _known(cls, untested: dict[str, str]) -> dict[str, str]:
        for name, reason in untested.items():
            knob = name.removeprefix("settings.")
            if not (name in FEATURES if knob == name else knob in Settings.model_fields):
                raise ValueError(f"{name!r} is no feature; there are {', '.join(sorted(FEATURES))}, settings.<name>")
            if not reason.strip():
                raise ValueError(f"untested has no reason for {name!r}")
        return untested

    def merged(self, other: Capabilities) -> Capabilities:
        """Return this declaration with what `other` declares in its place."""
        changes = {name: getattr(other, name) for name in other.model_fields_set - {"settings", "untested"}}
        both = {"settings": {**self.settings, **other.settings}, "untested": {**self.untested, **other.untested}}
        return self.model_copy(update={**changes, **both})

    def support(self, feature: str) -> Support:
        """Return the support of a feature or, as ``settings.<name>``, of a knob.

        Raises:
            KeyError: There is no such feature.
        """
        if feature.startswith("settings."):
            return self.settings.get(feature.removeprefix("settings."), "unknown")
        if feature not in FEATURES:
            raise KeyError(feature)
        value: Support = getattr(self, feature)
        return value


FEATURES = frozenset(name for name, field in Capabilities.model_fields.items() if field.default == "unknown")
"""The names of all features, without those of the knobs."""
_FILE_FEATURES = {"image": "image_input", "audio": "audio_input", "video": "video_input"}


def needed_features(request: Request) -> list[str]:
    """Return what a request needs, by the names that Capabilities has."""
    needed = [f"settings.{name}" for name in sorted(request.settings.model_fields_set) if _is_set(request, name)]
    if request.tools:
        needed.append("tools")
    if request.tool_choice not in (None, "auto"):
        needed.append("tool_choice")
    if request.output is not None:
        needed.append("structured_output" if isinstance(request.output, OutputSchema) else "json_output")
    for message in request.messages:
        if message.role == "system":
            needed.append("system_prompt")
        needed += [_FILE_FEATURES.get(file.major_type, "document_input") for file in _files_given(message)]
    return list(dict.fromkeys(needed))


def _files_given(message: Message) -> Iterator[FilePart]:
    """Yield the files that a message gives to the model to read: a caller's, and those in the results of tools."""
    if message.role not in ("user", "tool"):
        return
    for part in message.parts:
        match part:
            case FilePart():
                yield part
            case ToolResultPart(content=tuple() as inside):
                yield from (one for one in inside if isinstance(one, FilePart))


def check_capabilities(
    request: Request, capabilities: Capabilities, *, provider: str, on_unsupported: OnUnsupported
) -> Request:
    """Return the request to send: as it is, or without what is declared unsupported.

    Raises:
        UnsupportedError: Something that the request needs is declared unsupported, and `on_unsupported` is ``raise``,
        or
            is ``drop`` and the thing cannot be left out without changing what was asked.
    """
    if on_unsupported == "send":
        return request
    lacking = [feature for feature in needed_features(request) if capabilities.support(feature) == "unsupported"]
    for feature in lacking:
        if on_unsupported == "drop" and (dropped := _without(request, feature)) is not None:
            request = dropped
            continue
        name = feature.removeprefix("settings.")
        what = f"the setting {name!r}" if feature != name else f"{name.replace('_', ' ')}"
        msg = (
            f"{provider}:{request.model} does not support {what}; leave it out, choose another model, "
            f"or pass on_unsupported='drop' or 'send'"
        )
        raise UnsupportedError(msg, feature=name, provider=provider, model=request.model)
    return request


def _is_set(request: Request, name: str) -> bool:
    return getattr(request.settings, name) is not None


def _without(request: Request, feature: str) -> Request | None:
    """Return the request without the feature, or None where dropping it would change what was asked."""
    if feature.startswith("settings."):
        left = request.settings.model_dump(exclude_none=True, exclude={feature.removeprefix("settings.")})
        return request.model_copy(update={"settings": Settings(**left)})
    if feature == "tool_choice":
        return request.model_copy(update={"tool_choice": None})
    return None


__all__ = ["FEATURES", "Capabilities", "OnUnsupported", "Support", "check_capabilities", "needed_features"]
