"""A request matches a cassette's by what is the scenario's in it, and by nothing else."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from core_llm import Response, TextPart, ToolCallPart
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.matching import Owned, address, check_request, differences, leaves, owned_by, unsent
from core_llm_conformance.replay import ReplayedRequest
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

from .twin.acme import Acme

URL = "https://api.acme.example/v1/chat/completions"
TARGET = Target(Acme, "acme-1", cassettes=Path(__file__).parent / "twin/cassettes/acme")
OWNED = Owned(
    "acme-1",
    texts=("What is the weather in Oslo?", "Be brief."),
    names=frozenset({"get_weather", "city"}),
    numbers=frozenset({0.25}),
    flags=frozenset({"parallel_tool_calls"}),
)
BODY: dict[str, JsonValue] = {
    "model": "acme-1",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is the weather in Oslo?"}]},
    ],
    "tools": [
        {
            "function": {
                "name": "get_weather",
                "description": "Current weather of a city.",
                "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
            }
        }
    ],
    "temperature": 0.25,
    "parallel_tool_calls": False,
    "stream": True,
}


def request(body: JsonValue, url: str = URL) -> ReplayedRequest:
    """Return a request as a replay saw it."""
    return ReplayedRequest("POST", url, {}, json.dumps(body).encode())


def changed(path: str, value: JsonValue) -> dict[str, JsonValue]:
    """Return the body with one value, found by keys and numbers with dots between, replaced."""
    body: dict[str, JsonValue] = json.loads(json.dumps(BODY))
    *way, last = path.split(".")
    place: JsonValue = body
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]  # type: ignore[index]
    place[last] = value  # type: ignore[index,call-overload]
    return body


def test_what_was_asked_of_a_stream_is_still_asked() -> None:
    """The usage in a recorded answer came because it was asked for."""
    asked = request(changed("stream_options", {"include_usage": True}))
    assert [d.where for d in differences(asked, request(BODY), OWNED)] == ["$.stream_options.include_usage"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("user", "somebody"),
        ("stream_options", {"include_usage": True}),
        ("tools.0.function.description", "Tells how the weather is."),
        ("tools.0.function.parameters.additionalProperties", False),
        ("max_retries", 7),
    ],
)
def test_what_is_not_the_scenario_s_may_change(path: str, value: JsonValue) -> None:
    """A field more, and a tool in other words, spoil no cassette."""
    assert differences(request(BODY), request(changed(path, value)), OWNED) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("model", "acme-2", "$.model"),
        ("messages.0.content", "Be long.", "$.messages[0].content"),
        ("messages.1.content.0.text", "What is the weather in Rome?", "$.messages[1].content[0].text"),
        ("tools.0.function.name", "weather", "$.tools[0].function.name"),
        ("tools.0.function.parameters.properties", {"town": {}}, "$.tools[0].function.parameters.properties{city}"),
        ("temperature", 1, "$.temperature"),
        ("parallel_tool_calls", True, "$.parallel_tool_calls"),
        ("stream", False, "$.stream"),
    ],
)
def test_what_is_the_scenario_s_may_not(path: str, value: JsonValue, where: str) -> None:
    """The difference names the leaf."""
    assert [difference.where for difference in differences(request(BODY), request(changed(path, value)), OWNED)] == [
        where
    ]


def test_a_prompt_that_moved_is_found_in_both_places() -> None:
    """Where it was and is no more, and where it is now."""
    moved = changed("messages.0.content", "What is the weather in Oslo?")
    moved["instructions"] = "Be brief."
    assert [str(difference) for difference in differences(request(BODY), request(moved), OWNED)] == [
        "$.messages[0].content: the cassette has 'Be brief.', sent was 'What is the weather in Oslo?'",
        "$.instructions: the cassette has nothing, sent was 'Be brief.'",
    ]


def test_an_address_is_compared_without_keys_and_versions() -> None:
    """A key in it is somebody else's rule; a newer version of the interface changes no scenario."""
    there = address("POST", f"{URL}?alt=sse&key=AIza123&api-version=1")
    assert there == {"method": "POST", "path": "/v1/chat/completions", "?alt": "sse"}
    assert there == address("POST", f"{URL}?api-version=2&alt=sse")
    assert there != address("POST", URL)


def test_a_text_is_found_inside_of_another() -> None:
    """A file in a data address, a prompt in a frame of words: only what is the scenario's is compared."""
    data = base64.b64encode(b"the bytes of a file").decode()
    owned = Owned("m", texts=(data, 'He said "why?"'))
    sent = {
        "url": f"data:image/png;base64,{data}",
        "text": 'Answer this: He said "why?"',
        "inner": '"He said \\"why?\\""',
    }
    found = leaves(json.dumps(sent).encode(), owned)
    assert found == {"$.url": (data,), "$.text": ('He said "why?"',), "$.inner": ('He said "why?"',)}


def test_a_body_that_is_no_json_is_searched_for_texts_and_files() -> None:
    """As in an upload in parts, where a file stands as its bytes."""
    data = b"\x89PNG the bytes of a file"
    owned = Owned("m", texts=(base64.b64encode(data).decode(), "What is this?", "Not in it, this one."))
    body = b"--x\r\nWhat is this?\r\n--x\r\n" + data + b"\r\n--x--"
    assert leaves(body, owned) == {"body": (owned.texts[0], "What is this?")}


def test_a_request_without_its_prompt_matches_nothing() -> None:
    """Though the cassette, composed by the same plugin, does not have it either."""
    lost = changed("messages.0.content", "")
    assert unsent(request(lost), OWNED) == ["Be brief."]
    interaction = TARGET.cassette("system_prompt").of("plain")[0]
    owned = owned_by(TARGET, BY_NAME["system_prompt"])
    with pytest.raises(ConformanceFailure, match="what a scenario asks is in its request"):
        check_request(interaction, request({"model": "acme-1", "messages": []}, interaction.url), owned)


def test_a_tool_result_may_be_taken_apart() -> None:
    """Some wires want the object, not its text."""
    owned = Owned("m", texts=('{"temperature": 14, "sky": "rain"}',))
    assert unsent(request({"response": {"temperature": 14, "sky": "rain"}}), owned) == []
    assert unsent(request({"response": {"temperature": 14}}), owned) == list(owned.texts)


def test_turns_own_what_their_follow_ups_say() -> None:
    """What a tool answered is the second turn's; what the model said is nobody's."""
    scenario = BY_NAME["tool_result"]
    first = owned_by(TARGET, scenario)
    assert first.texts == ("What is the weather in Oslo? Use the tool.",)
    assert {"get_weather", "city"} <= first.names
    assert first.model == "acme-1"
    call = ToolCallPart(id="call_1", name="get_weather", arguments={"city": "Oslo"})
    second = owned_by(TARGET, scenario, [Response(parts=(TextPart(text="Let me see."), call))])
    assert second == replace(first, texts=(*first.texts, '{"temperature": 14, "sky": "rain"}'))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, st.text(min_size=1, max_size=6), JSON)
def test_any_request_matches_itself_and_one_with_more(body: JsonValue, name: str, extra: JsonValue) -> None:
    """Whatever a wire looks like: a field beside the scenario's own makes no difference."""
    both: dict[str, JsonValue] = {"asked": "What is the weather in Oslo?", "rest": body}
    assert differences(request(both), request(both), OWNED) == []
    if name not in both and leaves(json.dumps({name: extra}).encode(), OWNED) == {}:
        assert differences(request(both), request({**both, name: extra}), OWNED) == []


@given(
    st.lists(st.sampled_from(["a", "b", 0]), max_size=4), st.sampled_from([*OWNED.texts, "acme-1", "get_weather", 0.25])
)
def test_any_owned_value_counts_wherever_it_is(way: list[str | int], value: JsonValue) -> None:
    """A leaf lost is found at any depth."""

    def at(end: JsonValue) -> JsonValue:
        for step in reversed(way):
            end = {step: end} if isinstance(step, str) else [end]
        return {"top": end}

    (found,) = differences(request(at(value)), request(at("something else")), OWNED)
    assert found.sent is None
    assert differences(request(at(value)), request(at(value)), OWNED) == []
