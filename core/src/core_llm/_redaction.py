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

from core_llm._forks import renew_in_child

MASK = "[redacted]"
MIN_SECRET_LENGTH = 6
"""Shorter values are not registered: masking them would shred ordinary text."""
MAX_SECRETS = 1024
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

_AFTER_SCHEME = re.compile(r"(?i:bearer|basic|token|apikey|api-key) +(\S+)")


class _Secrets:
    """The known secrets. Plain search: to compile a pattern of thousands takes half a second, at each new token."""

    def __init__(self) -> None:
        self.begin_anew()
        self._forms_of: OrderedDict[str, set[str]] = OrderedDict()
        self._forms: tuple[str, ...] | None = ()
        """Every form of every secret, the longest first; None until it is made anew."""

    def begin_anew(self) -> None:
        self._lock = Lock()

    def add(self, value: str) -> None:
        with self._lock:
            if value in self._forms_of:
                return
            self._forms_of[value] = {form for form in _forms(value) if form not in MASK}
            while len(self._forms_of) > MAX_SECRETS:
                self._forms_of.popitem(last=False)
            self._forms = None

    def forms(self) -> tuple[str, ...]:
        with self._lock:
            if self._forms is None:
                self._forms = tuple(sorted(set().union(*self._forms_of.values()), key=len, reverse=True))
            return self._forms


_secrets = _Secrets()
renew_in_child(_secrets)


def register_secret(value: str) -> None:
    """Add one secret to the set that `redact` masks, in each form a message may hold it (plain, URL-quoted, base64).

    Of a header such as ``Bearer abc``, what follows the scheme is a secret of its own: a server echoes it alone.
    """
    value = value.strip()
    found = _AFTER_SCHEME.fullmatch(value)
    for secret in (value, *(found.groups() if found else ())):
        if len(secret) >= MIN_SECRET_LENGTH:
            _secrets.add(secret)


def redact(text: str) -> str:
    """Return `text` with every known secret, and whatever looks like one, replaced by ``[redacted]``."""
    if not text:
        return text
    for form in _secrets.forms():
        if form in text:
            text = text.replace(form, MASK)
    return _LOOKS_SECRET.sub(MASK, text)


def _forms(value: str) -> set[str]:
    """Return how a message may spell a secret."""
    encoded = value.encode("utf-8", "surrogatepass")  # a variable may hold bytes that are no text
    return {
        value,
        quote(encoded),
        quote(encoded, safe=""),
        b64encode(encoded).decode().rstrip("="),
        value.encode("unicode_escape").decode(),
        value.replace("/", "\\/"),  # as some servers write JSON
    }
