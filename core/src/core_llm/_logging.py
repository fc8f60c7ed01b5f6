"""The package's logger. What it writes is redacted where the record is made, whoever handles it."""

from __future__ import annotations

import logging

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
logger.addFilter(RedactingFilter())
