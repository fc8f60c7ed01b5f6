"""Broken in the suite class itself: a test overridden, deleted, or excused without a reason."""

from __future__ import annotations

from core_llm_conformance import ProviderSuite, Xfail
from core_llm_conformance.target import Target

from .bugs import suite_bug

LATER = "https://acme.example/issues/1"


@suite_bug("users-pains, langchain-tests: no overrides", says="test_registers_through_its_entry_point is overridden")
class OverriddenTest(ProviderSuite):
    """A test is overridden by one that always passes."""

    def test_registers_through_its_entry_point(self) -> None:  # type: ignore[override]  # the bug
        """Pass."""


@suite_bug("users-pains, langchain-tests: no deletions", says="test_truncation is deleted")
class DeletedTest(ProviderSuite):
    """A test is set to None, so that it is not collected."""

    test_truncation = None  # type: ignore[assignment]  # the bug


@suite_bug("users-pains 11 of the recommendations: reason + URL", says="has no reason")
class XfailWithoutReason(ProviderSuite):
    """A test may fail, and nobody says why."""

    xfail = {"test_truncation": Xfail(" ", LATER)}  # noqa: RUF012  # as authors write it


@suite_bug("users-pains 11 of the recommendations: reason + URL", says="has the URL 'later'")
class XfailWithoutUrl(ProviderSuite):
    """A test may fail, and nobody follows it up."""

    xfail = {"test_truncation": Xfail("our proxy cuts", "later")}  # noqa: RUF012  # as authors write it


@suite_bug("users-pains 56: tests xfailed wholesale", says="which is no test of the suite")
class XfailOfNothing(ProviderSuite):
    """What may fail is a test that does not exist any more."""

    xfail = {"test_truncations": Xfail("our proxy cuts", LATER)}  # noqa: RUF012  # as authors write it


@suite_bug("users-pains, SQLAlchemy: skips that hide", says="it overrides make_target")
class OtherTarget(ProviderSuite):
    """The suite is played to another plugin than the one that is named."""

    @classmethod
    def make_target(cls) -> Target:
        """Return another plugin."""
        return super().make_target()
