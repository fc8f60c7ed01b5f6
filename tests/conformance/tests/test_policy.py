"""What a suite class may not do: each way of making a test go away fails the run, and says what to do instead."""

from __future__ import annotations

import pytest

import core_llm_conformance.suite_run  # noqa: F401  # imported once: pytester forgets what an inner run imports

pytest_plugins = ["pytester"]

SUITE = """
from core_llm import Provider
from core_llm.wire import ChatCompletions
from core_llm_conformance.base import SuiteBase
from core_llm_conformance.each import Case, each
from core_llm_conformance.failure import fail


class Acme(Provider):
    name = "acme"
    base_url = "https://api.acme.example/v1"
    wire_format = ChatCompletions


def letters(target):
    return [Case("a", "A"), Case("b", "B")]


class SmallSuite(SuiteBase, layer="contract"):
    @each("letter", letters)
    def test_letters(self, target, letter):
        assert letter in "AB"

    def test_once(self, target):
        assert target.name == "acme"

    def test_broken(self, target):
        raise fail("it holds", "it does not")
"""
HEAD = """
import pytest
from core_llm_conformance import Xfail
from small import Acme, SmallSuite

KNOWN = {"test_broken": Xfail("not yet", "https://acme.example/1")}

"""
GOOD = """
class TestAcme(SmallSuite):
    provider = Acme
    model = "acme-1"
    xfail = KNOWN
"""


ALONE = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]


@pytest.fixture
def small(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a folder with a suite of three tests, one of which Acme does not pass."""
    pytester.makepyfile(small=SUITE)
    return pytester


def run(small: pytest.Pytester, body: str, *arguments: str) -> pytest.RunResult:
    """Run a test file that begins with the usual imports."""
    path = small.makepyfile(test_acme=HEAD + body)
    return small.runpytest_inprocess(path, *ALONE, *arguments)


def refused(result: pytest.RunResult, *words: str) -> None:
    """Check that the class was refused when tests were collected, in these words."""
    result.assert_outcomes(errors=1)
    text = " ".join(result.stdout.str().split())
    assert "TestAcme cannot be counted as a run of the conformance suite:" in text
    assert [word for word in words if word not in text] == []


def test_a_class_that_says_what_it_must_passes(small: pytest.Pytester) -> None:
    """A known failure is no failure, and everything else runs."""
    result = run(small, GOOD)
    result.assert_outcomes(passed=3, xfailed=1)
    assert result.ret == 0


def test_the_class_may_have_any_name(small: pytest.Pytester) -> None:
    """A suite class is collected though its name does not begin with Test, so that it cannot be forgotten."""
    result = run(small, GOOD.replace("TestAcme", "AcmeConformance"))
    result.assert_outcomes(passed=3, xfailed=1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    def test_once(self, target): pass", "test_once is overridden; the suite's tests stand as they are"),
        ("    test_once = None", "test_once is deleted"),
        ("    test_once = 'gone'", "test_once is deleted"),
        ("    test_twice = SmallSuite.test_once\n    test_once = None", "test_once is deleted"),
        ("    @pytest.mark.xfail\n    def test_once(self): pass", "An override counts only with"),
        ("    @pytest.mark.xfail(strict=True, reason='hm')\n    def test_once(self): pass", "why, and a URL"),
        ("    @classmethod\n    def make_target(cls): pass", "it overrides make_target"),
        ("    cassette = 'here'", "'cassette' means nothing to the suite (do you mean 'cassettes'?)"),
        ("    models = {'txt': 'acme-2'}", "'txt', which is no scenario (do you mean 'text'?)"),
        ("    models = ['acme-2']", "models is a list; it must be a dict"),
        ("    model = ''", "it does not say which model the scenarios ask"),
    ],
)
def test_what_a_class_must_not_say_is_refused(small: pytest.Pytester, body: str, words: str) -> None:
    """Overriding, deleting and renaming, and what would mean nothing."""
    refused(run(small, GOOD + body), words)


def test_what_a_class_must_say_is_asked_for(small: pytest.Pytester) -> None:
    """Without provider and model the author is told both, and how."""
    result = run(small, "class TestAcme(SmallSuite):\n    pass")
    refused(result, 'add provider = "<the name of its entry point>"', 'add model = "<as the provider names it>"')


def test_a_patched_suite_is_noticed(small: pytest.Pytester) -> None:
    """Who changes the suite's own class has overridden its test, too."""
    refused(run(small, GOOD + "\nSmallSuite.test_broken = lambda self, target: None"), "test_broken is overridden")


def test_a_test_taken_out_of_the_suite_is_noticed(small: pytest.Pytester) -> None:
    """Who takes a test out of the suite's own class has deleted it."""
    refused(run(small, GOOD + "\ndel SmallSuite.test_broken"), "test_broken is deleted")


@pytest.mark.parametrize(
    ("xfail", "words"),
    [
        ("{'test_onse': Xfail('not yet', 'https://a.example/1')}", "no test of the suite (do you mean 'test_once'?)"),
        ("{'test_letters[c]': Xfail('not yet', 'https://a.example/1')}", "which is no test for this plugin"),
        ("{'test_once': Xfail(' ', 'https://a.example/1')}", "the xfail of 'test_once' has no reason"),
        ("{'test_once': Xfail('not yet', 'see the tracker')}", "has the URL 'see the tracker'"),
        ("{'test_once': 'not yet'}", "it must be Xfail(reason=…, url=…)"),
    ],
)
def test_an_xfail_must_be_whole(small: pytest.Pytester, xfail: str, words: str) -> None:
    """It names a test that there is, a reason, and a page."""
    refused(run(small, f"class TestAcme(SmallSuite):\n    provider, model = Acme, 'a'\n    xfail = {xfail}"), words)


def test_an_xfail_that_passes_fails(small: pytest.Pytester) -> None:
    """What was mended must be taken out of the list."""
    result = run(small, GOOD + "    xfail = KNOWN | {'test_letters[b]': Xfail('not yet', 'https://acme.example/2')}")
    result.assert_outcomes(passed=2, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "rule: a test that is known to fail fails",
            "  found     it passed, though it is marked xfail: not yet (https://acme.example/2)",
        ]
    )


def test_an_override_may_be_known_to_fail(small: pytest.Pytester) -> None:
    """With a strict mark, a reason and a URL, an override counts as what the table of xfails says."""
    mark = "@pytest.mark.xfail(strict=True, reason='not yet: https://acme.example/3')"
    result = run(small, f"{GOOD}    {mark}\n    def test_once(self, target):\n        raise ValueError")
    result.assert_outcomes(passed=2, xfailed=2)
    result.stdout.fnmatch_lines(["  known to fail: test_once: not yet (https://acme.example/3)"])


@pytest.mark.parametrize("mark", ["skip", "skipif(True, reason='later')", "xfail(run=False, reason='later')"])
def test_a_mark_does_not_excuse(small: pytest.Pytester, mark: str) -> None:
    """A test that is skipped, or that some mark expects to fail, has failed."""
    result = run(small, f"pytestmark = pytest.mark.{mark}\n{GOOD}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["rule: a test of the suite runs, or is known to fail by the class's own xfail"])
    result.stdout.fnmatch_lines(["TestAcme: acme does not conform to 1.0"])
    result.stdout.no_fnmatch_line("*passed*")


def test_a_mark_does_not_repeat(small: pytest.Pytester) -> None:
    """The suite alone says what its tests are repeated over."""
    mark = "@pytest.mark.parametrize('other', [1], indirect=True)\n"
    fixture = "@pytest.fixture\ndef other(request): pass\n@pytest.fixture(autouse=True)\ndef always(other): pass\n"
    refused(run(small, fixture + mark + GOOD.lstrip()), "test_once is repeated over other")


@pytest.mark.parametrize(
    "hook",
    [
        "def pytest_collection_modifyitems(items): items[:] = [i for i in items if 'once' not in i.name]",
        "def pytest_collection_finish(session): session.items[:] = [i for i in session.items if 'once' not in i.name]",
        "def pytest_runtest_protocol(item): return 'once' in item.name or None",
    ],
)
def test_a_hook_does_not_hide(small: pytest.Pytester, hook: str) -> None:
    """A test that a conftest.py keeps from running fails the run."""
    small.makeconftest(hook)
    result = run(small, GOOD)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 tests were kept from running: test_once. Nothing on the command line*"])


def test_addopts_do_not_hide(small: pytest.Pytester) -> None:
    """What is always left out is hidden as well."""
    small.makeini("[pytest]\naddopts = -k 'not once'\n")
    assert run(small, GOOD).ret == 1


def test_a_fixture_of_the_author_s_does_not_take_the_target_s_place(small: pytest.Pytester) -> None:
    """The tests get the suite's target, whatever else is called so."""
    small.makeconftest("import pytest\n@pytest.fixture\ndef target(): return None")
    run(small, GOOD).assert_outcomes(passed=3, xfailed=1)


@pytest.mark.parametrize("option", ["-k once", "--deselect test_acme.py::TestAcme::test_letters", "--co"])
def test_who_asks_for_some_of_the_tests_gets_them(small: pytest.Pytester, option: str) -> None:
    """On the command line tests may be left out; the plugin is then not said to conform."""
    result = run(small, GOOD, *option.split())
    assert result.ret == 0
    assert "were kept from running" not in result.stdout.str()


def test_a_class_that_nobody_asked_for_is_not_reported(small: pytest.Pytester) -> None:
    """Of two classes in a file, the one that was named is run and told."""
    path = small.makepyfile(test_acme=HEAD + GOOD + GOOD.replace("TestAcme", "TestOther"))
    result = small.runpytest_inprocess(f"{path}::TestOther", *ALONE)
    result.assert_outcomes(passed=3, xfailed=1)
    assert "TestAcme:" not in result.stdout.str()
