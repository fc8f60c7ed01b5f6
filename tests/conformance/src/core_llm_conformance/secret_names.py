"""Which names of headers and query fields carry a key, or what is made of one."""

from __future__ import annotations

import re

_HOLDS_KEY = re.compile(
    r"(?i)(?:^|[-_]|api|access|auth)(?:authorization|cookie|key|secret|token|credential|password|signature|sig)s?$"
    r"|idempotency|^x-amz-"
)
_IS_PLACE = re.compile(r"(?i)(?:page|next|continuation|sync)[-_]?tokens?$|(?:max|min)[-_]?tokens$")
"""Where a list goes on, and how much is wanted: no secrets."""


def is_secret_name(name: str) -> bool:
    """Whether a header or query field of such a name carries a key, or what is made of one."""
    return _HOLDS_KEY.search(name) is not None and _IS_PLACE.search(name) is None
