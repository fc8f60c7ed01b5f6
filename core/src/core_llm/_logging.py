"""The package's logger. What it writes is redacted where the record is made, whoever handles it.

So is what the HTTP library below writes, which knows nothing of keys.
"""

from __future__ import annotations

import logging
from functools import cache

from core_llm._redaction import redact


class RedactingFilter(logging.Filter):
    """Takes secrets out of a record: its message and, with it, the text of its exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place; let every record pass."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info:
            # A handler would format the exception itself, whose arguments may hold a key: keep the redacted text only.
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


logger = logging.getLogger("core_llm")
_filter = RedactingFilter()
logger.addFilter(_filter)


@cache
def redact_logs_of(library: str) -> None:
    """Take secrets out of what an HTTP library logs: the address at level info, an answer's headers at level debug.

    A filter sees only what is logged through its own logger, so each that the library has gets it (httpx 0.28, httpcore
    1.0 and their forks; checked 2026-11).
    """
    core = library.replace("httpx", "httpcore")
    for name in (library, *(f"{core}.{room}" for room in ("connection", "http11", "http2", "proxy", "socks"))):
        logging.getLogger(name).addFilter(_filter)
