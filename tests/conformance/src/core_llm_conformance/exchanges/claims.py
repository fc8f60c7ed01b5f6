"""Claims: what is declared has its cassette, and no cassette shows what is declared not to be."""

from __future__ import annotations

from collections.abc import Iterator

from core_llm import ReasoningPart, Response, TextPart, ToolCallPart
from core_llm_conformance.applicability import denied, is_evaded, modes_of
from core_llm_conformance.conversation import play
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.recording.clean import check_cassette_is_clean
from core_llm_conformance.scenario import Mode, Scenario, Shown
from core_llm_conformance.scenarios import BY_NAME
from core_llm_conformance.target import Target

CLAIM = "what a plugin claims is shown by a cassette"
GOOD, FIRST_ERROR = 200, 400


def check_claim(target: Target, scenario: Scenario) -> None:
    """Check that a scenario's cassette is there, is the scenario's, and has every turn in every form of answer.

    Raises:
        ConformanceFailure: Something is missing.
    """
    if is_evaded(target, scenario):
        found = f"{target.model_of(scenario)} is declared not to support {', '.join(denied(target, scenario))}"
        rule = "a model that is named for a scenario does what the scenario is about"
        raise fail(rule, found, scenario=scenario.name, look_at="`models` of the suite class")
    head = target.cassette(scenario).head
    if head.scenario != scenario.name:
        raise fail("a cassette is named after its scenario", f"its head says {head.scenario!r}", scenario=scenario.name)
    # What was recorded names the model that answered, perhaps another server's; its request names the suite's.
    if head.origin == "documented" and head.model != target.model_of(scenario):
        found = f"its head says {head.model!r}, the suite class {target.model_of(scenario)!r}"
        raise fail("a cassette is of the model that the suite class names", found, scenario=scenario.name)
    for mode in modes_of(target, scenario):
        _check_mode(target, scenario, mode)


def _check_mode(target: Target, scenario: Scenario, mode: Mode) -> None:
    interactions = target.cassette(scenario).of(mode)
    turns = [interaction.head.turn for interaction in interactions]
    wanted = list(range(scenario.turns))
    is_paged = scenario.kind in ("models", "embeddings")  # one call, several requests
    if (sorted(set(turns)) if is_paged else turns) != wanted:
        raise fail(
            CLAIM,
            f"{mode}: turns {turns or 'none'} where {wanted} are due",
            scenario=scenario.name,
            look_at="record or compose it anew; a wire without this form of answer says so: WireFormat.can_stream, "
            "can_generate, Capabilities.streaming",
        )
    for interaction in interactions:
        is_error = scenario.kind == "error" and scenario.status >= FIRST_ERROR
        if (interaction.status >= FIRST_ERROR) != is_error:
            raise fail(
                "a cassette has the answer that its scenario is about",
                f"HTTP {interaction.status}",
                scenario=scenario.name,
            )
    has_expected = scenario.kind in ("chat", "error")
    lacking = [i.head.turn for i in interactions if has_expected and i.head.expected is None]
    if lacking or not (has_expected or any(i.head.value is not None for i in interactions)):
        what = "expected" if has_expected else "value"
        raise fail(
            "a cassette's head says what must come of its answer", f"{mode}: no `{what}`", scenario=scenario.name
        )


def every_cassette(target: Target) -> Iterator[Case]:
    """Yield the name of every cassette in the plugin's folder."""
    for path in sorted(target.cassettes.glob("*.yaml")):
        yield Case(path.stem, path.stem)


def check_nothing_denied(target: Target, name: str) -> None:
    """Check that a cassette shows nothing that is declared unsupported.

    Raises:
        ConformanceFailure: It does, or it is no scenario's.
    """
    scenario = BY_NAME.get(name)
    if scenario is None:
        raise fail("every cassette is a scenario's", f"{name}.yaml is none's", look_at="rename it, or delete it")
    contradiction = "what a plugin declares unsupported is shown by no cassette"
    look_at = "declare it supported, or delete the cassette"
    if refused := denied(target, scenario):
        raise fail(contradiction, f"{', '.join(refused)}", scenario=name, look_at=look_at)
    cassette = target.cassette(scenario)
    declared = target.capabilities(scenario)
    for mode in scenario.modes:
        interactions = cassette.of(mode)
        if not interactions:
            continue
        if mode == "stream" and declared.streaming == "unsupported":
            raise fail(contradiction, "streaming", scenario=name, look_at=look_at)
        played = play(target, Shown(scenario, mode, interactions))
        seen = [feature for response in played.responses for feature in seen_in(response)]
        refused = tuple(feature for feature in dict.fromkeys(seen) if declared.support(feature) == "unsupported")
        if refused:
            raise fail(contradiction, f"{', '.join(refused)} ({mode})", scenario=name, look_at=look_at)


def seen_in(response: Response) -> Iterator[str]:
    """Yield the features that an answer shows."""
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    usage = response.usage
    if calls:
        yield "tools"
    if len(calls) > 1:
        yield "parallel_tools"
    if any(isinstance(part, ReasoningPart) for part in response.parts):
        yield "reasoning"
    if any(isinstance(part, TextPart) and part.citations for part in response.parts):
        yield "citations"
    if response.refusal is not None or response.finish_reason == "content_filter":
        yield "refusals"
    if usage is not None and (usage.input_tokens is not None or usage.output_tokens is not None):
        yield "usage"
    if usage is not None and usage.cache_read_tokens:
        yield "cached_usage"


def check_clean(target: Target, name: str) -> None:
    """Check that a cassette may be published: no secret, no more than the allow-lists have, a head that says whence.

    Raises:
        ConformanceFailure: It may not.
    """
    check_cassette_is_clean(target.cassette(name), target)
