"""The allow-lists: which headers, query fields and fields of a body may be in a cassette. All else is taken out.

A request needs hardly any: what is written is what the plugin sends under its clean configuration, see `drafting`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from core_llm_conformance.recording.secrets import spellings
from core_llm_conformance.secret_names import is_secret_name
from core_llm_conformance.target import KEY

_REQUEST_NOISE = frozenset("accept-encoding connection content-length host transfer-encoding user-agent".split())
_RESPONSE_HEADERS = re.compile(
    r"""(?xi)^(?:
      content-type | date | retry-after | retry-after-ms | x-should-retry | www-authenticate | deprecation | sunset
    | [a-z0-9-]*ratelimit[a-z0-9-]* | [a-z0-9-]*-version
    )$"""
)
_REQUEST_IDS = re.compile(r"(?i)^(?:[a-z0-9-]*-)?(?:request|trace|generation|correlation)-?id$|^cf-ray$")
MADE_UP_ID = "made-up-0001"
"""Stands in for the id of a request, which tells who asked."""


def allowed_request_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be written: those of a plugin's wire, without credentials and noise."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if not is_secret_name(name) and name.lower() not in _REQUEST_NOISE and not _has_key(value)
    }


def allowed_url(url: str) -> str:
    """Return an address without user, password and keys."""
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_secret(*pair)]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, urlencode(query), ""))


def is_allowed_url(url: str) -> bool:
    """Whether an address has neither user, password nor key."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return "@" not in parts.netloc and not any(_is_secret(*pair) for pair in pairs)


def allowed_response_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be written; the ids of requests with another value."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if _REQUEST_IDS.match(name):
            found[name.lower()] = MADE_UP_ID
        elif _RESPONSE_HEADERS.match(name):
            found[name.lower()] = value
    return found


def _is_secret(name: str, value: str) -> bool:
    return is_secret_name(name) or _has_key(value)


def _has_key(value: str) -> bool:
    return any(spelling in value for spelling in spellings(KEY))
