"""Faults within: a provider's error, frames that come twice or late, rubbish, and what is no stream at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import JsonValue

from core_llm import CoreLLMError, ProviderError, StatusError
from core_llm_conformance.applicability import errors
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.ending import partial_fault, rest_of_success
from core_llm_conformance.faults.framed import Framed, Piece, leaves, with_leaf
from core_llm_conformance.faults.rules import Broken, Played, shortened
from core_llm_conformance.faults.same import same_answer
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import Judge, Trial, run, subjects
from core_llm_conformance.replay import ReplayAnswer
from core_llm_conformance.scenario import Shown
from core_llm_conformance.target import Target

MESSAGE = "The conformance suite lets the model fail here."
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class InjectedError:
    """An error frame and the words in it; `is_own` if the provider's cassette has it."""

    piece: Piece
    message: str
    is_own: bool


def check_error_after_any_event(target: Target, shown: Shown) -> None:
    """Check that an error in mid-stream, after any frame and before the first, is raised with what had come."""
    for subject in subjects(target, shown):
        run(subject, _error_trials(subject, injected_error(subject)))


def injected_error(subject: Subject) -> InjectedError:
    """Return an error frame of this wire: the provider's own from a cassette, or else of the most usual shape."""
    for case in errors(subject.target):
        shown = case.value
        assert isinstance(shown, Shown)
        for interaction in shown.interactions if shown.mode == "stream" else ():
            expected = interaction.head.expected
            if interaction.status != HTTP_OK or expected is None or expected.error is None:
                continue
            for piece in Framed.of(interaction.body, subject.framed.framing).pieces:
                if piece.is_object and any(leaf == expected.error.message for _, leaf in leaves(piece.value)):
                    return InjectedError(piece, expected.error.message, is_own=True)
    value: JsonValue = {"error": {"message": MESSAGE, "type": "server_error", "code": "server_error"}}
    walk = subject.walk
    piece = subject.framed.piece(value, "error" if subject.framed.has_names else "")
    read = None if walk is None else walk(subject.framed.with_pieces([piece]).body)
    is_known = read is not None and read.error is not None and read.error.kind == "provider"
    return InjectedError(piece, MESSAGE, is_own=is_known)


def _error_trials(subject: Subject, error: InjectedError) -> Iterator[Trial]:
    framed = subject.framed
    for at in subject.positions(subject.done + 1):
        goes_on = framed.with_inserted(at, error.piece)
        variants = {"and the rest after it": goes_on}
        if at % 3 == 0:
            variants["and nothing after it"] = framed.with_pieces(goes_on.pieces[: at + 1])
        for what, spoilt in variants.items():
            yield Trial(
                rules.PROVIDER_ERROR,
                f"an error after {at} of {len(framed.pieces)} frames, {what}",
                subject.answer(spoilt),
                _error_judge(subject, error, at),
                spoilt,
                at,
                look_at="feed() of the decoder: an error object, whatever its event is called, is raised",
            )


def _error_judge(subject: Subject, error: InjectedError, at: int) -> Judge:
    def judge(played: Played) -> Broken | str | None:
        if played.error is not None:
            if error.is_own and at <= subject.marker:
                return _false_error(played.error, error.message) or partial_fault(subject, played, at)
            return None if isinstance(played.error, ProviderError) else f"not an error of the provider: {played}"
        if error.is_own and at <= subject.marker:
            return f"swallowed: {played}"
        assert played.response is not None
        return rest_of_success(subject, played.response)

    return judge


def _false_error(error: Exception, message: str) -> str | None:
    if not isinstance(error, StatusError):
        return f"{type(error).__name__} is no StatusError, as the provider's own errors are: {error}"
    return None if message in error.message else f"the provider's words, {message!r}, are not in {error.message!r}"


def check_duplicate_frames(target: Target, shown: Shown) -> None:
    """Check that a frame that comes twice never counts a token, a call or the end twice."""
    for subject in subjects(target, shown):
        run(subject, _duplicates(subject))


def _duplicates(subject: Subject) -> Iterator[Trial]:
    framed, grown = subject.framed, subject.grown
    for at in subject.positions(min(subject.done + 1, len(framed.pieces))):
        piece = framed.pieces[at]
        before, after = grown[at], grown[at + 1]
        if not piece.data or (after.calls > before.calls and not _has_call_id(subject, piece)):
            continue  # two calls without ids are two calls
        spoilt = framed.with_inserted(at, piece)
        texts = {subject.whole.text, after.text + subject.whole.text[len(before.text) :]}
        thoughts = {subject.whole.reasoning, after.reasoning + subject.whole.reasoning[len(before.reasoning) :]}
        yield _order_trial(subject, f"frame {at} twice", spoilt, at, (texts, thoughts))


def _has_call_id(subject: Subject, piece: Piece) -> bool:
    ids = {call.id for call in subject.whole.tool_calls}
    return any(leaf in ids for _, leaf in leaves(piece.value))


def check_reordered_frames(target: Target, shown: Shown) -> None:
    """Check that a frame that comes late, where it adds nothing itself, makes the same answer or a typed error."""
    for subject in subjects(target, shown):
        run(subject, _swaps(subject))


def _swaps(subject: Subject) -> Iterator[Trial]:
    framed, silent = subject.framed, set(subject.silent())
    for at in subject.positions(min(subject.marker, len(framed.pieces)) - 1):
        first, second = framed.pieces[at : at + 2]
        if not ({at, at + 1} & silent) or not first.data or not second.data or _shape(first) == _shape(second):
            continue  # which of two pieces of a text is the first one, nothing says
        spoilt = framed.with_pieces((*framed.pieces[:at], second, first, *framed.pieces[at + 2 :]))
        allowed = ({subject.whole.text}, {subject.whole.reasoning})
        yield _order_trial(subject, f"frames {at} and {at + 1} in the other order", spoilt, at, allowed)


def _shape(piece: Piece) -> list[tuple[str | int, ...]]:
    return [path for path, _ in leaves(piece.value)]


def _order_trial(subject: Subject, fault: str, spoilt: Framed, at: int, allowed: tuple[set[str], set[str]]) -> Trial:
    def judge(played: Played) -> Broken | str | None:
        response, whole = played.response, subject.whole
        if not played.is_success or response is None:
            return None  # an error, and a typed one, as every trial must have
        if response.text not in allowed[0] or response.reasoning not in allowed[1]:
            return f"the text is {shortened(response.text + response.reasoning)}, which no order of the frames says"
        if len(response.tool_calls) > len(whole.tool_calls):
            return f"{len(response.tool_calls)} calls would run in place of {len(whole.tool_calls)}"
        if response.usage is not None and whole.usage is not None:
            for name in ("input_tokens", "output_tokens", "cache_read_tokens"):
                got, wanted = getattr(response.usage, name), getattr(whole.usage, name)
                if got is not None and wanted is not None and got > wanted:
                    return f"usage.{name} is {got} in place of {wanted}: counts replace the ones before"
        return None

    answer, look_at = subject.answer(spoilt), "what the decoder keeps of a call and of the usage"
    return Trial(rules.NOT_AGAIN, fault, answer, judge, spoilt, at, may_differ=True, look_at=look_at)


def check_garbage(target: Target, shown: Shown) -> None:
    """Check that a frame that is rubbish is a typed error, or is passed over without a loss."""
    for subject in subjects(target, shown):
        run(subject, _garbage(subject))


def _garbage(subject: Subject) -> Iterator[Trial]:
    framed = subject.framed
    for at in subject.positions(min(subject.marker + 1, len(framed.pieces)), 6):
        piece = framed.pieces[at]
        if not piece.data:
            continue
        for what, spoilt in _rubbish(framed, at, piece).items():
            judge, look_at = _garbage_judge(subject, at), "feed() of the decoder: bytes are parsed, never repaired"
            yield Trial(
                rules.NO_GARBAGE, f"{what}: frame {at}", subject.answer(spoilt), judge, spoilt, at, look_at=look_at
            )


def _rubbish(framed: Framed, at: int, piece: Piece) -> dict[str, Framed]:
    if framed.framing == "json_array":  # its framer finds the frames by their brackets
        pieces = {"null in place of an object": [piece, framed.piece_of(b"null")]}
    else:
        pieces = {
            "half an object in place of the whole": [framed.piece_of((piece.data or b"")[:-1], piece.name)],
            "bytes that are no text": [framed.piece_of(b"\xff\xfe\x00\x01 \x9d", piece.name)],
            "null before it": [framed.piece_of(b"null", piece.name), piece],
            "an array before it": [framed.piece_of(b"[1, [2]]", piece.name), piece],
            "a number before it": [framed.piece_of(b"42", piece.name), piece],
        }
    for path, leaf in leaves(piece.value):
        if isinstance(leaf, str) and path[-1:] != ("type",):
            cut = framed.piece(with_leaf(piece.value, path, leaf + "\N{REPLACEMENT CHARACTER}"), piece.name)
            broken = (cut.data or b"").replace("\N{REPLACEMENT CHARACTER}".encode(), b"\xc3")
            pieces["a text that is not UTF-8"] = [framed.piece_of(broken, piece.name)]
    return {what: framed.with_replaced(at, *new) for what, new in pieces.items()}


def _garbage_judge(subject: Subject, at: int) -> Judge:
    def judge(played: Played) -> Broken | str | None:
        if isinstance(played.error, CoreLLMError):
            if isinstance(played.error, ProviderError):
                return partial_fault(subject, played, at) if at and played.partial else None
            return f"rubbish from the provider is an error of the provider, not {played}"
        return f"a success with other content: {found}" if (found := same_answer(subject)(played)) else None

    return judge


def check_not_a_stream(target: Target, shown: Shown) -> None:
    """Check that a page, nothing, or something else with status 200 is never an empty success."""
    for subject in subjects(target, shown):
        run(subject, _no_streams(subject))


def _no_streams(subject: Subject) -> Iterator[Trial]:
    bodies = {
        "a page of HTML": HTML,
        "nothing": b"",
        "blank lines": b"\n\n\n",
        "comments alone": b": keep-alive\n\n: keep-alive\n\n",
        "a text": b"upstream connect error or disconnect/reset before headers",
        "half an object": b'{"id": "x", "obj',
        "an empty object": b"{}",
        "a list": b"[]",
        "rubbish": bytes(range(256)),
    }
    for what, body in bodies.items():
        answer = subject.answer(body)
        html = replace(answer, headers={"content-type": "text/html"})
        for answered in (answer, html):
            kind = answered.headers.get("content-type")
            yield Trial(rules.NO_STREAM, f"{what} with status 200 and type {kind}", answered, _is_failure)


def _is_failure(played: Played) -> str | None:
    if isinstance(played.error, ProviderError):
        return None if played.partial is None or not played.partial.text else "an error with a text that never came"
    return f"it must be an error of the provider, and is {played}"


def plain_answer(body: bytes, status: int = HTTP_OK, **headers: str) -> ReplayAnswer:
    """Return an answer that is no recording."""
    return ReplayAnswer(body, status, headers)
