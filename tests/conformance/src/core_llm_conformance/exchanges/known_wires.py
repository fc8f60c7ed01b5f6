"""Which of the wires that `walk` reads a cassette speaks: by its path, and by what its answer looks like.

A wire of somebody's own may well have a path of the same name; then nothing in its answers looks like the other wire's,
and the head is the only oracle.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from pydantic import JsonValue

from core_llm_conformance.cassette import Interaction
from core_llm_conformance.corpus import Recording
from core_llm_conformance.recording.texts import frames_of
from core_llm_conformance.walk.expected import Expected
from core_llm_conformance.wires import WIRES, Case, Speaker, Wire

SIGNS = MappingProxyType(
    {
        "chat": ("choices",),
        "anthropic": ("content", "content_block", "delta"),
        "gemini": ("candidates", "promptFeedback"),
        "ollama": ("message",),
        "responses": ("output", "response"),
    }
)
"""Wire → keys of which every answer of it has one, in some frame."""


def wire_of(interaction: Interaction) -> Wire | None:
    """Return the wire that an interaction speaks; None if it is none that can be read here."""
    for wire in WIRES:
        if re.search(wire.path + "$", interaction.path) and _looks_like(wire.name, interaction):
            return wire
    return None


def walk_of(interaction: Interaction) -> Expected | None:
    """Return what a plain reading of the body finds; None if it is of no wire that can be read so."""
    wire = wire_of(interaction)
    return None if wire is None else wire.walk(interaction.body, status=interaction.status)


def case_of(interaction: Interaction) -> Case | None:
    """Return an interaction as the tests of recordings see one; None if it is of no wire that can be read here."""
    wire = wire_of(interaction)
    if wire is None:
        return None
    recording = Recording(
        file="",
        family=wire.name,
        interaction_index=0,
        method=interaction.method,
        url=interaction.url,
        request_headers=interaction.request_headers,
        request_body=interaction.request_body,
        status=interaction.status,
        headers=interaction.headers,
        body=interaction.body,
        is_streaming=interaction.head.mode == "stream",
        format="",
        provenance="",
        tags=frozenset(),
        models=(),
    )
    return Case(recording, wire, Speaker(""))


def _looks_like(name: str, interaction: Interaction) -> bool:
    frames: list[JsonValue] = frames_of(interaction.body)
    return any(isinstance(frame, dict) and any(sign in frame for sign in SIGNS[name]) for frame in frames)
