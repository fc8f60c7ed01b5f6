"""Whether a cassette may be published, both before it is written and as a test of what is committed.

Nothing is in it but what the allow-lists have, and nothing like a secret; its head says where it comes from; it is
short enough to be read.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator

from core_llm_conformance._replay_core import Replay
from core_llm_conformance.cassette import Cassette, Interaction
from core_llm_conformance.failure import fail
from core_llm_conformance.matching import owned_by
from core_llm_conformance.playing import answer_of
from core_llm_conformance.recording.allowed import allowed_response_headers, is_allowed_url
from core_llm_conformance.recording.drafting import play_clean
from core_llm_conformance.recording.secrets import Suspect, suspects_in
from core_llm_conformance.recording.texts import Text, string_leaves, texts_of
from core_llm_conformance.recording.writing import MAX_BYTES
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.secret_names import is_secret_name
from core_llm_conformance.target import KEY, Target
from core_llm_conformance.telling import accounted_for

COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"\x78\xda")
"""How gzip, zstd and zlib begin."""
_IS_TEXT = re.compile(r"(?i)^(?:text/|application/(?:[a-z.+-]*json|x-ndjson|problem))")
_LEVEL = re.compile(r"^\d+\.\d+$")


def check_cassette_is_clean(cassette: Cassette, target: Target | None = None, *, today: dt.date | None = None) -> None:
    """Check that a cassette may be published.

    Args:
        cassette: As it was read.
        target: The plugin whose cassette it is: it knows the use of strings that chance made (ids, signatures) where
            their fields' names do not tell.
        today: In place of the clock.

    Raises:
        ConformanceFailure: It may not; says all that is wrong.
    """
    secrets = (KEY,)
    found = [*wrong_in_head(cassette, today=today), *wrong_in_form(cassette)]
    suspects = suspects_of(cassette, secrets=secrets)
    if suspects and target is not None:
        suspects = suspects_of(cassette, secrets=secrets, accounted=accounted_in(cassette, target))
    found += map(str, suspects)
    if found:
        raise fail(
            "a cassette holds nothing that must not be published, and says where it comes from",
            "; ".join(found),
            scenario=cassette.path.stem,
            look_at=f"{cassette.path}; if a key was in it, revoke that key, then record the cassette anew",
        )


def age(cassette: Cassette, today: dt.date | None = None) -> dt.timedelta:
    """Return how long ago a cassette was recorded, or its page read."""
    return (today or _today()) - cassette.head.date


def wrong_in_head(cassette: Cassette, *, today: dt.date | None = None) -> Iterator[str]:
    """Yield what is wrong with a cassette's head."""
    head = cassette.head
    if head.scenario != cassette.path.stem:
        yield f"its head is of scenario {head.scenario!r}"
    for name in ("source", "model", "plugin"):
        if not getattr(head, name).strip():
            yield f"its head has no {name}"
    if not _LEVEL.match(head.suite):
        yield f"its head has suite {head.suite!r}, which is no version such as 1.0"
    if age(cassette, today) < dt.timedelta(days=-1):  # the date of another time zone is no mistake
        yield f"its date, {head.date}, is in the future"


def wrong_in_form(cassette: Cassette) -> Iterator[str]:
    """Yield what no cassette has: credentials, other headers than allowed, compressed bodies, too many bytes."""
    if cassette.path.is_file() and (size := cassette.path.stat().st_size) > MAX_BYTES:
        yield f"it has {size:,} bytes; {MAX_BYTES:,} is the most"
    for number, interaction in enumerate(cassette.interactions):
        where = f"interaction {number}"
        for name in interaction.request_headers:
            if is_secret_name(name):
                yield f"{where}: the request has a header {name}"
        if not is_allowed_url(interaction.url):
            yield f"{where}: the address has a key, a user or a password"
        kept = allowed_response_headers(interaction.headers)
        for name, value in interaction.headers.items():
            if kept.get(name) != value:
                yield f"{where}: the answer has a header {name}"
        if interaction.body.startswith(COMPRESSED):
            yield f"{where}: the answer is compressed"
        elif _IS_TEXT.match(interaction.headers.get("content-type", "")) and not _is_utf8(interaction.body):
            yield f"{where}: the answer says that it is text, and is not UTF-8"


def suspects_of(
    cassette: Cassette, *, secrets: Collection[str] = (), accounted: Collection[str] | None = None
) -> list[Suspect]:
    """Return what looks like a secret anywhere in a cassette, whole or cut by a stream.

    Args:
        cassette: The cassette.
        secrets: Keys that are known.
        accounted: Strings by chance that are no secrets; None where that is not known: requests, which hold the data
            of files, are then not searched for chance.
    """
    texts = list(_head_texts(cassette))
    for number, interaction in enumerate(cassette.interactions):
        texts += _texts(interaction, f"interaction {number}", knows_files=accounted is not None)
    return suspects_in(texts, secrets=secrets, accounted=accounted or (), opaque=cassette.head.opaque)


def accounted_in(cassette: Cassette, target: Target) -> frozenset[str]:
    """Return the strings by chance that the plugin makes use of, and those that the scenario sends."""
    scenario = BY_NAME.get(cassette.head.scenario)
    if scenario is None:
        return frozenset()
    found: set[str] = set()
    for mode in scenario.modes:
        if interactions := cassette.of(mode):
            played = play_clean(target, scenario, mode, Replay(*map(answer_of, interactions)))
            found |= accounted_for(played)
            found.update(owned_by(target, scenario, played.responses).texts)
    return frozenset(found)


def _head_texts(cassette: Cassette) -> Iterator[Text]:
    said = cassette.head.model_dump(mode="json")
    return (Text(f"head{where[1:]}", text) for where, text in string_leaves(said, "$"))


def _texts(interaction: Interaction, where: str, *, knows_files: bool) -> Iterator[Text]:
    yield Text(f"{where}, address", interaction.url)
    for side, headers in (("request", interaction.request_headers), ("answer", interaction.headers)):
        for name, value in headers.items():
            yield Text(f"{where}, {side}'s header {name}", value)
    for side, body in (("request", interaction.request_body), ("answer", interaction.body)):
        is_searched = knows_files or side == "answer"
        for text in texts_of(body):
            kind = text.kind if is_searched or text.kind == "joint" else "raw"
            yield Text(f"{where}, {side}'s body, {text.where}", text.text, kind)
        yield Text(f"{where}, {side}'s body", body.decode("utf-8", "replace"), "raw")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
