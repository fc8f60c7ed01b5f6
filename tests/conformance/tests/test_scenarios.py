"""The scenarios: which there are, what they ask, and which of them a declaration obliges a plugin to show."""

from __future__ import annotations

import io
import json
import wave
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from core_llm import Capabilities, Provider, Settings
from core_llm._capabilities import FEATURES, needed_features
from core_llm._options import build_request
from core_llm.wire import ChatCompletions
from core_llm_conformance.applicability import denied, modes_of, must_show
from core_llm_conformance.scenarios import ALL, BY_NAME
from core_llm_conformance.scenarios.composed_files import one_page, red_square, short_film, short_tone
from core_llm_conformance.scenarios.errors import DERIVED, SHOWN_AS
from core_llm_conformance.scenarios.knobs import TOGETHER
from core_llm_conformance.target import Target

BASE = {
    *("text", "system_prompt", "multi_turn", "unicode", "long_output", "max_tokens", "stop_sequence"),
    *("tool_call", "parallel_tool_calls", "tool_without_arguments", "tool_result", "tool_forced", "tools_forbidden"),
    *("structured_output", "usage", "settings", "model_listing"),
    *("error_400", "error_401", "error_404", "error_429", "error_500", "error_mid_stream"),
}


def declaring(wire: type[ChatCompletions] = ChatCompletions, **declared: object) -> Target:
    """Return a plugin that declares this and nothing else."""

    class Declaring(Provider):
        name = "declaring"
        base_url = "https://declaring.example"
        wire_format = wire
        capabilities: ClassVar[Mapping[str, Capabilities]] = {"*": Capabilities.model_validate(declared)}

    return Target(Declaring, "model", cassettes=Path("nowhere"))


def obliged(target: Target) -> set[str]:
    """Return the names of the scenarios that must be shown."""
    return {scenario.name for scenario in ALL if must_show(target, scenario)}


# Which there are


def test_every_scenario_is_named_once() -> None:
    """The name is that of its cassette."""
    assert len(BY_NAME) == len(ALL) == 38


def test_every_feature_has_a_scenario() -> None:
    """What can be declared supported can be shown; streaming is a form of most."""
    needed = {need for scenario in ALL for need in scenario.needs}
    assert {need for need in needed if not need.startswith("settings.")} == FEATURES - {"streaming"}


@pytest.mark.parametrize("name", [scenario.name for scenario in ALL if scenario.kind == "chat"])
def test_a_scenario_needs_what_its_request_needs(name: str) -> None:
    """Else it would be played to a plugin that has to refuse it. What single knobs need is asked of the declaration."""
    asked = BY_NAME[name]
    options = asked.options_for(Capabilities(settings=dict.fromkeys(Settings.model_fields, "unsupported")))
    request = build_request("m", asked.prompt, options, Settings(), is_stream=True)
    optional = {"settings.max_tokens"} if asked.name != "max_tokens" else set()
    assert set(needed_features(request)) - optional <= set(asked.needs)


def test_the_matrix_of_errors_is_whole() -> None:
    """Every status that providers answer with, and what stands in front of them."""
    assert {error.status for error in DERIVED} == {400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529}
    assert {error.retry_after for error in DERIVED} == {None, 7.0, 30.0, 1.5}
    assert {error.body for error in DERIVED} == {"cassette", "html", "empty"}
    assert {error.of for error in DERIVED} == set(SHOWN_AS)


def test_settings_are_those_that_are_declared() -> None:
    """A knob that a model has not, or that nobody could try, is not sent."""
    declared = Capabilities(
        settings={"seed": "unsupported", "stop": "supported"}, untested={"settings.stop": "the server has none"}
    )
    options = BY_NAME["settings"].options_for(declared)
    assert options["settings"].model_fields_set == TOGETHER.keys() - {"seed", "stop"}


# Who must show which


def test_silence_excuses_from_no_base_scenario() -> None:
    """A plugin that declares nothing has a good deal to show."""
    assert obliged(declaring()) == BASE


def test_what_is_supported_must_be_shown() -> None:
    """Also what is no base scenario."""
    assert obliged(declaring(image_input="supported", reasoning="supported")) - BASE == {
        "image_input",
        "reasoning",
    }
    assert "reasoning_replay" in obliged(declaring(reasoning="supported", tools="supported"))


def test_what_is_unsupported_need_not_be_shown() -> None:
    """It must raise instead."""
    target = declaring(tools="unsupported", settings={"stop": "unsupported"})
    assert BASE - obliged(target) == {
        *("tool_call", "parallel_tool_calls", "tool_without_arguments", "tool_result", "tool_forced"),
        *("tools_forbidden", "stop_sequence"),
    }
    assert denied(target, BY_NAME["tool_call"]) == ("tools",)


def test_what_is_untested_says_why() -> None:
    """Only with a reason; a declaration without one is refused by the core."""
    target = declaring(audio_input="supported", untested={"audio_input": "no model at hand takes sound"})
    assert "audio_input" not in obliged(target)


def test_a_wire_without_streams_shows_plain_answers() -> None:
    """A form of answer that the wire has not is shown by nobody."""

    class PlainOnly(ChatCompletions):
        can_stream = False

    class StreamsOnly(ChatCompletions):
        can_generate = False

    assert modes_of(declaring(PlainOnly), BY_NAME["text"]) == ("plain",)
    assert modes_of(declaring(StreamsOnly), BY_NAME["text"]) == ("stream",)
    assert modes_of(declaring(StreamsOnly), BY_NAME["error_401"]) == ("stream",)
    assert modes_of(declaring(StreamsOnly), BY_NAME["model_listing"]) == ("plain",)
    assert modes_of(declaring(streaming="unsupported"), BY_NAME["error_mid_stream"]) == ()


# Files


def test_the_sound_is_a_tenth_of_a_second() -> None:
    """Read by Python's own reader."""
    with wave.open(io.BytesIO(short_tone())) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 8_000, 800)


def test_the_picture_is_red() -> None:
    """Its lines, uncompressed, are 16 times red."""
    picture = red_square()
    start = picture.index(b"IDAT") + 4
    assert zlib.decompress(picture[start : picture.index(b"IEND") - 8]) == (b"\0" + b"\xff\0\0" * 16) * 16


def test_the_document_says_where_its_objects_are() -> None:
    """Each offset in its table is the beginning of an object."""
    page = one_page()
    start = int(page.split(b"startxref\n")[1].split(b"\n")[0])
    offsets = [int(line[:10]) for line in page[start:].splitlines() if line.endswith(b" n ")]
    assert [page[offset : offset + 7] for offset in offsets] == [b"%d 0 obj" % number for number in range(1, 7)]


def test_the_film_is_as_long_as_it_says() -> None:
    """A RIFF file says how many bytes follow."""
    film = short_film()
    assert film[:4] == b"RIFF"
    assert int.from_bytes(film[4:8], "little") == len(film) - 8


def test_prompts_are_the_same_every_time() -> None:
    """A cassette answers the request of yesterday."""
    assert json.dumps(BY_NAME["cached_usage"].options_for(Capabilities())["system"])[:40] == (
        '"Rule 1: lamp 7 of tower 1 is lit at 1:0'
    )
