"""How much is thought and written: which fields the knobs become for which model, and what is refused beside them."""

from __future__ import annotations

import pytest

from core_llm import Message, Request, Settings, ToolSpec, UnsupportedError
from core_llm.wire import JSONObject
from plugin_anthropic._models import model_for
from plugin_anthropic._wire import Messages


def fields_of(model: str, settings: Settings, **others: object) -> JSONObject:
    """Return the fields of the body that say how much is thought and written."""
    request = Request.model_validate(
        {"model": model, "messages": (Message.user("Hi"),), "settings": settings, **others}
    )
    body = Messages("anthropic").encode_request(request).body
    assert isinstance(body, dict)
    return {name: body[name] for name in ("max_tokens", "thinking", "output_config") if name in body}


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-3-haiku-20240307", 4_096),
        ("claude-3-5-sonnet-latest", 8_192),
        ("claude-3-7-sonnet-20250219", 64_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-1", 32_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-sonnet-4-6", 128_000),
        ("claude-opus-4-8", 128_000),
        ("claude-opus-5-5", 128_000),
        ("claude-fable-5", 128_000),
        ("claude-novel-7", 64_000),
        ("qwen3", 8_192),
    ],
)
def test_a_bound_is_always_sent(model: str, tokens: int) -> None:
    """The API demands one: the model's own where it is known, a careful one where it is not; the caller's wins."""
    assert fields_of(model, Settings()) == {"max_tokens": tokens}
    assert fields_of(model, Settings(max_tokens=7)) == {"max_tokens": 7}


@pytest.mark.parametrize(
    ("effort", "budget"), [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 16_384), ("xhigh", 32_768)]
)
def test_effort_is_a_budget_for_older_models(effort: str, budget: int) -> None:
    """They want a number of tokens."""
    fields = fields_of("claude-sonnet-4-5", Settings.model_validate({"reasoning_effort": effort}))
    assert fields == {"max_tokens": 64_000, "thinking": {"type": "enabled", "budget_tokens": budget}}


def test_a_budget_leaves_room_for_the_answer() -> None:
    """It is at most four fifths of what may be written, and where that is too little nothing is sent."""
    fields = fields_of("claude-sonnet-4-5", Settings(reasoning_effort="high", max_tokens=5000))
    assert fields == {"max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 4000}}
    with pytest.raises(UnsupportedError, match=r"fewer than max_tokens \(1024\)"):
        fields_of("claude-sonnet-4-5", Settings(reasoning_effort="low", max_tokens=1024))


@pytest.mark.parametrize(
    ("model", "effort", "level"),
    [
        ("claude-opus-4-6", "high", "high"),
        ("claude-opus-4-6", "xhigh", "max"),
        ("claude-opus-4-6", "minimal", "low"),
    ],
)
def test_effort_is_a_level_for_newer_models(model: str, effort: str, level: str) -> None:
    """They decide themselves how much to think; the word above ``high`` is the model's own."""
    fields = fields_of(model, Settings.model_validate({"reasoning_effort": effort}))
    assert fields == {"max_tokens": 128_000, "thinking": {"type": "adaptive"}, "output_config": {"effort": level}}


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-opus-5", "claude-fable-5-2", "claude-novel-7"])
def test_the_newest_models_are_asked_to_show_their_thoughts(model: str) -> None:
    """They would keep them to themselves, and the stream would be silent while they think."""
    fields = fields_of(model, Settings(reasoning_effort="xhigh"))
    assert fields["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert fields["output_config"] == {"effort": "xhigh"}


def test_a_budget_is_sent_as_it_is() -> None:
    """Where only the thinking is bounded, what may be written grows with it."""
    thinking = {"type": "enabled", "budget_tokens": 9000}
    assert fields_of("claude-haiku-4-5", Settings(reasoning_budget=9000))["thinking"] == thinking
    assert fields_of("qwen3", Settings(reasoning_budget=9000)) == {"max_tokens": 13_096, "thinking": thinking}
    both = fields_of("claude-opus-4-6", Settings(reasoning_budget=9000, reasoning_effort="low"))
    assert (both["thinking"], both["output_config"]) == (thinking, {"effort": "low"})


@pytest.mark.parametrize(
    "settings", [Settings(reasoning_budget=1000), Settings(reasoning_budget=2048, max_tokens=2048)]
)
def test_a_budget_that_the_api_refuses(settings: Settings) -> None:
    """At least 1024 tokens, and fewer than may be written."""
    with pytest.raises(UnsupportedError, match="at least 1024"):
        fields_of("claude-haiku-4-5", settings)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-haiku-4-5", None),
        ("claude-opus-4-8", None),
        ("claude-opus-5", {"type": "disabled"}),
        ("claude-sonnet-5-5", {"type": "between_tools"}),
        ("qwen3", {"type": "disabled"}),
    ],
)
def test_thinking_is_switched_off(model: str, expected: JSONObject | None) -> None:
    """Models that think unasked are told not to, each in its own way; a budget of nothing means the same."""
    for settings in (Settings(reasoning_effort="none"), Settings(reasoning_budget=0)):
        assert fields_of(model, settings).get("thinking") == expected


@pytest.mark.parametrize("model", ["claude-fable-5", "claude-mythos-5-1", "claude-opus-5-5"])
def test_some_models_always_think(model: str) -> None:
    """That they should not is refused before anything is sent."""
    with pytest.raises(UnsupportedError, match="keep this model from thinking"):
        fields_of(model, Settings(reasoning_effort="none"))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(temperature=0.5, reasoning_effort="low"), "temperature"),
        (Settings(top_p=0.9, reasoning_effort="low"), "top_p"),
        (Settings(top_k=5, reasoning_budget=2048), "top_k"),
    ],
)
def test_sampling_beside_thinking_is_refused(settings: Settings, name: str) -> None:
    """As the API would, and with the setting's name."""
    for model in ("claude-haiku-4-5", "claude-opus-4-6"):
        with pytest.raises(UnsupportedError, match=name):
            fields_of(model, settings)


def test_what_the_api_takes_beside_thinking() -> None:
    """The default temperature and a high top_p go through."""
    fields = fields_of("claude-haiku-4-5", Settings(temperature=1, top_p=0.95, reasoning_effort="low"))
    assert "thinking" in fields


def test_a_forced_tool_beside_thinking() -> None:
    """The API refuses it beside a budget; adaptive thinking gives way; some models can never be forced."""
    forced = {"tools": (ToolSpec(name="now"),), "tool_choice": "required"}
    with pytest.raises(UnsupportedError, match="forced tool"):
        fields_of("claude-haiku-4-5", Settings(reasoning_effort="low"), **forced)
    assert fields_of("claude-opus-4-6", Settings(reasoning_effort="low"), **forced)["thinking"] == {"type": "adaptive"}
    with pytest.raises(UnsupportedError, match="cannot be made to call a tool"):
        fields_of("claude-opus-5-5", Settings(), **forced)


def test_the_last_pattern_that_matches_counts() -> None:
    """A name is what its most special pattern says, wherever it stands in a longer name."""
    assert model_for("claude-opus-5-5").takes_forced_tool is False
    assert model_for("claude-opus-5").takes_forced_tool is True
    assert model_for("anthropic/claude-opus-4-6").thinking == "both"
