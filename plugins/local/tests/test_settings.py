"""What the declaration says of the default model, where the conformance suite has nothing to ask it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core_llm import Client, Message, Response, Settings, TextPart

MODEL = "local:smollm2"
STORY = "Tell a story of a fox."


@pytest.fixture(scope="module")
def client(model_file: Path) -> Iterator[Client]:  # noqa: ARG001  # fetched first
    """Keep one client for all tests of this module."""
    with Client() as made:
        yield made


def greedy(client: Client, **knobs: object) -> Response:
    """Return the most likely answer of a few tokens, with some knobs."""
    settings = Settings.model_validate({"temperature": 0, "max_tokens": 12, **knobs})
    return client.generate(MODEL, STORY, settings=settings)


def test_an_instruction_reaches_the_model(client: Client) -> None:
    """The system prompt reaches the model in place of its own: another number of tokens goes in."""
    plain = greedy(client)
    told = client.generate(MODEL, STORY, system="Answer in capitals: NO.", temperature=0, max_tokens=12)
    assert told.usage is not None
    assert plain.usage is not None
    assert (told.usage.input_tokens or 0) != (plain.usage.input_tokens or 0)


def test_the_seed_makes_chance_repeat(client: Client) -> None:
    """The same number makes the same hot answer, another one another."""
    said = [client.generate(MODEL, STORY, temperature=1.5, seed=seed, max_tokens=12).text for seed in (7, 7, 8)]
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize("knob", [{"top_k": 1}, {"top_p": 0.0001}])
def test_a_narrow_choice_is_the_likeliest(client: Client, knob: dict[str, float]) -> None:
    """However hot, a choice of one token is no choice."""
    assert greedy(client, temperature=2.0, seed=3, **knob).text == greedy(client).text


def test_a_stop_ends_the_answer_before_it(client: Client) -> None:
    """The text that must end it is not part of it."""
    word = greedy(client).text.split()[2]
    stopped = greedy(client, stop=[word])
    assert word not in stopped.text
    assert stopped.finish_reason == "stop"


@pytest.mark.parametrize("knob", ["presence_penalty", "frequency_penalty"])
def test_a_penalty_changes_a_long_answer(client: Client, knob: str) -> None:
    """What was said before becomes unlikely."""
    assert greedy(client, max_tokens=60, **{knob: 2.0}).text != greedy(client, max_tokens=60).text


def test_log_probabilities_come_with_their_rivals(client: Client) -> None:
    """Each token has its own, and as many others as were asked for."""
    part = greedy(client, logprobs=True, top_logprobs=3).parts[0]
    assert isinstance(part, TextPart)
    assert len(part.logprobs) == 12
    assert {len(token.top) for token in part.logprobs} == {3}


def test_json_is_all_that_it_may_write(client: Client) -> None:
    """A model that would say something else is held to an object from its first letter on."""
    asked = "What is 1 + 1?"
    free = client.generate(MODEL, asked, temperature=0, max_tokens=12)
    held = client.generate(MODEL, asked, output="json", temperature=0, max_tokens=12)
    assert (free.text.lstrip()[:1], held.text.lstrip()[:1]) != ("{", "{")
    assert held.text.lstrip().startswith("{")


def test_what_was_read_before_comes_from_the_cache(client: Client) -> None:
    """The second call reads little of the same long beginning anew."""
    rules = "Be brief and kind. " * 20
    for _ in range(2):
        answer = client.generate(MODEL, STORY, system=rules, temperature=0, max_tokens=2)
    assert answer.usage is not None
    assert (answer.usage.cache_read_tokens or 0) > 50


def test_an_answer_that_was_begun_is_gone_on_with(client: Client) -> None:
    """The model does not begin anew."""
    begun = [Message.user("What is the capital of France?"), Message.assistant("The capital of France")]
    assert client.generate(MODEL, begun, temperature=0, max_tokens=12).text.lstrip().startswith("is")
