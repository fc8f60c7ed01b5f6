"""The faults of models in this process: a good one passes, and each kind of bad one is found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from core_llm import LocalChannel, LocalProvider, Request
from core_llm.wire import PartsBuilder
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.faults import local, rules
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

from .twin.acme import Acme

TEXT = BY_NAME["text"]
Check = Callable[[Target, Scenario], None]
CHECKS: tuple[Check, ...] = (
    local.check_local_answer,
    local.check_local_stop,
    local.check_local_failure,
    local.check_local_deadline,
)


class Parrot(LocalProvider):
    """Says what was said to it, word for word."""

    name = "parrot"

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer."""
        parts = PartsBuilder(self.endpoint)
        for word in request.messages[-1].text.split():
            if not channel.emit(parts.text(f"{word} ")):
                return
        channel.emit(parts.close_all())
        channel.finish("stop")


class Deaf(Parrot):
    """Goes on talking when it is told to stop."""

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer."""
        parts = PartsBuilder(self.endpoint)
        for word in request.messages[-1].text.split():
            channel.emit(parts.text(f"{word} "))
        channel.emit(parts.close_all())
        channel.finish("stop")


class Brave(Parrot):
    """Finishes whatever happens."""

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer."""
        with suppress(Exception):
            super().run_local(request, channel)
        channel.finish("stop")


class Mute(Parrot):
    """Has an answer without a word."""

    def run_local(self, request: Request, channel: LocalChannel) -> None:  # noqa: ARG002  # that is it
        """Answer."""
        channel.finish("stop")


class Endless(Parrot):
    """Never says that it is done."""

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer."""
        channel.emit(PartsBuilder(self.endpoint).text(request.messages[-1].text))


class Forgetful(Parrot):
    """Has an answer once."""

    asked = 0

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer."""
        self.asked += 1
        assert self.asked == 1
        super().run_local(request, channel)


def target_of(provider: type[LocalProvider]) -> Target:
    """Return a suite's target; it has no cassettes."""
    return Target(provider, "any")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_model_passes(check: Check) -> None:
    """As `new-plugin` makes one, too."""
    check(target_of(Parrot), TEXT)


@pytest.mark.parametrize(
    ("provider", "check", "says"),
    [
        (Mute, local.check_local_answer, "the text is ''"),
        (Endless, local.check_local_answer, "StreamInterruptedError"),
        (Forgetful, local.check_local_answer, "the second call"),
        (Deaf, local.check_local_stop, "times after it was told to stop"),
        (Brave, local.check_local_failure, "it must be a MalformedResponseError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_model_is_found(provider: type[LocalProvider], check: Check, says: str) -> None:
    """By the rule for models in this process, with what was done to it."""
    with pytest.raises(ConformanceFailure) as raised:
        check(target_of(provider), TEXT)
    assert raised.value.finding.rule == rules.LOCAL
    assert says in raised.value.finding.found


def test_only_a_model_in_this_process_is_asked() -> None:
    """A provider with a wire has the other faults."""
    assert [case.id for case in local.local_models(target_of(Parrot))] == ["text"]
    assert list(local.local_models(Target(Acme, "acme-1"))) == []
