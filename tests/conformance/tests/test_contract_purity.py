"""A wire that is not pure, or keeps something, is caught: by its text, by what it calls, by what comes out twice."""

from __future__ import annotations

import datetime as dt
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest

from core_llm import Request, StreamEvent, ToolCallPart
from core_llm.wire import ChatCompletions, ChatDecoder, Frame, WireRequest
from core_llm_conformance.contract.purity import check_wire_does_nothing_impure, check_wire_imports_nothing_impure
from core_llm_conformance.contract.state import (
    check_decoders_are_independent,
    check_encoding_is_repeatable,
    check_made_up_values_are_stable,
    check_nothing_is_kept,
)

from .probing import finding, module, of
from .twin.acme import Acme, AcmeWire

IMPURE: dict[str, tuple[Callable[[], object], str]] = {
    "the clock": (time.time, "time.time (the clock"),
    "a pause": (lambda: time.sleep(0), "time.sleep (the clock"),
    "today": (lambda: dt.datetime.now(tz=dt.UTC), "datetime.now (the clock)"),
    "chance": (random.random, "random.random (chance)"),  # noqa: S311  # that is the fault
    "a random choice": (lambda: random.choice("ab"), "random.choice (chance"),  # noqa: S311  # that is the fault
    "a random id": (uuid.uuid4, "uuid.uuid4 (chance)"),
    "the environment": (lambda: os.environ.get("ACME_MODE"), "os.environ (the environment"),
    "os.getenv": (lambda: os.getenv("ACME_MODE"), "os.getenv (files and the environment"),
    "a file": (lambda: open(os.devnull).close(), "io.open (files)"),  # noqa: PTH123  # that is the fault
    "the disk": (lambda: Path("acme.json").exists(), "pathlib.Path.exists (files)"),
    "a hash": (lambda: hash("acme"), "builtins.hash (a seed"),
    "the terminal": (lambda: print(end=""), "builtins.print (the terminal)"),  # noqa: T201  # that is the fault
}


@pytest.mark.parametrize("what", IMPURE)
def test_what_a_wire_must_not_ask_is_seen(what: str) -> None:
    """The call is named, at the line that makes it."""
    effect, told = IMPURE[what]

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            effect()
            return super().encode_request(request)

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    found = finding(lambda: check_wire_does_nothing_impure(made))
    assert told in found.found
    assert __file__ in found.look_at


def test_a_decoder_is_watched_too() -> None:
    """It is fed the cassettes."""

    class Decoder(ChatDecoder):
        def feed(self, frame: Frame) -> Sequence[StreamEvent]:
            self.metadata = {"at": time.monotonic()}
            return super().feed(frame)

    wire = type("Wire", (AcmeWire,), {"decoder_type": Decoder})
    found = finding(lambda: check_wire_does_nothing_impure(of(type("Made", (Acme,), {"wire_format": wire}))))
    assert "while it decodes text, the plugin calls time.monotonic" in found.found


def test_the_twin_is_pure() -> None:
    """What the core and its libraries do for a wire is no fault of it."""
    check_wire_imports_nothing_impure(of(Acme))
    check_wire_does_nothing_impure(of(Acme))
    check_encoding_is_repeatable(of(Acme))
    check_decoders_are_independent(of(Acme))
    check_nothing_is_kept(of(Acme))


MODULE = """
    {imports}
    from core_llm import Provider
    from core_llm.wire import ChatCompletions

    class Wire(ChatCompletions):
        pass

    class Made(Provider):
        name = "made"
        base_url = "https://made.example"
        wire_format = Wire
"""


@pytest.mark.parametrize(
    ("imports", "told"),
    [
        ("import os", "imports os: files and the environment"),
        ("import urllib.request", "imports urllib.request: the network"),
        ("from time import sleep", "imports time.sleep: the clock"),
        ("import threading as t", "imports threading: threads and tasks"),
        ("from uuid import uuid4", "imports uuid.uuid4: chance"),
        ("from concurrent.futures import ThreadPoolExecutor", "imports concurrent.futures.ThreadPoolExecutor: threads"),
    ],
)
def test_imports_are_read(imports: str, told: str, tmp_path: Path) -> None:
    """An import that a wire must not have is found without running anything."""
    with module(tmp_path, MODULE.format(imports=imports)) as made:
        assert told in finding(lambda: check_wire_imports_nothing_impure(of(made.Made, "m"))).found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import uuid\n    def made(): return uuid.uuid4()", "calls uuid.uuid4: chance"),
        ("import datetime as dt\n    def made(): return dt.datetime.now()", "calls datetime.now: the clock"),
        ("def made(): return hash('acme')", "calls builtins.hash: a seed"),
        ("def made(): import openai", "imports openai: a vendor's own client"),
    ],
)
def test_calls_are_read(line: str, told: str, tmp_path: Path) -> None:
    """Also in a function that no cassette leads to."""
    with module(tmp_path, MODULE.format(imports=line)) as made:
        assert told in finding(lambda: check_wire_imports_nothing_impure(of(made.Made, "m"))).found


def test_harmless_imports_pass(tmp_path: Path) -> None:
    """What only computes may be imported."""
    imports = "import base64, json, re, urllib.parse, datetime, os.path\n    from uuid import UUID"
    with module(tmp_path, MODULE.format(imports=imports)) as made:
        check_wire_imports_nothing_impure(of(made.Made, "m"))


def test_a_request_that_changes_from_call_to_call() -> None:
    """A counter in the wire makes the second request another."""
    numbers = count()

    class Wire(AcmeWire):
        def headers(self) -> dict[str, str]:
            return {"x-number": str(next(numbers))}

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    assert "encoded again, after others, is another" in finding(lambda: check_encoding_is_repeatable(made)).found


def test_a_request_that_is_changed() -> None:
    """The caller's own schema is not the wire's to adapt."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            for tool in request.tools:
                tool.parameters["additionalProperties"] = False
            return super().encode_request(request)

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    assert finding(lambda: check_encoding_is_repeatable(made)).found == "the request is another after it was encoded"


def test_what_one_thread_leaves_for_another() -> None:
    """A wire that keeps the request in itself mixes them up when two threads share a client."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            self.request = request
            for _ in range(200):  # long enough for another thread to have its turn
                list(map(str, range(20)))
            return super().encode_request(self.request)

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    assert "threads at once is another" in finding(lambda: check_encoding_is_repeatable(made)).found


class SharedDecoder(ChatDecoder):
    """A decoder whose text is kept in its class."""

    kept: list[str] = []  # noqa: RUF012  # that is the fault

    def feed(self, frame: Frame) -> Sequence[StreamEvent]:
        """Take the next frame."""
        self.kept.append(frame.event)
        self.metadata = {"frames": len(self.kept)}
        return super().feed(frame)


class NumberedDecoder(ChatDecoder):
    """A decoder that makes up ids from a counter of its module."""

    numbers = count()

    def close(self) -> Sequence[StreamEvent]:
        """End the answer."""
        events = super().close()
        self.id = f"chat-{next(self.numbers)}"
        return events


@pytest.mark.parametrize("decoder", [SharedDecoder, NumberedDecoder])
def test_decoders_that_know_of_each_other(decoder: type[ChatDecoder]) -> None:
    """The second answer is decoded otherwise than the first."""
    wire = type("Wire", (AcmeWire,), {"decoder_type": decoder})
    made = of(type("Made", (Acme,), {"wire_format": wire}))
    assert "decoded a second time, it is another" in finding(lambda: check_decoders_are_independent(made)).found
    assert "after it decodes text" in finding(lambda: check_nothing_is_kept(made)).found


def test_ids_that_are_made_up_by_chance() -> None:
    """The twin's cassettes have every id; without one the decoder makes another each time."""
    numbers = count()

    class Decoder(ChatDecoder):
        def feed(self, frame: Frame) -> Sequence[StreamEvent]:
            events = super().feed(frame)
            self.id = self.id or f"chat-{next(numbers)}"
            return events

    wire = type("Wire", (AcmeWire,), {"decoder_type": Decoder})
    made = of(type("Made", (Acme,), {"wire_format": wire}))
    check_decoders_are_independent(made)
    found = finding(lambda: check_made_up_values_are_stable(made)).found
    assert found.startswith("id missing, and a second time it is another")
    check_made_up_values_are_stable(of(Acme))


def test_a_wire_that_remembers() -> None:
    """What a call leaves in the wire is there for the next one."""

    class Wire(AcmeWire):
        calls: Mapping[str, ToolCallPart] = {}

        def encode_request(self, request: Request) -> WireRequest:
            self.calls = {call.id: call for message in request.messages for call in message.tool_calls}
            return super().encode_request(request)

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    found = finding(lambda: check_nothing_is_kept(made))
    assert found.look_at == "Wire().calls"


def test_reading_a_plain_wire_changes_nothing() -> None:
    """A wire of the core, used as it is, has nothing to be found."""
    check_nothing_is_kept(of(type("Made", (Acme,), {"wire_format": ChatCompletions})))
