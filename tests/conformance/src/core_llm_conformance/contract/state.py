"""Whether a wire keeps something between calls: the same in, the same out, in whatever order and thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import zip_longest

from pydantic import BaseModel

from core_llm import CoreLLMError, Request, StreamEvent
from core_llm.wire import Decoder, WireFormat, WireRequest
from core_llm_conformance.contract.broken_frames import ABSENT, odd_answers
from core_llm_conformance.contract.purity import all_classes, made_wires, runs
from core_llm_conformance.contract.samples import Answer, Decoded, answers, decoded, facts_of, requests
from core_llm_conformance.contract.sources import TESTS, is_own, wires_of
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

RULE = "a wire keeps nothing between calls: one client makes many at the same time, in several threads"
THREADS = 8
DEPTH = 4
PLAIN = (str, int, float, bool, bytes, type(None), list, tuple, dict, set, frozenset)


def check_encoding_is_repeatable(target: Target) -> None:
    """Raise unless each request is encoded alike, whenever and in whatever thread, and is left as it was.

    Raises:
        ConformanceFailure: One is not.
    """
    for kind in wires_of(target):
        wire, first = _made(kind, target), []
        for request in requests(target.model):
            before = request.model_dump_json()
            try:
                body = plain_of(wire.encode_request(request))
            except CoreLLMError:  # it says that it cannot
                continue
            if request.model_dump_json() != before:
                raise fail(RULE, "the request is another after it was encoded", sent=before, look_at=_where(kind))
            first.append((request, body))
        _again(kind, wire, first)
        _in_threads(kind, wire, first)


_Told = list[tuple[Request, dict[str, object]]]


def _again(kind: type[WireFormat], wire: WireFormat, first: _Told) -> None:
    for request, body in reversed(first):
        if (other := plain_of(wire.encode_request(request))) != body:
            found = f"a request encoded again, after others, is another: {other}"
            raise fail(RULE, found, sent=str(body), look_at=_where(kind))


def _in_threads(kind: type[WireFormat], wire: WireFormat, first: _Told) -> None:
    """Encode in several threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            asked = [request for request, _ in first] * THREADS
            others = list(pool.map(lambda request: plain_of(wire.encode_request(request)), asked))
    finally:
        sys.setswitchinterval(interval)
    for (_, body), other in zip(first * THREADS, others, strict=True):
        if other != body:
            found = f"a request encoded in {THREADS} threads at once is another: {other}"
            raise fail(RULE, found, sent=str(body), look_at=_where(kind))


def check_decoders_are_independent(target: Target) -> None:
    """Raise unless each stream is decoded alike: twice, by another wire, and with a second stream between its frames.

    Raises:
        ConformanceFailure: One is not.
    """
    streams = [answer for answer in answers(target) if answer.mode == "stream"]
    for answer, other in zip(streams, [*streams[1:], *streams[:1]], strict=True):
        wire = target.loaded.wire(answer.request.model)
        alone = decoded(wire.decoder(answer.request), answer.frames)
        fresh = _made(type(wire), target)
        for what, again in (
            ("decoded a second time", decoded(wire.decoder(answer.request), answer.frames)),
            ("decoded by a new wire", decoded(fresh.decoder(answer.request), answer.frames)),
            (f"decoded while {other.name} is", _interleaved(target, answer, other)),
        ):
            if again != alone:
                found = f"{what}, it is another: {_first_difference(alone, again)}"
                raise fail(
                    RULE, found, scenario=answer.name, look_at=f"{_where(type(wire))}: made-up ids, class attributes"
                )


def check_made_up_values_are_stable(target: Target) -> None:
    """Raise unless answers in which a field is missing, an id say, are decoded alike each time.

    Raises:
        ConformanceFailure: They are not: what stands in for the field is made of chance, or of what came before.
    """
    rule = "what a decoder makes up for a missing field depends on the answer alone: a retry, a replay makes the same"
    streams = (answer for answer in answers(target) if answer.mode == "stream")
    for answer, odd in odd_answers(streams, ABSENT):
        wire = target.loaded.wire(answer.request.model)
        first, second = (decoded(wire.decoder(answer.request), odd.frames) for _ in range(2))
        if first != second:
            found = f"{odd.what}, and a second time it is another: {_first_difference(first, second)}"
            raise fail(rule, found, scenario=answer.name, event=odd.number, look_at=_where(type(wire)))


def _interleaved(target: Target, answer: Answer, other: Answer) -> Decoded | str:
    """Decode `answer`, with a frame of `other` decoded after each of its own."""
    mine = target.loaded.wire(answer.request.model).decoder(answer.request)
    theirs = target.loaded.wire(other.request.model).decoder(other.request)
    events: list[StreamEvent] = []
    try:
        for frame, between in zip_longest(answer.frames, other.frames):
            if frame is not None and not mine.is_done:
                events += mine.feed(frame)
            if between is not None and not theirs.is_done:
                _feed(theirs, between)
        events += mine.close()
    except Exception as error:  # noqa: BLE001  # as in `decoded`
        return f"{type(error).__name__}: {error}"
    return Decoded(tuple(events), facts_of(mine))


def _feed(decoder: Decoder, frame: object) -> None:
    try:
        decoder.feed(frame)  # type: ignore[arg-type]  # a frame of the other stream
    except Exception:  # noqa: BLE001  # it may be an error's stream
        return


def _first_difference(one: Decoded | str, other: Decoded | str) -> str:
    if isinstance(one, str) or isinstance(other, str):
        return f"{other} in place of {one}"
    for number, (mine, theirs) in enumerate(zip_longest(one.events, other.events)):
        if mine != theirs:
            return f"event {number} is {theirs} in place of {mine}"
    return f"{other.facts} in place of {one.facts}"


def check_nothing_is_kept(target: Target) -> None:
    """Raise if encoding and decoding change anything of the plugin's modules, classes, provider or wire.

    Raises:
        ConformanceFailure: They do.
    """
    wires = made_wires(target)
    steps, holders = list(runs(target, wires)), _holders(target, wires)
    for _, run in steps:  # what is computed once, and then kept for good, is there after this
        _run(run)
    before = dict(_state(holders))
    for what, run in steps:
        _run(run)
        after = dict(_state(holders))
        changed = [name for name in before if before[name] != after.get(name)]
        if changed:
            found = f"after it {what}, {changed[0]} is {after.get(changed[0])} and was {before[changed[0]]}"
            raise fail(RULE, found, look_at=changed[0])


def _run(run: object) -> None:
    try:
        run()  # type: ignore[operator]  # `runs` yields functions
    except Exception:  # noqa: BLE001  # what it should have come to is judged by other tests
        return


def _holders(target: Target, wires: list[WireFormat]) -> dict[str, object]:
    """Return the plugin's classes, modules and objects by how a failure names them."""
    classes = all_classes(target)
    holders: dict[str, object] = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in classes}
    for name in dict.fromkeys(kind.__module__ for kind in classes):
        if not name.rpartition(".")[2].startswith(TESTS) and name in sys.modules:
            holders[name] = sys.modules[name]
    provider = target.loaded
    return holders | {f"{type(one).__name__}()": one for one in (provider, provider.auth, *wires)}


def _state(holders: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield every place in which the plugin could keep something, and what is there."""
    for where, holder in holders.items():
        for name, value in list(vars(holder).items()):
            if not name.startswith(("__", "_abc")) and name != "_wires":  # the provider's own, which the core fills
                yield f"{where}.{name}", told(value)


def told(value: object, depth: int = 0) -> str:
    """Return a value in words that change when it does; functions, classes and modules never do."""
    if isinstance(value, dict) and depth < DEPTH:
        return "{" + ", ".join(f"{told(k, depth + 1)}: {told(v, depth + 1)}" for k, v in list(value.items())) + "}"
    if isinstance(value, list | tuple | set | frozenset) and depth < DEPTH:
        items = [told(item, depth + 1) for item in list(value)]
        return f"{type(value).__name__}({', '.join(items if isinstance(value, list | tuple) else sorted(items))})"
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, BaseModel):
        return repr(value)
    if type(value).__module__ == "itertools":
        return repr(value)  # a counter shows where it stands
    if is_own(type(value)) and hasattr(value, "__dict__") and depth < DEPTH and not isinstance(value, type):
        return f"{type(value).__name__}({told(vars(value), depth + 1)})"
    return type(value).__name__


def plain_of(wired: WireRequest) -> dict[str, object]:
    """Return a request of a wire as plain values, for comparing."""
    return asdict(wired)


def _made(kind: type[WireFormat], target: Target) -> WireFormat:
    return kind(target.loaded.endpoint, target.loaded.config.options)


def _where(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
