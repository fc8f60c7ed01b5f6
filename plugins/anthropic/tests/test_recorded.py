"""What a real server said on this wire: llama.cpp, with a small model. It shows nothing of Anthropic's own models.

`core-llm conformance record` made the cassettes, and `test_llama.py` asks such a server live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core_llm_conformance.applicability import both_modes, chats, errors, requests, shown, streams
from core_llm_conformance.each import Case
from core_llm_conformance.exchanges.answers import check_scenario
from core_llm_conformance.exchanges.failing import check_error
from core_llm_conformance.exchanges.going_back import check_message_goes_back
from core_llm_conformance.exchanges.parity import check_async_equals_sync, check_plain_equals_stream
from core_llm_conformance.exchanges.sending import check_requests
from core_llm_conformance.faults.cutting import check_any_cut
from core_llm_conformance.faults.ending import check_truncation
from core_llm_conformance.recording import check_cassette_is_clean
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

LLAMA = Target("anthropic", "smollm2", cassettes=Path(__file__).parent / "cassettes" / "llama.cpp")


def each(cases: Callable[[Target], Iterator[Case]], name: str) -> pytest.MarkDecorator:
    """Run a test over what the cassettes show."""
    return pytest.mark.parametrize(name, [pytest.param(case.value, id=case.id) for case in cases(LLAMA)])


@each(requests, "one")
def test_it_is_understood(one: Shown) -> None:
    """Each answer comes to what a plain reading of its body says."""
    check_scenario(LLAMA, one)


@each(errors, "one")
def test_its_errors_are_told(one: Shown) -> None:
    """A wrong key is an AuthenticationError with the server's words."""
    check_error(LLAMA, one)


@each(shown, "one")
def test_it_is_asked_the_same(one: Shown) -> None:
    """What was sent then is what is sent today, and async is as sync."""
    check_requests(LLAMA, one)
    check_async_equals_sync(LLAMA, one)


@each(chats, "one")
def test_its_answer_goes_back(one: Shown) -> None:
    """An answer can be said again."""
    check_message_goes_back(LLAMA, one)


@each(both_modes, "both")
def test_both_forms_are_alike(both: tuple[Shown, Shown]) -> None:
    """A stream says of what kind a plain answer says."""
    check_plain_equals_stream(LLAMA, both)


@each(streams, "one")
def test_it_may_be_cut(one: Shown) -> None:
    """However it is cut into reads; and where it ends too early, it is no success."""
    check_any_cut(LLAMA, one)
    check_truncation(LLAMA, one)


def test_it_says_whose_it_is() -> None:
    """Every cassette is clean, and names llama.cpp and its model, and nobody else, as the source."""
    paths = sorted(LLAMA.cassettes.glob("*.yaml"))
    assert len(paths) == 9
    for path in paths:
        cassette = LLAMA.cassette(path.stem)
        check_cassette_is_clean(cassette, LLAMA)
        assert cassette.head.origin == "recorded"
        assert cassette.head.source.startswith("llama.cpp")
        assert cassette.head.model == "smollm2"
