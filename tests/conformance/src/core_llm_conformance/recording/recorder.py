"""Recording scenarios from a live API, one after the other, each mode and turn of it.

Of what was heard only the answers are kept, scrubbed. Requests are written as the plugin sends them under the suite's
configuration, and must say the same as those that were sent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from core_llm import Config, CoreLLMError, LocalProvider
from core_llm_conformance._replay_core import Replay, ReplayAnswer, ReplayedRequest
from core_llm_conformance.applicability import may_show, modes_of
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.matching import Leaves, leaves, owned_by
from core_llm_conformance.recording.accounts import Account
from core_llm_conformance.recording.drafting import Draft, Origins, add_mode, play_clean
from core_llm_conformance.recording.live import Heard, listen, with_model
from core_llm_conformance.recording.promoting import Made, promote
from core_llm_conformance.recording.scrubbing import scrub_body, scrub_ids
from core_llm_conformance.scenario import Mode, Scenario
from core_llm_conformance.scenarios import ALL, BY_NAME
from core_llm_conformance.target import Target
from core_llm_conformance.telling import accounted_for

PROVOKED = (400, 401, 404)
"""The errors that a request can bring about: by a wrong value, a wrong key, a wrong model."""
_WHICH_SERVER = (
    "the answers are not from the provider's own host: say which server gave them and its version, as in "
    "--source 'llama.cpp b10434'"
)
_VERSION = re.compile(r"(?i)(?:^|-)version$")


def record(
    target: Target,
    scenarios: Iterable[str] = (),
    *,
    source: str | None = None,
    model: str | None = None,
    opaque: Iterable[str] = (),
    config: Config | None = None,
    today: dt.date | None = None,
    on_made: Callable[[Made], None] | None = None,
) -> tuple[Made, ...]:
    """Record scenarios from the live API, one at a time: vcrpy listens to the whole process.

    Args:
        target: The plugin; its cassettes' folder is where the files go.
        scenarios: Their names; all that the plugin may show and that a request can bring about, if there are none.
        source: Which server answers, with its version (``llama.cpp b10434``). It must be given where that is not the
            provider's own host.
        model: What the server calls its model, if not as the suite class does. The request is written with the suite's
            name.
        opaque: Names of fields of answers whose values chance makes and that are no secrets, where that is not clear.
        config: The user's; read from the usual places by default.
        today: In place of the clock.
        on_made: Called with each as it is done.

    Returns:
        What became of each.

    Raises:
        LookupError: There is no scenario of a name.
    """
    names = tuple(scenarios)
    if unknown := [name for name in names if name not in BY_NAME]:
        raise LookupError(f"no scenario {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    chosen = [BY_NAME[name] for name in names] or [scenario for scenario in ALL if _is_recordable(target, scenario)]
    loaded, named = config or Config.load(), tuple(opaque)
    made = []
    for scenario in chosen:
        recording = _Recording(target, with_model(target, model), scenario, loaded, named)
        try:
            one = recording.finish(source, today or dt.datetime.now(dt.UTC).date())
        except (CoreLLMError, ConformanceFailure) as error:
            one = recording.refused(f"{type(error).__name__}: {error}")
        made.append(one)
        if on_made is not None:
            on_made(one)
    return tuple(made)


@dataclass(slots=True)
class _Recording:
    """One scenario while it is being recorded.

    Attributes:
        target: The plugin under the suite's configuration.
        live: The same, with the model's name at the server.
    """

    target: Target
    live: Target
    scenario: Scenario
    config: Config
    opaque: tuple[str, ...] = ()
    draft: Draft = field(default_factory=Draft)
    account: Account = field(default_factory=Account)
    heard: list[Heard] = field(default_factory=list)

    def finish(self, source: str | None, today: dt.date) -> Made:
        """Record all modes, and put the cassette in its place."""
        if isinstance(self.target.loaded, LocalProvider):
            return self.refused("the plugin runs its models in this process; there is no server to record")
        for mode in modes_of(self.target, self.scenario):
            self._add(mode)
            if self.draft.problems:  # a second mode would ask in vain
                return self.refused(*self.draft.problems)
        if not self.heard:
            return self.refused("the plugin has no mode in which this scenario is asked")
        told = source or _source(self.target, self.heard[-1])
        if told is None:
            return self.refused(_WHICH_SERVER)
        origins = Origins("recorded", told, self.live.model_of(self.scenario), today, opaque=self.opaque)
        cassette = self.draft.cassette(self.target, self.scenario, origins)
        secrets, accounted = self.account.secrets, self.draft.accounted
        return promote(self.target, self.scenario, cassette, secrets=secrets, accounted=accounted)

    def refused(self, *problems: str) -> Made:
        """Return that nothing was written."""
        return Made(self.scenario.name, self.target.cassettes / f"{self.scenario.name}.yaml", problems)

    def _add(self, mode: Mode) -> None:
        """Record one mode and add it to the draft."""
        heard, error = listen(self.live, self.scenario, mode, self.config)
        self.heard += heard
        status = heard[-1].reply.status
        if self.scenario.kind != "error" and error is not None:
            self.draft.problems.append(f"{mode}, live: {type(error).__name__}: {error}")
        elif self.scenario.kind == "error" and status != self.scenario.status:
            self.draft.problems.append(
                f"{mode}: the server answered {status}, not {self.scenario.status}; compose this one"
            )
        if self.draft.problems:
            return
        replay = Replay(*(ReplayAnswer(one.reply.body, one.reply.status, one.reply.headers) for one in heard))
        played = play_clean(self.target, self.scenario, mode, replay)
        self._compare(mode, heard, replay.requests)
        accounted = accounted_for(played)
        replies = [
            replace(one.reply, body=scrub_ids(scrub_body(one.reply.body, self.account.private), accounted))
            for one in heard
        ]
        is_chat = self.scenario.kind in ("chat", "error")  # another call may make several requests in its one turn
        turns = [[reply] for reply in replies] if is_chat else [replies]
        add_mode(self.draft, self.target, self.scenario, mode, turns)

    def _compare(self, mode: Mode, heard: list[Heard], clean: list[ReplayedRequest]) -> None:
        """Learn what is the user's own in what was sent, and see to it that all else is the same."""
        for number, (one, request) in enumerate(zip(heard, clean, strict=False)):
            self.account.learn(one.request, request)
            here, there = (
                _said(self.live, self.scenario, one.request),
                _said(self.target, self.scenario, request),
            )
            if where := [path for path in {**here, **there} if here.get(path) != there.get(path)]:
                self.draft.problems.append(
                    f"{mode}, request {number}: under the suite's configuration the plugin sends something else at "
                    f"{', '.join(where)}"
                )


def _said(target: Target, scenario: Scenario, request: ReplayedRequest) -> Leaves:
    """Return what a request says of the scenario's first turn and options, whatever its model is called."""
    owned = owned_by(target, scenario)
    return {path: "the model" if leaf == owned.model else leaf for path, leaf in leaves(request.body, owned).items()}


def _is_recordable(target: Target, scenario: Scenario) -> bool:
    is_brought_about = scenario.kind != "error" or scenario.status in PROVOKED
    return is_brought_about and may_show(target, scenario) and bool(modes_of(target, scenario))


def _source(target: Target, heard: Heard) -> str | None:
    """Return the provider's own host and the version that it says; None if another host answered."""
    host = urlsplit(heard.request.url).hostname
    if host is None or host != urlsplit(target.loaded.base_url).hostname or host in ("localhost", "127.0.0.1", "::1"):
        return None
    versions = [f"{name} {value}" for name, value in sorted(heard.reply.headers.items()) if _VERSION.search(name)]
    return " ".join([host, *versions])
