"""Scenarios with files in the question: an image, a sound, a document, a film."""

from __future__ import annotations

from core_llm import FilePart, Prompt
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios.composed_files import one_page, red_square, short_film, short_tone
from core_llm_conformance.scenarios.expectations import ends_with, has_text


def _asking(question: str, media_type: str, data: bytes, name: str) -> Prompt:
    return [question, FilePart(media_type=media_type, data=data, name=name)]


def _scenario(kind: str, prompt: Prompt) -> Scenario:
    return Scenario(
        name=f"{kind}_input",
        summary=f"The question comes with {'an' if kind[0] in 'ai' else 'a'} {kind}.",
        needs=(f"{kind}_input",),
        prompt=prompt,
        expects=(has_text(), ends_with("stop")),
    )


SCENARIOS = (
    _scenario("image", _asking("Which colour is this square? One word.", "image/png", red_square(), "square.png")),
    _scenario("audio", _asking("Is this speech or a tone? One word.", "audio/wav", short_tone(), "tone.wav")),
    _scenario("document", _asking("Which code word is in this document?", "application/pdf", one_page(), "page.pdf")),
    _scenario("video", _asking("Which colour has this film? One word.", "video/avi", short_film(), "film.avi")),
)
