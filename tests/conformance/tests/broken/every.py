"""All the bugs there are: importing the modules that have them enters them in the list."""

from __future__ import annotations

from . import (
    calls,
    declared,
    endings,
    errors,
    impure,
    kept,
    others,
    packaged,
    refused,
    requests,
    subtle_answers,
    subtle_calls,
    subtle_requests,
    texts,
    thoughts,
    usage,
)
from .bugs import BUGS, Bug

__all__ = ["BUGS", "PLAIN", "SUBTLE", "Bug"]
_ROOMS = (calls, declared, endings, errors, impure, kept, others, packaged, refused, requests, subtle_answers)
_MORE_ROOMS = (subtle_calls, subtle_requests, texts, thoughts, usage)
PLAIN = [bug for bug in BUGS if not bug.is_subtle]
SUBTLE = [bug for bug in BUGS if bug.is_subtle]
