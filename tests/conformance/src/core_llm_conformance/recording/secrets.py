"""What looks like a secret in a text: a key that is known, in any spelling; a key's prefix; chance; an email address.

A finding shows the place and the kind, never the secret. What a text belongs to is `texts`' business.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

from core_llm_conformance.recording.texts import Text

MIN_SECRET = 8
"""Characters; a shorter key ("ollama") is a word that may stand anywhere, and no secret."""
MIN_RUN = 20
"""Letters and digits in a row from which a text may be a key."""
MIN_DIGITS = 3
MIN_LETTERS = 3
MIN_ENTROPY = 3.2
"""Bits a character. Hexadecimal digits by chance have 3.5 and more in so short a run, words in a row about 3."""

_PREFIXED = re.compile(
    r"""(?x)
      \b(?:sk|pk|rk)[-_](?:live[-_]|test[-_])?[A-Za-z0-9_-]{16,}
    | \b(?:xai-|gsk_|pplx-|hf_|csk-|tgp_|nvapi-|r8_|fw_|sess-)[A-Za-z0-9_-]{16,}
    | \b(?:gh[opsu]_|github_pat_|glpat-|xox[abprs]-)[A-Za-z0-9_-]{16,}
    | \bAIza[0-9A-Za-z_-]{30,}
    | \bya29\.[0-9A-Za-z_-]{20,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY
    | (?i:bearer)[ ](?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{20,}
    """
)
_ACCOUNT = re.compile(r"\b(?:org|user|proj|acct|team|wrkspc|req)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{12,}\b")
_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\b")
_MADE_UP_HOST = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$", re.IGNORECASE)
_RUN = re.compile(rf"[A-Za-z0-9]{{{MIN_RUN},}}")
_BLANKS = re.compile(r"\s+")

_IN_ORDER = "0123456789abcdefghijklmnopqrstuvwxyz"
"""What made-up keys have in them, and many a text."""

OPAQUE_FIELDS = re.compile(
    r"""(?xi)^(?:
      .*(?:signature|encrypted|fingerprint|obfuscation|digest|hash|checksum|b64|base64|embedding).*
    | id | .*_id | .*-id | [a-z]+Id | .*data | etag
    )$"""
)
"""Names of fields that hold chance by nature: ids, signatures, data. Known keys and prefixes are found in them too."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that looks like a secret.

    Attributes:
        where: The place.
        what: Its kind, with as much of it as may be shown.
    """

    where: str
    what: str

    def __str__(self) -> str:
        """Say what and where."""
        return f"{self.what} at {self.where}"


def suspects_in(
    texts: Iterable[Text],
    *,
    secrets: Collection[str] = (),
    accounted: Collection[str] = (),
    opaque: Collection[str] = (),
) -> list[Suspect]:
    """Return what looks like a secret, each kind once a place.

    Args:
        texts: Where to look.
        secrets: Keys that are known; they are found however they are spelt, in pieces and backwards too.
        accounted: Strings that chance may have made and that are known to be no secrets, such as opaque ids.
        opaque: Names of more fields whose values chance makes.
    """
    found: dict[Suspect, None] = {}
    for text in texts:
        for suspect in _suspects(text, secrets):
            found[suspect] = None
        if text.kind == "value" and text.field not in opaque and not OPAQUE_FIELDS.match(text.field):
            for suspect in _random(text, accounted):
                found[suspect] = None
    return list(found)


def _suspects(text: Text, secrets: Collection[str]) -> Iterator[Suspect]:
    readings = _readings(text.text)
    for secret in secrets:
        if any(spelling in reading for spelling in spellings(secret) for reading in readings):
            yield Suspect(text.where, "the key, or a part of it, in some spelling")
    if text.kind == "joint":
        return
    if match := _PREFIXED.search(text.text):
        yield Suspect(text.where, f"what begins like a key ({match[0][:4]}…, {len(match[0])} characters)")
    if match := _ACCOUNT.search(text.text):
        yield Suspect(text.where, f"the id of an account or a request ({match[0][:5]}…)")
    for email in _EMAIL.finditer(text.text):
        if not _MADE_UP_HOST.search(email[1]):
            yield Suspect(text.where, f"an email address (…@{email[1]})")


def _random(text: Text, accounted: Collection[str]) -> Iterator[Suspect]:
    for run in random_runs(text.text):
        if not any(run in known for known in accounted):
            yield Suspect(text.where, f"what chance may have made ({run[:3]}…, {len(run)} characters)")


def random_runs(text: str) -> list[str]:
    """Return the runs of letters and digits that are no words: long, mixed, and as varied as chance makes them."""
    return [run for run in _RUN.findall(text) if _is_random(run)]


@lru_cache(maxsize=256)
def spellings(secret: str) -> tuple[str, ...]:
    """Return how a text may spell a secret or a part of it: plain, backwards, hexadecimal, base64 of either alphabet.

    Quoting (of addresses, of HTML, of JSON) is undone in the text instead.
    """
    if len(secret) < MIN_SECRET:
        return ()
    forms = {secret, secret[::-1]}
    for part in _parts(secret):
        forms |= {part, part[::-1]}
    encoded = secret.encode()
    forms |= {encoded.hex(), encoded.hex().upper()}
    for shift in range(3):
        core = _base64_core(encoded, shift)
        forms |= {core, core.replace("+", "-").replace("/", "_")}
    return tuple(sorted(forms))


def _parts(secret: str) -> Iterator[str]:
    """Yield every piece of a quarter of a secret's length, without those that may be words."""
    size = max(MIN_SECRET, len(secret) // 4)
    for start in range(len(secret) - size + 1):
        part = secret[start : start + size]
        is_word = not re.search(r"[0-9A-Z]", part) or len(set(part)) <= size // 2
        if not is_word and part.lower() not in _IN_ORDER:
            yield part


def _base64_core(data: bytes, shift: int) -> str:
    """Return the characters that base64 makes of `data` alone, `shift` bytes after a multiple of three."""
    text = base64.b64encode(b"\0" * shift + data).decode()
    return text[math.ceil(8 * shift / 6) : (8 * (shift + len(data))) // 6]


def _readings(text: str) -> tuple[str, ...]:
    """Return a text as it is, without its blanks, and with every quoting undone."""
    read = {text, _BLANKS.sub("", text)}
    for undo in (unquote, html.unescape, _without_escapes):
        read |= {undo(text)}
    return tuple(read)


def _without_escapes(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).replace("\\/", "/")


def _is_random(run: str) -> bool:
    digits = sum(character.isdigit() for character in run)
    if digits < MIN_DIGITS or len(run) - digits < MIN_LETTERS:
        return False
    steps = [ord(after) - ord(before) for before, after in pairwise(run)]
    if steps.count(1) > len(steps) // 2:  # an alphabet
        return False
    counts = Counter(run)
    entropy = -sum(count / len(run) * math.log2(count / len(run)) for count in counts.values())
    return entropy >= MIN_ENTROPY
