"""What of the user's own was sent when an API was asked, learned from two requests that should be the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from core_llm_conformance._replay_core import ReplayedRequest
from core_llm_conformance.recording.scrubbing import SCRUBBED
from core_llm_conformance.recording.secrets import MIN_SECRET
from core_llm_conformance.secret_names import is_secret_name
from core_llm_conformance.target import KEY

MIN_PRIVATE = 4
"""Characters from which a value of the user's own is replaced wherever it stands; a shorter one may be any word."""
_NOISE = frozenset("accept accept-encoding connection content-length content-type host user-agent".split())


@dataclass(slots=True)
class Account:
    """One user's account at a provider, as far as it shows.

    Attributes:
        secrets: Keys that were sent; an answer that has one in it is no cassette.
        private: What else is the user's own (a host, a project) → what stands in an answer instead.
    """

    secrets: set[str] = field(default_factory=set)
    private: dict[str, str] = field(default_factory=lambda: {KEY: SCRUBBED})

    def learn(self, live: ReplayedRequest, clean: ReplayedRequest) -> None:
        """Learn from a request that was really sent beside the one of the suite's configuration."""
        for name, value in live.headers.items():
            if name not in _NOISE and clean.headers.get(name) != value:
                self._add(name, value.rpartition(" ")[2])
        here, there = urlsplit(live.url), urlsplit(clean.url)
        known = dict(parse_qsl(there.query))
        for name, value in parse_qsl(here.query):
            if known.get(name) != value:
                self._add(name, value)
        self._replace(here.hostname or "", there.hostname or "")
        segments, others = here.path.split("/"), there.path.split("/")
        for own, public in zip(segments, others, strict=False) if len(segments) == len(others) else ():
            self._replace(own, public)

    def _add(self, name: str, value: str) -> None:
        if is_secret_name(name):
            self.secrets |= {value} if len(value) >= MIN_SECRET and value != KEY else set()
        else:
            self._replace(value, SCRUBBED)

    def _replace(self, own: str, public: str) -> None:
        if own != public and len(own) >= MIN_PRIVATE:
            self.private[own] = public
