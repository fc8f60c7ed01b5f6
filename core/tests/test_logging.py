"""The package's logger: no secret gets into a record, whoever handles it."""

from __future__ import annotations

import io
import logging

import pytest

from core_llm._logging import logger
from core_llm._redaction import register_secret

KEY = "log-secret-83b1d0"


@pytest.fixture(autouse=True)
def known_key() -> None:
    """Make the key known, as reading it does."""
    register_secret(KEY)


def test_a_message_and_its_arguments_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """The record itself is clean, so that every handler's output is."""
    with caplog.at_level(logging.INFO, logger="core_llm"):
        logger.info("sent %s to %d", KEY, 1)
    assert caplog.messages == ["sent [redacted] to 1"]
    assert KEY not in str(vars(caplog.records[0]))


def test_a_traceback_is_redacted_and_kept() -> None:
    """The exception's text is in the output without the key."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.warning("failed", exc_info=ValueError(f"bad key {KEY}"))
    logger.removeHandler(handler)
    assert stream.getvalue() == "failed\nValueError: bad key [redacted]\n"


def test_no_handler_sees_the_exception_itself(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that formats exceptions by itself, as error trackers do, has no object to take a key from."""
    logger.warning("failed", exc_info=ValueError(KEY))
    record = caplog.records[0]
    assert record.exc_info is None
    assert record.exc_text == "ValueError: [redacted]"
