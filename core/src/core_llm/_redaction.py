"""The secrets this process knows, and the one function that takes them out of a text.

Every API key and token joins the set the moment it is read (`register_secret`); every error and log record that this
package makes passes its texts through `redact`. What looks like a key without being known is masked by pattern, since a
server may echo a key that the user sent by other means (a proxy, an extra header).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import OrderedDict
from threading import Lock
from urllib.parse import quote

MASK = "[redacted]"
MIN_SECRET_LENGTH = 6
"""Shorter values are not registered: masking them would shred ordinary text."""
MAX_SECRETS = 4096
"""Short-lived tokens are forgotten, oldest first, so that a process that runs for a year stays flat."""

_LOOKS_SECRET = re.compile(
    r"""(?xi)
      \b(?:sk-|pk-|rk-|xai-|gsk_|pplx-|hf_|csk-|tgp_|nvapi-|r8_|fw_|ghp_|glpat-)[a-z0-9_\-]{16,}
    | \bAIza[0-9a-z_\-]{30,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \beyJ[a-z0-9_\-]{10,}\.[a-z0-9_\-]{10,}\.[a-z0-9_\-]*
    | (?<=bearer[ ])[a-z0-9._~+/\-]{8,}=*
    | (?<=[?&]key=)[^&\s"']+
    | (?<=api[-_]key=)[^&\s"']+
    """
)

_lock = Lock()
_known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
_pattern: re.Pattern[str] | None = None


def register_secret(value: str) -> None:
    """Add one secret to the set that `redact` masks, in each form a message may hold it (plain, URL-quoted, base64)."""
    global _pattern  # noqa: PLW0603  # one set of secrets a process; guarded by _lock
    value = value.strip()
    if len(value) < MIN_SECRET_LENGTH or value in _known:
        return
    forms = {value, quote(value, safe=""), quote(value), b64encode(value.encode()).decode().rstrip("=")}
    forms.add(value.encode("unicode_escape").decode())
    with _lock:
        _known[value] = tuple(forms)
        while len(_known) > MAX_SECRETS:
            _known.popitem(last=False)
        _pattern = None


def redact(text: str) -> str:
    """Return `text` with every known secret, and whatever looks like one, replaced by ``[redacted]``."""
    global _pattern  # noqa: PLW0603  # the same
    if not text:
        return text
    with _lock:
        if _pattern is None and _known:
            forms = {form for known in _known.values() for form in known}
            _pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
        pattern = _pattern
    if pattern is not None:
        text = pattern.sub(MASK, text)
    return _LOOKS_SECRET.sub(MASK, text)
