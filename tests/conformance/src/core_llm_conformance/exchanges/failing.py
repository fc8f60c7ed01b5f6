"""Failing: the errors that a provider sent, at the front door, in mid-stream, inside of a good answer."""

from __future__ import annotations

from core_llm import CoreLLMError, PartEnd, StatusError, TextDelta
from core_llm_conformance._replay_core import Replay, ReplayAnswer
from core_llm_conformance.compare import ERROR_OF_CODE, ERROR_OF_STATUS
from core_llm_conformance.conversation import Played, play
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Mode, Shown
from core_llm_conformance.scenarios.errors import SHOWN_AS
from core_llm_conformance.target import Target
from core_llm_conformance.walk.expected import Expected

FIRST_ERROR = 400
RULE = "an error of the provider is raised as what it is"


def check_error(target: Target, shown: Shown) -> None:
    """Check that the answer raises, with the provider's words, in the class that its meaning has.

    Raises:
        ConformanceFailure: It does not, or with less.
    """
    played = play(target, shown)
    interaction = shown.interactions[-1]
    expected, name = interaction.head.expected, shown.scenario.name
    assert expected is not None  # test_every_claim_has_its_cassette says so
    received = interaction.body.decode("utf-8", "replace")
    error = played.error
    if error is None:
        raise fail(
            RULE,
            f"success: {played.response!r}",
            scenario=name,
            received=received,
            look_at="find where an error is told from an answer",
        )
    for found, look_at in _wrong(shown, expected, error):
        raise fail(RULE, found, scenario=name, received=received, look_at=look_at)
    _check_partial(played, expected, received)


def check_error_in_200(target: Target, shown: Shown) -> None:
    """Check that the same error with status 200, as proxies and some providers send it, is no success either way.

    Raises:
        ConformanceFailure: It is one, or a plain answer's error lacks the provider's words.
    """
    interaction = shown.interactions[-1]
    expected, name = interaction.head.expected, shown.scenario.name
    received = interaction.body.decode("utf-8", "replace")
    rule = "an error object with status 200 is an error"
    modes: tuple[Mode, ...] = ("plain", "stream")
    for mode in modes:
        replay = Replay(ReplayAnswer(interaction.body, 200, interaction.headers))
        error = play(target, Shown(shown.scenario, mode, ()), replay).error
        if error is None:
            look_at = "find what tells the provider's error objects from its answers"
            raise fail(rule, f"success ({mode})", scenario=name, received=received, look_at=look_at)
        words = "" if expected is None or expected.error is None else expected.error.message
        told = f"{error} {getattr(error, 'frame', '')}"
        if mode == "plain" and words not in told:
            found = f"the provider's words {words!r} are not in {type(error).__name__}: {error}"
            raise fail(rule, found, scenario=name, received=received)


def _wrong(shown: Shown, expected: Expected, error: CoreLLMError) -> list[tuple[str, str]]:
    wanted, status = expected.error, shown.interactions[-1].status
    if not isinstance(error, StatusError):
        return [(f"{type(error).__name__}: {error}", "the shape of the provider's error objects")]
    found = []
    classes = SHOWN_AS.get(shown.scenario.name, ())
    if not classes and wanted is not None and wanted.status is not None:
        classes = (ERROR_OF_CODE.get(wanted.code or "", ERROR_OF_STATUS.get(wanted.status, StatusError)),)
    if classes and not isinstance(error, classes):
        names = " or ".join(kind.__name__ for kind in classes)
        found.append((f"{type(error).__name__}, not {names}: {error}", "WireFormat.decode_error"))
    if status >= FIRST_ERROR and error.status_code != status:
        found.append((f"status_code is {error.status_code}, not {status}", "WireFormat.decode_error"))
    if wanted is not None and wanted.message not in error.message:
        found.append((f"the provider's words {wanted.message!r} are not in {error.message!r}", "where its message is"))
    codes = () if wanted is None else tuple(code for code in (wanted.code, wanted.type) if code is not None)
    if codes and error.code not in codes:
        found.append((f"code is {error.code!r}, not {' or '.join(map(repr, codes))}", "where its code is"))
    return found


def _check_partial(played: Played, expected: Expected, received: str) -> None:
    """Check that what had come before the error is kept, and was handed on before."""
    name = played.scenario.name
    partial = getattr(played.error, "partial", None)
    text = "" if partial is None else partial.text
    if text != expected.text:
        found = f"text is {text!r}, not {expected.text!r}"
        raise fail("an error keeps what had come before it", found, scenario=name, received=received)
    if partial is not None and partial.is_complete:
        raise fail("an answer that an error ended is not complete", "is_complete is True", scenario=name)
    events = played.turns[-1].events
    streamed = "".join(event.text for event in events if isinstance(event, TextDelta))
    if events and streamed != expected.text:
        raise fail("what came before an error is handed on", f"{streamed!r}", scenario=name, received=received)
    if any(event.type == "finish" for event in events) or (
        expected.text and any(isinstance(event, PartEnd) and event.part_index > 0 for event in events)
    ):
        raise fail("a stream that an error ended has no Finish", f"{[event.type for event in events]}", scenario=name)
