"""What scenarios expect of a response: said of its meaning, never of a wire, so that a real model has its freedom.

Each function here returns an expectation. Its failure says what was found instead, in the terms of `core_llm.Response`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from core_llm import ReasoningPart, Response, TextPart, ToolCallPart
from core_llm_conformance.failure import fail
from core_llm_conformance.scenario import Expectation

SHOWN = 200
ASTRAL = 0xFFFF
"""Code points beyond this one take four bytes in UTF-8, and two units elsewhere: where decoders go wrong."""


def has_text(*, at_least: int = 1, among: Iterable[str] = ()) -> Expectation:
    """Expect text of some length, with one of the given words in it, whatever their case."""
    words = tuple(among)

    def expect(response: Response) -> None:
        text = response.text
        if len(text.strip()) < at_least:
            raise fail(f"the answer has text of {at_least} characters or more", f"text is {_shown(text)}")
        if words and not any(word.casefold() in text.casefold() for word in words):
            raise fail(f"the text has {' or '.join(words)} in it", f"text is {_shown(text)}")

    return expect


def has_astral_text() -> Expectation:
    """Expect text with a character that takes four bytes, and none that stands for broken bytes."""

    def expect(response: Response) -> None:
        if "\ufffd" in response.text:
            raise fail(
                "text is decoded as UTF-8, however it is cut", f"a replacement character in {_shown(response.text)}"
            )
        if not any(ord(character) > ASTRAL for character in response.text):
            raise fail("an emoji that the model said is in the text", f"text is {_shown(response.text)}")
        response.text.encode()  # a lone surrogate is no text

    return expect


def lacks_text(*unwanted: str) -> Expectation:
    """Expect that none of these is in the text."""

    def expect(response: Response) -> None:
        found = [text for text in unwanted if text in response.text]
        if found:
            raise fail(f"the answer ended before {', '.join(unwanted)}", f"text is {_shown(response.text)}")

    return expect


def says_something() -> Expectation:
    """Expect text, or reasoning where a bound on tokens may have left no room for text."""

    def expect(response: Response) -> None:
        if not (response.text or response.reasoning or any(isinstance(part, ReasoningPart) for part in response.parts)):
            raise fail("an answer that was cut has what had come", f"parts are {_kinds(response)}")

    return expect


def ends_with(*reasons: str) -> Expectation:
    """Expect one of these finish reasons, and that the answer is complete."""

    def expect(response: Response) -> None:
        if response.finish_reason not in reasons:
            found = f"{response.finish_reason!r} (the wire's own word: {response.raw_finish_reason!r})"
            raise fail(
                f"the finish reason is {' or '.join(reasons)}", found, look_at="the table of finish reasons of the wire"
            )
        if not response.is_complete:
            raise fail("an answer that ended as it should is complete", "is_complete is False")

    return expect


def calls_tool(
    name: str, arguments: Mapping[str, type], *, at_least: int = 1, at_most: int | None = None
) -> Expectation:
    """Expect complete calls of one tool, told apart by their ids, with arguments of these names and types."""

    def expect(response: Response) -> None:
        calls = response.tool_calls
        incomplete = [part.id for part in response.parts if isinstance(part, ToolCallPart) and not part.is_complete]
        if incomplete:
            raise fail("every tool call of a whole answer is complete", f"incomplete: {', '.join(incomplete)}")
        if len(calls) < at_least or (at_most is not None and len(calls) > at_most):
            wanted = f"{at_least} or more" if at_most is None else str(at_most) if at_least == at_most else "few"
            raise fail(
                f"the answer has {wanted} tool calls",
                f"{len(calls)}: {[(call.name, call.arguments) for call in calls]}; parts are {_kinds(response)}",
                look_at="how fragments of calls are told apart: by id first, then by index, then by order",
            )
        if len({call.id for call in calls}) < len(calls) or not all(call.id for call in calls):
            raise fail("every tool call has an id of its own", f"ids are {[call.id for call in calls]}")
        for call in calls:
            _check_call(call, name, arguments)

    return expect


def _check_call(call: ToolCallPart, name: str, arguments: Mapping[str, type]) -> None:
    if call.name != name:
        raise fail(f"the tool called is {name}", f"{call.name!r}")
    given = call.arguments or {}
    wrong = [field for field, kind in arguments.items() if not isinstance(given.get(field), kind)]
    if wrong:
        raise fail(f"the arguments have {', '.join(wrong)}, of the type that the tool's schema says", f"{given}")
    if not arguments and given:
        raise fail("a tool without parameters is called with an empty object", f"{given}")


def calls_differ() -> Expectation:
    """Expect that no two calls have the same arguments: they were asked about different things."""

    def expect(response: Response) -> None:
        texts = [json.dumps(call.arguments, sort_keys=True) for call in response.tool_calls]
        if len(set(texts)) < len(texts):
            raise fail("parallel calls are kept apart", f"the same arguments twice: {texts}")

    return expect


def calls_nothing() -> Expectation:
    """Expect no tool call, not even an unfinished one."""

    def expect(response: Response) -> None:
        if any(isinstance(part, ToolCallPart) for part in response.parts):
            raise fail("no tool is called", f"parts are {_kinds(response)}")

    return expect


def has_reasoning() -> Expectation:
    """Expect a trace of reasoning: its text, an opaque part, or a count of its tokens."""

    def expect(response: Response) -> None:
        has_part = any(isinstance(part, ReasoningPart) for part in response.parts)
        has_count = response.usage is not None and bool(response.usage.reasoning_tokens)
        if not has_part and not has_count:
            raise fail(
                "a model that reasons says so: text, an opaque part, or reasoning tokens in its usage",
                f"parts are {_kinds(response)}, usage is {response.usage}",
            )

    return expect


def is_json(fields: Mapping[str, type | tuple[type, ...]]) -> Expectation:
    """Expect text that is one JSON object with these fields, of these types."""

    def expect(response: Response) -> None:
        try:
            value = json.loads(response.text)
        except ValueError as error:
            raise fail("structured output is JSON", f"{error}: {_shown(response.text)}") from None
        if not isinstance(value, dict):
            raise fail("structured output is a JSON object", _shown(response.text))
        wrong = [name for name, kind in fields.items() if not isinstance(value.get(name), kind)]
        if wrong:
            raise fail(f"structured output has {', '.join(wrong)} as its schema says", _shown(response.text))

    return expect


def has_citations() -> Expectation:
    """Expect a text with a source that is more than an empty object."""

    def expect(response: Response) -> None:
        cited = [part for part in response.parts if isinstance(part, TextPart) and part.citations]
        if not cited:
            raise fail("a text comes with its sources", f"parts are {_kinds(response)}, none with citations")
        for citation in cited[0].citations:
            if not (citation.url or citation.title or citation.cited_text or citation.raw):
                raise fail("a citation says what it cites", repr(citation))

    return expect


def has_usage() -> Expectation:
    """Expect counts of input and output, both above 0, and parts no greater than what they are part of."""

    def expect(response: Response) -> None:
        usage = response.usage
        if usage is None or not usage.input_tokens or not usage.output_tokens:
            raise fail(
                "usage has the tokens of input and output",
                f"{usage}",
                look_at="whether a stream has to be asked for it, and in which frame it comes",
            )
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        if cached > usage.input_tokens or (usage.reasoning_tokens or 0) > usage.output_tokens:
            raise fail("input includes what was cached, output includes reasoning", f"{usage}")
        if not usage.raw:
            raise fail("usage keeps the provider's own object", "raw is empty")

    return expect


def has_cached_usage() -> Expectation:
    """Expect that some of the input came from the cache."""

    def expect(response: Response) -> None:
        if response.usage is None or not response.usage.cache_read_tokens:
            raise fail("usage says what came from the provider's cache", f"{response.usage}")

    return expect


def declines() -> Expectation:
    """Expect the finish reason of an answer that was refused or filtered."""
    return ends_with("content_filter")


def _kinds(response: Response) -> str:
    return ", ".join(part.kind for part in response.parts) or "none"


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
