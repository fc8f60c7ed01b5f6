"""Cassettes composed of descriptions, in YAML or Python: always the same bytes, and only what the plugin plays."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, SecretStr

from core_llm import BearerAuth, OutgoingRequest
from core_llm_conformance.cassette import Cassette
from core_llm_conformance.failure import ConformanceFailure
from core_llm_conformance.recording import (
    Description,
    Turn,
    check_cassette_is_clean,
    check_composed,
    compose,
    json_reply,
    ndjson,
    read_descriptions,
    reply,
    sse,
)
from core_llm_conformance.recording.descriptions import JsonObject
from core_llm_conformance.recording.writing import to_yaml
from core_llm_conformance.target import Target
from core_llm_conformance.walk.expected import Expected, ExpectedError

from .twin.acme import Acme

DATE = dt.date(2026, 11, 21)
BASE: JsonObject = {"id": "c-1", "model": "acme-1"}
EXPECTED: JsonObject = {"text": "Hello there.", "finish_reason": "stop"}
TEXT = """
source: https://docs.acme.example/chat
model: acme-1
date: 2026-11-21
scenarios:
- scenario: text
  turns:
  - stream:
      base: {id: c-1, model: acme-1}
      sse:
      - {choices: [{index: 0, delta: {role: assistant, content: Hello}}]}
      - {choices: [{index: 0, delta: {content: " there."}}]}
      - {choices: [{index: 0, delta: {}, finish_reason: stop}]}
      - "[DONE]"
    plain:
      json:
        id: c-1
        model: acme-1
        choices:
        - {index: 0, message: {role: assistant, content: Hello there.}, finish_reason: stop}
    expected: {text: Hello there., finish_reason: stop}
- scenario: error_429
  turns:
  - plain:
      status: 429
      headers: {retry-after: 7, x-request-id: req_1}
      json: {error: {message: Slow down., code: rate_limit_exceeded}}
    expected: {error: {kind: provider, message: Slow down., status: 429}}
"""


def target(folder: Path) -> Target:
    """Return the good twin with its cassettes in a folder."""
    return Target(Acme, "acme-1", cassettes=folder)


def frame(content: str | None = None, finish: str | None = None) -> JsonObject:
    """Return a frame of a stream."""
    delta: JsonObject = {} if content is None else {"content": content}
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def said(text: str) -> JsonObject:
    """Return a plain answer."""
    message: JsonObject = {"role": "assistant", "content": text}
    return {**BASE, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


STREAM = sse(frame("Hello"), frame(" there."), frame(finish="stop"), "[DONE]", base=BASE)
TURN = Turn(stream=STREAM, plain=json_reply(said("Hello there.")), expected=EXPECTED)
DESCRIPTION = Description("text", "https://docs.acme.example/chat", DATE, [TURN])


def test_a_file_of_descriptions_becomes_cassettes(tmp_path: Path) -> None:
    """With what is in common said once; a request's id says nothing, other headers stay."""
    path = tmp_path / "describe.yaml"
    path.write_text(TEXT, encoding="utf-8")
    made = compose(target(tmp_path / "cassettes"), read_descriptions(path))
    assert [(one.scenario, one.problems) for one in made] == [("text", ()), ("error_429", ())]
    text, limited = (Cassette.read(one.path) for one in made)
    assert (text.head.origin, text.head.source, text.head.date) == (
        "documented",
        "https://docs.acme.example/chat",
        DATE,
    )
    assert text.head.interactions[0].expected == text.head.interactions[1].expected
    assert text.interactions[0].body.startswith(b'data: {"id":"c-1","model":"acme-1","choices":[{"index":0,')
    assert text.interactions[0].body.endswith(b"data: [DONE]\n\n")
    assert limited.interactions[0].status == 429
    assert limited.interactions[0].headers == {
        "content-type": "application/json",
        "retry-after": "7",
        "x-request-id": "made-up-0001",
    }


def test_python_and_yaml_make_the_same(tmp_path: Path) -> None:
    """One is the other, written down."""
    path = tmp_path / "describe.yaml"
    path.write_text(TEXT, encoding="utf-8")
    (one,) = compose(target(tmp_path / "a"), [replace(DESCRIPTION, model="acme-1")])
    other, _ = compose(target(tmp_path / "b"), read_descriptions(path))
    first, second = Cassette.read(one.path), Cassette.read(other.path)
    assert first.head == second.head
    assert [json.loads(here.request_body) for here in first.interactions] == [
        json.loads(there.request_body) for there in second.interactions
    ]
    assert first.interactions[1].body == second.interactions[1].body


def test_composing_again_changes_no_byte(tmp_path: Path) -> None:
    """So that a test can hold the committed files against the descriptions."""
    (made,) = compose(target(tmp_path), [DESCRIPTION])
    first = made.path.read_bytes()
    compose(target(tmp_path), [DESCRIPTION])
    assert made.path.read_bytes() == first
    check_composed(target(tmp_path), [DESCRIPTION])


class Dated(BearerAuth):
    """Signs with the time."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Sign, and say when."""
        request.headers["sent-at"] = str(now)
        return super().sign(request, credentials, now)


class Punctual(Acme):
    """Says in each request when it was sent."""

    auth = Dated()


def test_time_stands_still_while_composing(tmp_path: Path) -> None:
    """A wire that sends the time sends the same one every time."""
    punctual = Target(Punctual, "acme-1", cassettes=tmp_path)
    (made,) = compose(punctual, [DESCRIPTION])
    assert Cassette.read(made.path).interactions[0].request_headers["sent-at"] == "1700000000.0"
    check_composed(punctual, [DESCRIPTION])


def test_what_the_author_expects_is_what_is_written(tmp_path: Path) -> None:
    """In their words, as far as they say it; what they leave out is the plugin's."""
    error: JsonObject = {"kind": "provider", "message": "Slow", "type": "rate_limit_exceeded"}
    answer = json_reply({"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}, status=429)
    turn = Turn(plain=answer, expected={"error": error})
    (made,) = compose(target(tmp_path), [replace(DESCRIPTION, scenario="error_429", turns=[turn])])
    assert made.problems == ()
    assert Cassette.read(made.path).interactions[0].head.expected == Expected(
        error=ExpectedError("provider", "Slow", type="rate_limit_exceeded")
    )


def test_a_cassette_that_somebody_edited_is_found_out(tmp_path: Path) -> None:
    """The failure shows the line."""
    (made,) = compose(target(tmp_path), [DESCRIPTION])
    made.path.write_text(made.path.read_text("utf-8").replace("there.", "here."), encoding="utf-8")
    with pytest.raises(ConformanceFailure, match=r"-    +text: Hello here\.\n.*\+    +text: Hello there\."):
        check_composed(target(tmp_path), [DESCRIPTION])


def test_a_documented_cassette_needs_its_description(tmp_path: Path) -> None:
    """One that was recorded since needs none, and is passed over."""
    (made,) = compose(target(tmp_path), [DESCRIPTION])
    with pytest.raises(ConformanceFailure, match=r"text\.yaml has none"):
        check_composed(target(tmp_path), [])
    made.path.write_text(made.path.read_text("utf-8").replace("documented", "recorded"), encoding="utf-8")
    check_composed(target(tmp_path), [])
    check_composed(target(tmp_path), [replace(DESCRIPTION, turns=[replace(TURN, plain=json_reply(said("Hi.")))])])


def test_new_versions_of_plugin_and_suite_change_nothing(tmp_path: Path) -> None:
    """A release would have to compose every cassette anew."""
    (made,) = compose(target(tmp_path), [DESCRIPTION])
    text = made.path.read_text("utf-8")
    older = text.replace("suite: '1.0'", "suite: '0.9'").replace("  plugin: ", "  plugin: older ")
    assert older != text
    made.path.write_text(older, encoding="utf-8")
    check_composed(target(tmp_path), [DESCRIPTION])


WRONG = {
    "text": (
        replace(TURN, expected={"text": "Hello here."}),
        "stream, turn 0: text is 'Hello there.', where 'Hello here.' is expected",
    ),
    "a field that is none": (replace(TURN, expected={"txt": "Hello"}), "expected has txt; it may have text, reasoning"),
    "no plain answer": (replace(TURN, plain=None), "plain: the description has no answer to turn 0"),
    "no end": (
        replace(TURN, stream=sse(frame("Hello"), base=BASE)),
        "stream: the plugin failed with StreamInterruptedError",
    ),
    "one answer too many": (replace(TURN, stream=[STREAM, STREAM]), "stream: 1 answers were not asked for"),
    "an error": (
        replace(TURN, plain=json_reply({"error": {"message": "No."}}, status=400)),
        "plain: the plugin failed with BadRequestError: HTTP 400: No.",
    ),
    "chance": (
        replace(TURN, plain=json_reply({**said("Hello there."), "note": "9f86d081884c7d659a2feaa0c55ad015"})),
        "what chance may have made (9f8…, 32 characters) at interaction 1, answer's body, $.note",
    ),
    "too long": (
        replace(TURN, plain=json_reply({**said("Hello there."), "filler": "long " * 60_000})),
        "is the most",
    ),
}


@pytest.mark.parametrize(("turn", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_and_not_written(tmp_path: Path, turn: Turn, problem: str) -> None:
    """The file that was there stays."""
    (tmp_path / "text.yaml").write_bytes(b"old")
    (made,) = compose(target(tmp_path), [replace(DESCRIPTION, turns=[turn])])
    assert problem in str(made)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"text.yaml": b"old"}


def test_an_author_may_answer_for_a_field(tmp_path: Path) -> None:
    """Whose values chance makes, and that is no secret; the head says so, so that it shows in a review."""
    plain = json_reply({**said("Hello there."), "note": "9f86d081884c7d659a2feaa0c55ad015"})
    (made,) = compose(target(tmp_path), [replace(DESCRIPTION, turns=[replace(TURN, plain=plain)], opaque=("note",))])
    cassette = Cassette.read(made.path)
    assert cassette.head.opaque == ("note",)
    check_cassette_is_clean(cassette, today=DATE)
    check_composed(target(tmp_path), [replace(DESCRIPTION, turns=[replace(TURN, plain=plain)], opaque=("note",))])


def test_a_scenario_s_own_expectations_count_too(tmp_path: Path) -> None:
    """An answer without a call shows no tool call, whatever its author expects."""
    (made,) = compose(target(tmp_path), [replace(DESCRIPTION, scenario="tool_call")])
    assert "the scenario expects that" in str(made)
    assert not made.is_promoted


def test_a_scenario_that_is_none_is_refused(tmp_path: Path) -> None:
    """With the near miss."""
    with pytest.raises(ConformanceFailure, match="do you mean 'text'"):
        compose(target(tmp_path), [replace(DESCRIPTION, scenario="txt")])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("source: https://docs.acme.example/chat\n", "", r"source: Field required \(of text\)"),
        ("date: 2026-11-21", "date: soon", "date: Input should be a valid date"),
        ("- plain:\n      status", "- plian:\n      status", "turns.0.plian: Extra inputs are not permitted"),
        ("      json: {error", "      jsn: {error", "turns.0.plain.0.jsn: Extra inputs are not permitted"),
        ("scenarios:", "scenarios: 3\nx:", "scenarios: Input should be a valid tuple"),
    ],
)
def test_a_file_that_lacks_something_says_what(tmp_path: Path, old: str, new: str, message: str) -> None:
    """And where, in the file's own words."""
    path = tmp_path / "describe.yaml"
    assert old in TEXT
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(ConformanceFailure, match=message):
        read_descriptions(path)


@pytest.mark.parametrize("text", ["", "text", "# nothing yet"])
def test_a_file_that_describes_nothing_says_so(tmp_path: Path, text: str) -> None:
    """It is not told what it would have to be in Python."""
    path = tmp_path / "describe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConformanceFailure, match="there are none in it"):
        read_descriptions(path)


def test_bodies_are_framed_as_they_go_over_the_wire() -> None:
    """Named events, by hand or by a field; lines of JSON; a text as it stands."""
    named = sse({"event": "ping", "data": {"n": 1}}, {"type": "stop"}, "a\nb", named_by="type")
    assert named.body == b'event: ping\ndata: {"n":1}\n\nevent: stop\ndata: {"type":"stop"}\n\ndata: a\ndata: b\n\n'
    assert named.headers == {"content-type": "text/event-stream"}
    assert ndjson({"a": "ü"}, {"b": 2}, base={"m": 1}).body == '{"m":1,"a":"ü"}\n{"m":1,"b":2}\n'.encode()
    assert reply(b"", "text/html", status=503).status == 503


def test_bodies_are_blocks_that_read_line_by_line(tmp_path: Path) -> None:
    """A difference in a review is one line of one frame, or one field of a request."""
    (made,) = compose(target(tmp_path), [DESCRIPTION])
    lines = made.path.read_text("utf-8").splitlines()
    assert "      string: |+" in lines
    data = '{"id":"c-1","model":"acme-1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}'
    assert f"        data: {data}" in lines
    assert '        "model": "acme-1",' in lines


BODIES = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    [
        "data: 1\r\n\r\n",
        " leading",
        "trailing \n\n",
        "\n\nfirst",
        "\u2028\x85\ufeff",
        "tab\tin",
        "null",
        "é\n😀",
        "---\n...\n",
        "\r",
        "a: b\n# c",
    ]
)


@given(BODIES, BODIES)
def test_any_body_reads_as_it_was_written(first: str, second: str) -> None:
    """By us and by vcrpy's own loader, whatever YAML would make of it."""
    cassette = Cassette.read(Path(__file__).parent / "twin/cassettes/acme/text.yaml")
    one, other = cassette.interactions[:2]
    changed = (one.model_copy(update={"body": first.encode()}), other.model_copy(update={"body": second.encode()}))
    text = to_yaml(cassette.model_copy(update={"interactions": changed}))
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        raw = yaml.load(text, loader)  # noqa: S506  # both are safe ones
        assert [played["response"]["body"]["string"] for played in raw["interactions"]] == [first, second]


def test_a_vector_takes_few_lines() -> None:
    """One of 384 numbers is not a page of them."""
    cassette = Cassette.read(Path(__file__).parent / "twin/cassettes/acme/embeddings.yaml")
    vector: JsonValue = [number / 384 for number in range(384)]
    head = cassette.interactions[0].head.model_copy(update={"value": {"vectors": [vector]}})
    text = to_yaml(cassette.model_copy(update={"head": cassette.head.model_copy(update={"interactions": (head,)})}))
    lines = text.partition("    value:")[2].partition("interactions:")[0].splitlines()
    assert len(lines) < 80
    assert yaml.safe_load(text)["core_llm_conformance"]["interactions"][0]["value"]["vectors"] == [vector]


def test_a_body_that_is_no_text_is_kept_too() -> None:
    """As YAML's own base64."""
    cassette = Cassette.read(Path(__file__).parent / "twin/cassettes/acme/text.yaml")
    one = cassette.interactions[0].model_copy(update={"body": b"\x00\xff\xfe", "headers": {}})
    text = to_yaml(cassette.model_copy(update={"interactions": (one, cassette.interactions[1])}))
    assert yaml.safe_load(text)["interactions"][0]["response"]["body"]["string"] == b"\x00\xff\xfe"
