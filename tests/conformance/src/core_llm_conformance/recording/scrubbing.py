"""Scrubbing an answer: ids of accounts get other values, and so do the ids that nobody accounts for.

A value is replaced in the text of the body, so that all other bytes stay as they came.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from core_llm_conformance.recording.secrets import random_runs
from core_llm_conformance.recording.texts import frames_of, string_leaves

SCRUBBED = "scrubbed"
_ACCOUNT_FIELD = re.compile(
    r"""(?x)
    ("(?:(?:[a-zA-Z]+[_-]?)?(?i:organi[sz]ation|org|project|tenant|account|workspace|team|user|request|trace|billing)
         [_-]?(?:[Ii]d|ID|name|Name|uuid)
      |organi[sz]ation|account|workspace|tenant|project|safety_identifier|ip|ip_address|email)"\s*:\s*)
    (?:"((?:[^"\\]|\\.)*)"|(-?[0-9]+))"""
)
"""A field of JSON that says whose account it is, with a text or a number."""
_ACCOUNT_ID = re.compile(r"\b(org|user|proj|acct|team|wrkspc|req)([-_])(?=[A-Za-z]*[0-9])[A-Za-z0-9]{12,}\b")
_ID_FIELD = re.compile(r"(?i)^(?:id|.*_id|.*-id)$|[a-z]Id$")


def scrub_body(body: bytes, private: Mapping[str, str] | None = None) -> bytes:
    """Return a body in which the fields and ids of an account say nothing.

    Args:
        body: Decompressed.
        private: What else of the user's own may be in it → what stands there instead: a host, a project.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body  # binary frames; what is in them is searched, not changed
    text = _ACCOUNT_FIELD.sub(_without_value, text)
    text = _ACCOUNT_ID.sub(rf"\1\2{SCRUBBED}", text)
    for own, public in (private or {}).items():
        text = text.replace(own, public)
    return text.encode()


def scrub_ids(body: bytes, accounted: Collection[str]) -> bytes:
    """Return a body in which ids that chance made, and that the plugin makes nothing of, are numbered.

    One id has one number wherever it stands, so that what refers to it still does.
    """
    numbers: dict[str, str] = {}
    leaves = [leaf for frame in frames_of(body) for leaf in string_leaves(frame, "$")]
    for where, text in leaves:
        is_id = _ID_FIELD.search(where.rpartition(".")[2]) is not None
        if is_id and random_runs(text) and not any(text in one or one in text for one in accounted if one):
            numbers.setdefault(text, f"{SCRUBBED}-{len(numbers) + 1:04}")
    for own, number in sorted(numbers.items(), key=lambda pair: -len(pair[0])):
        body = body.replace(own.encode(), number.encode())
    return body


def _without_value(field: re.Match[str]) -> str:
    if field[3] is not None:
        return f"{field[1]}0"
    return field[0] if not field[2] else f'{field[1]}"{SCRUBBED}"'
