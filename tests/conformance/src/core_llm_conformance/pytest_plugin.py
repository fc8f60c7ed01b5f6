"""The pytest plugin: it repeats the tests of a suite class over their cases and hands them the target.

It is loaded in every run of pytest where the suite is installed, so it imports nothing until a suite class is met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from core_llm_conformance.target import Target


@pytest.fixture(scope="class")
def target(request: pytest.FixtureRequest) -> Target:
    """The plugin under test."""
    made: Target = request.cls.make_target()
    return made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test of a suite class over the cases that apply to its plugin."""
    found = _each_of(metafunc)
    if found is None:
        return
    cases = list(found.source(metafunc.cls.make_target()))
    if cases:
        metafunc.parametrize(found.argument, [case.value for case in cases], ids=[case.id for case in cases])
    else:
        metafunc.parametrize(found.argument, [None], ids=["not-applicable"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that have nothing to be repeated over; the report names them."""
    left_out = [item for item in items if item.name.endswith("[not-applicable]")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _each_of(metafunc: pytest.Metafunc) -> Any:  # noqa: ANN401  # imported only where a suite is
    if metafunc.cls is None or not hasattr(metafunc.cls, "make_target"):
        return None
    from core_llm_conformance.each import each_of  # noqa: PLC0415

    return each_of(metafunc.function)
