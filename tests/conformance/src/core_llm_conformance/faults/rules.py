"""The rules of the fault layer, each a sentence, and what checks those that hold whatever was done to a stream."""

from __future__ import annotations

import traceback
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from core_llm import CoreLLMError, Response, StreamEvent, StreamGrammarError, ToolCall, ToolCallPart
from core_llm_conformance.replay import PlayedBody, ReplayedRequest
from core_llm_conformance.target import KEY

WHOLE = "the recorded answer, undisturbed, is a success and what its cassette expects"
TYPED = "whatever a server sends, what comes of it is a response or an error of core_llm"
GRAMMAR = "the events of a stream keep their grammar"
RELEASED = "the connection is given back, however a stream ends"
NO_SECRET = "no error shows the API key: not in its text, its attributes, its traceback, the log"
TRUE_CALLS = "a tool call is complete only if the model made it so, and once"
FRAMED = "a wire says how its answers are framed, so that the core takes them apart as it must"
SAME = "the same bytes make the same events and the same response, however they are cut"
DRESSED = "what the framing allows changes nothing: line ends, comments, blank lines, pings"
UNKNOWN = "what a later version of the API may add is passed over: events, fields, values"
EXACT = "what an answer says comes out as it says it, whatever it is: texts, calls, id, model"
NO_SUCCESS = "a stream that ends before its terminal marker is a StreamInterruptedError, never a success"
COMPLETE = "once the terminal marker has come the answer is complete, whatever happens then"
DONE = "once the last frame has come nothing is waited for"
PARTIAL = "an error's partial response is what had come, no more and no less"
PROVIDER_ERROR = "an error that the provider sends within a stream is raised, with its words and with what had come"
NOT_AGAIN = "a frame that comes twice, or late, makes a right answer or a typed error, never a call or a count twice"
NO_GARBAGE = "what is not of the wire is a typed error, never a success that leaves something out"
NO_STREAM = "an answer that is no stream is a typed error, never an empty success"
DEADLINE = "each limit of time holds, by its own name; what brings no content is no progress"
LEAVING = "leaving a stream early frees the connection and keeps what had come"
LINEAR = "what a frame costs does not grow with the answer"
NO_WAITING = "a decoder waits for nothing: no sleep, no socket, no file, no lock"
REUSABLE = "a pool of one connection can be used again after whatever happened to the call before"
STATUS = "an error status is the error of its class, with the provider's words, its request id and the time to wait"
NO_REDIRECT = "a redirect is an error and is not followed, for it would carry the key elsewhere"
LOCAL = "a model in this process stops when it is told to, and its failures are typed errors with what had come"

KEY_FORMS = (KEY, quote(KEY, safe=""), b64encode(KEY.encode()).decode().rstrip("="))
"""How a text may spell the key."""


@dataclass(slots=True)
class Played:
    """What one call came to.

    Attributes:
        events: Those that were taken, in order.
        response: The whole response, if the call succeeded; else what `stream.response` had.
        error: What was raised, if anything.
        is_success: Whether it ended with Finish.
        bodies: What became of the answers' bodies.
        requests: What was sent.
        runner: ``sync``, ``asyncio`` or ``trio``.
    """

    events: list[StreamEvent] = field(default_factory=list)
    response: Response | None = None
    error: Exception | None = None
    is_success: bool = False
    bodies: Sequence[PlayedBody] = ()
    requests: Sequence[ReplayedRequest] = ()
    runner: str = "sync"

    @property
    def partial(self) -> Response | None:
        """The partial response that the error carries."""
        partial = getattr(self.error, "partial", None)
        return partial if isinstance(partial, Response) else None

    def __str__(self) -> str:
        """Say in a line what it came to."""
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}"
        if not self.is_success or self.response is None:
            return "a stream without an end"
        return f"a success ({self.response.finish_reason}) with the text {shortened(self.response.text)}"


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that was broken, and what was found instead."""

    rule: str
    found: str


def broken_always(played: Played, whole: Response, *, may_differ: bool = False) -> Broken | None:
    """Return which of the rules that hold for every call a call broke.

    Args:
        played: The call.
        whole: What the undisturbed answer came to.
        may_differ: Whether what was done may have changed the arguments of calls.
    """
    error = played.error
    if isinstance(error, StreamGrammarError):
        return Broken(GRAMMAR, str(error))
    if error is not None and not isinstance(error, CoreLLMError):
        return Broken(TYPED, f"{type(error).__name__} came out of the stream: {error}")
    if not all(body.is_closed for body in played.bodies):
        return Broken(RELEASED, f"the body of the answer was not closed after {played}")
    if error is not None and (place := key_in(error)):
        return Broken(NO_SECRET, f"the key is in {place}")
    return _broken_calls(played, whole, may_differ=may_differ)


def _broken_calls(played: Played, whole: Response, *, may_differ: bool) -> Broken | None:
    announced = [event.call for event in played.events if isinstance(event, ToolCall)]
    response = played.response if played.is_success else played.partial
    kept = list(response.tool_calls) if response is not None else []
    for calls in (announced, kept):
        ids = [call.id for call in calls]
        if len(ids) != len(set(ids)):
            return Broken(TRUE_CALLS, f"the calls {ids} have an id in common, so one would run twice")
        if may_differ:
            continue
        made = [told_call(call) for call in whole.tool_calls]
        false = next((call for call in calls if told_call(call) not in made), None)
        if false is not None:
            return Broken(
                TRUE_CALLS, f"a call {false.name}({false.raw_arguments}) is complete; the whole answer has none such"
            )
    return None


def told_call(call: ToolCallPart) -> tuple[str, object]:
    """Return what an application would run of a call."""
    return call.name, call.arguments


def key_in(error: BaseException) -> str | None:
    """Return where in an error the key shows, None if nowhere: its texts, its attributes, its causes, its traceback.

    The partial response is not the error's: it is the answer as it came, which nobody may change.
    """
    attributes = {name: value for name, value in vars(error).items() if name != "partial"}
    places = {
        "str(error)": str(error),
        "repr(error)": repr(error),
        "its attributes": repr(attributes),
        "its notes": repr(getattr(error, "__notes__", "")),
        "to_dict()": repr(error.to_dict()) if isinstance(error, CoreLLMError) else "",
        "its traceback": "".join(traceback.format_exception(error)) if error.__cause__ or error.__context__ else "",
    }
    return next((place for place, text in places.items() if shows_key(text)), None)


def shows_key(text: str) -> bool:
    """Whether a text spells the key in any form."""
    return any(form in text for form in KEY_FORMS)


def shortened(text: str, most: int = 200) -> str:
    """Return a text as it is shown in a failure."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}… ({len(text)} characters)"
