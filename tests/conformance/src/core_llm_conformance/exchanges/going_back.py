"""Going back: an answer goes into the next request with all that its provider wants to see again, and through JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
from pydantic import JsonValue

from core_llm import CoreLLMError, Message, Response, ToolResultPart
from core_llm_conformance._replay_core import Replay, ReplayAnswer
from core_llm_conformance.cassette import Interaction
from core_llm_conformance.conversation import play
from core_llm_conformance.exchanges.evidence import channels_of
from core_llm_conformance.exchanges.known_wires import case_of, wire_of
from core_llm_conformance.failure import fail
from core_llm_conformance.opaque import kept_in_request, kept_of_answer
from core_llm_conformance.replay import ReplayTransport
from core_llm_conformance.scenario import Scenario, Shown
from core_llm_conformance.target import Target

OTHER = "another-provider"
MARK = "state-of-another-provider"
FIRST = "Tell me something."
NEXT = "Thank you. And what else?"
OPAQUE = 8
"""Characters from which a string kept for a provider is taken to be more than a word of its own."""
OPAQUE_NAME = re.compile(r"(?i)signature|encrypted|opaque|redacted|seal$")
"""What fields are called whose strings only the provider understands, on wires that nobody here knows."""
IS_ID = re.compile(r"(?i)(^|_)id$|Id$")
RESULT = '{"temperature": 14, "sky": "rain"}'


def check_message_goes_back(target: Target, shown: Shown) -> None:
    """Check that every answer of a scenario can be followed by another turn.

    In the request there must be its text, its calls with their ids and arguments, their results, and all that its
    provider wants to see again, unchanged; nothing that was kept for another. After a journey through JSON the request
    must be the same, byte by byte.

    Raises:
        ConformanceFailure: Something is missing, or too much.
    """
    played = play(target, shown)
    played.check()
    for interaction, response in zip(shown.interactions, played.responses, strict=True):
        sent = _sent(target, shown.scenario, response)
        _check_sent(target, shown.scenario, interaction, response, sent)
        _check_kept(target, shown.scenario, interaction, sent)
        again = Response.model_validate_json(response.model_dump_json())
        if _sent(target, shown.scenario, again) != sent:
            rule = "an answer that was stored as JSON goes back as it would have"
            raise fail(rule, "another request", scenario=shown.scenario.name)


def check_survives_json(target: Target, shown: Shown) -> None:
    """Check that an answer stored as JSON and read again is equal.

    Raises:
        ConformanceFailure: It is not.
    """
    played = play(target, shown)
    played.check()
    for response in played.responses:
        again = Response.model_validate_json(response.model_dump_json())
        if again != response:
            raise fail(
                "an answer that was stored as JSON is the same when it is read",
                f"{again!r}, not {response!r}",
                scenario=shown.scenario.name,
                look_at="provider_state, metadata and raw: they hold JSON values only, no tuples, no numbers as keys",
            )


def _going_on(response: Response) -> list[Message]:
    """Return the answer with what another provider might have kept in it, and what follows it."""
    parts = [
        part.model_copy(update={"provider_state": {**part.provider_state, OTHER: {"signature": MARK}}})
        for part in response.message.parts
    ]
    answer = response.message.model_copy(update={"parts": tuple(parts)})
    results = [ToolResultPart(tool_call_id=call.id, name=call.name, content=RESULT) for call in response.tool_calls]
    return [Message.user(FIRST), answer, Message.tool(*results) if results else Message.user(NEXT)]


def _sent(target: Target, scenario: Scenario, response: Response) -> bytes:
    """Return the body of the request that follows an answer; what comes of it is of no interest."""
    prompt = _going_on(response)
    replay = Replay(ReplayAnswer(b"{}", 500))
    options = target.options(scenario)
    with httpx.Client(transport=ReplayTransport(replay)) as http, target.client(http) as client:
        try:
            client.generate(target.model_id(scenario), prompt, **options)
        except CoreLLMError as error:
            if replay.requests:
                return replay.requests[0].body
            found = f"{type(error).__name__}: {error}"
            raise fail("an answer can go back into a conversation", found, scenario=scenario.name) from error
    raise fail("an error of the server's is raised", "success on HTTP 500", scenario=scenario.name)


def _check_sent(target: Target, scenario: Scenario, interaction: Interaction, response: Response, sent: bytes) -> None:
    body: JsonValue = json.loads(sent)
    texts = list(strings(body))
    shown = sent.decode("utf-8", "replace")
    if MARK in shown:
        raise fail("what was kept for another provider is not sent", MARK, scenario=scenario.name, sent=shown)
    for text in _due("" if wire_of(interaction) else target.name, response):
        if not any(text in found for found in texts):
            raise fail(
                "an answer goes back with all that its provider needs: text, calls, and what it keeps, unchanged",
                f"{text!r} is nowhere in the next request",
                scenario=scenario.name,
                sent=shown,
                look_at="the encoding of a message of the model, and the provider_state of its parts",
            )
    for call in response.tool_calls:
        if not any(found == call.arguments for found in _objects(body)):
            found = f"the arguments {call.arguments} of {call.name} are nowhere in the next request"
            raise fail("a call goes back with its arguments", found, scenario=scenario.name, sent=shown)


def _check_kept(target: Target, scenario: Scenario, interaction: Interaction, sent: bytes) -> None:
    """Check that what only the provider understands is in the next request as it came, whether it was kept or not."""
    rule = "what only its provider understands goes back to it, as it came"
    look_at = "the provider_state of parts: it is kept by the decoder and sent by the encoding of the model's messages"
    told = sent.decode("utf-8", "replace")
    case = case_of(interaction)
    if case is not None:
        wanted, found = kept_of_answer(case), kept_in_request(case, json.loads(sent))
        if wanted and wanted != found:
            raise fail(rule, f"{found!r}, not {wanted!r}", scenario=scenario.name, sent=told, look_at=look_at)
        return
    texts = list(strings(json.loads(sent)))
    for channel in channels_of(target, scenario, interaction):
        whole = "".join(leaf.text for leaf in channel)
        is_opaque = OPAQUE_NAME.search(channel[0].path.rpartition(".")[2])
        if is_opaque and not any(whole in text for text in texts):
            lost = [leaf.text for leaf in channel if not any(leaf.text in text for text in texts)]
            if lost:
                missing = f"{lost[0]!r} at {channel[0].path} is nowhere in the next request"
                raise fail(rule, missing, scenario=scenario.name, sent=told, look_at=look_at)


def _due(keeper: str, response: Response) -> Iterator[str]:
    """Yield the strings that must be in the next request.

    Args:
        keeper: The provider, if all that is kept for it must be there but ids: whether they go back may depend on
            where the conversation is kept. Of a known wire it is known what must; that is `_check_kept`'s.
        response: The answer.
    """
    for part in response.message.parts:
        if part.kind == "text" and part.text:
            yield part.text
        for name, text in _named(part.provider_state.get(keeper)):
            if len(text) >= OPAQUE and not IS_ID.search(name):
                yield text
    for call in response.tool_calls:
        yield call.name


def _named(value: JsonValue, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a JSON value with the key under which it is."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, name)


def strings(value: JsonValue) -> Iterator[str]:
    """Yield every string of a JSON value."""
    return (text for _, text in _named(value))


def _objects(value: JsonValue) -> Iterator[JsonValue]:
    """Yield every object of a JSON value, those included that are written as text."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            yield from _objects(json.loads(value))
        except ValueError:
            return
