"""What a request tells beside its words: who said them, of what kind a file is, and what a tool answered exactly.

Two requests that mean something else are sent; what is asked is only whether they differ, so no wire need be known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core_llm import LocalProvider, Message, Prompt
from core_llm_conformance.contract.refusals import FILES
from core_llm_conformance.contract.samples import TOOL
from core_llm_conformance.contract.sending import Probe, Sent, leaves
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.payload.parts import CALL, RESULT
from core_llm_conformance.target import Target

TURNS = {
    "user": (
        [Message.user("mark-1"), Message.assistant("mark-2"), Message.user("mark-3")],
        [Message.user("mark-1"), Message.user("mark-2"), Message.user("mark-3")],
    ),
    "system": (
        [Message.system("mark-1"), Message.user("mark-2")],
        [Message.user("mark-1"), Message.user("mark-2")],
    ),
}
"""Whose words they are → a conversation, and one with the same words in which they are the user's."""
OTHER_KINDS = {
    "image_input": ("image/png", "image/jpeg"),
    "audio_input": ("audio/wav", "audio/mpeg"),
    "document_input": ("application/pdf", "text/plain"),
    "video_input": ("video/mp4", "video/webm"),
}
LONG_NUMBER = "12345678901234567890"


def roles(target: Target) -> Iterator[Case]:
    """Yield whose words can be told from the user's."""
    if not isinstance(target.loaded, LocalProvider):
        yield Case("user", "user")
        if target.capabilities().system_prompt != "unsupported":
            yield Case("system", "system")


def check_roles_are_told(target: Target, role: str) -> None:
    """Raise if a conversation is sent like one in which the user says it all.

    Raises:
        ConformanceFailure: It is.
    """
    theirs, all_users = TURNS[role]
    with Probe(target) as probe:
        one, other = _sent(probe, theirs), _sent(probe, all_users)
    if one is not None and other is not None and one.meaning == other.meaning:
        who = "the model" if role == "user" else "the system prompt"
        found = f"what {who} said makes the same request as if the user had said it"
        raise fail("a request tells who said what", found, sent=one.shown, look_at="the wire's names of roles")


def kinds(target: Target) -> Iterator[Case]:
    """Yield the kinds of files that can be sent."""
    if not isinstance(target.loaded, LocalProvider):
        for feature in OTHER_KINDS:
            if target.capabilities().support(feature) != "unsupported":
                yield Case(feature.removesuffix("_input"), feature)


def check_media_types_are_told(target: Target, feature: str) -> None:
    """Raise if a file is said to be of a media type that it is not. A wire that says none lets the server look.

    Raises:
        ConformanceFailure: Files of two types make the same request, which names one of them.
    """
    usual, other = OTHER_KINDS[feature]
    file = FILES[feature].model_copy(update={"name": None})
    with Probe(target) as probe:
        first = _sent(probe, [Message.user("mark", file.model_copy(update={"media_type": usual}))])
        second = _sent(probe, [Message.user("mark", file.model_copy(update={"media_type": other}))])
    if first is None or second is None or first.meaning != second.meaning:
        return
    words = {usual, usual.partition("/")[2]}
    if any(word in first.shown for word in words):
        found = f"a file of type {other} makes the same request as one of type {usual}, and is called that"
        raise fail("a file is sent as what it is", found, sent=first.shown, look_at="FilePart.media_type")


def check_results_are_exact(target: Target) -> None:
    """Raise if the result of a tool is rewritten on its way, or left out since it is empty.

    Raises:
        ConformanceFailure: It is.
    """
    rule = "the result of a tool is sent as it is, and be it empty"
    turns = [Message.user("Q"), Message.assistant(CALL)]
    contents = {"long": f'{{"number": {LONG_NUMBER}, "text": "mark"}}', "empty": ""}
    with Probe(target) as probe:
        made = {
            name: _sent(probe, [*turns, Message.tool(RESULT.model_copy(update={"content": content}))], tools=[TOOL])
            for name, content in contents.items()
        }
        usual = _sent(probe, [*turns, Message.tool(RESULT)], tools=[TOOL])
    long, empty = made["long"], made["empty"]
    if long is not None and LONG_NUMBER not in long.body.decode("utf-8", "replace"):
        raise fail(rule, f"the number {LONG_NUMBER} in a result is not in the request", sent=long.shown)
    if empty is None or usual is None:
        return
    lacking = len([*leaves(usual.json)]) - len([*leaves(empty.json)])
    if lacking > 1:  # the words of a result may be left out where there are none, and not whose result it is
        raise fail(rule, f"an empty result is left out: {lacking} fields less are sent", sent=empty.shown)


def _sent(probe: Probe, prompt: Prompt, **options: Any) -> Sent | None:  # noqa: ANN401  # a call's options
    return probe.stream(prompt, **options).sent
