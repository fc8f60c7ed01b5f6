"""Recording from a live server over real sockets: what passes is promoted, what does not leaves the old file alone."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue, SecretStr

from core_llm import Auth, Config, OutgoingRequest
from core_llm_conformance.answering import answer_to
from core_llm_conformance.cassette import Cassette
from core_llm_conformance.recording import Made, check_cassette_is_clean, record
from core_llm_conformance.script import Answer, Send, json_answer
from core_llm_conformance.server import FaultServer, RecordedRequest
from core_llm_conformance.target import Target

from .twin.acme import Acme

SECRET = "acme_Zk3Qm7Xw1Lr9Tb5Vn8Yc2Ph"  # made up
TODAY = dt.date(2026, 11, 21)
OLD = b"the cassette that was there before\n"
Change = Callable[[RecordedRequest, Answer], Answer]


def body_of(answer: Answer) -> bytes:
    """Return what an answer sends."""
    return b"".join(step.data for step in answer.steps if isinstance(step, Send))


def instead(answer: Answer, old: bytes, new: bytes) -> Answer:
    """Return an answer with other words in it."""
    body = body_of(answer)
    assert old in body
    return replace(answer, steps=[Send(body.replace(old, new))])


def with_headers(answer: Answer, **headers: str) -> Answer:
    """Return an answer with more headers."""
    return replace(
        answer, headers={**answer.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    )


def recorded(
    folder: Path,
    change: Change = lambda _, answer: answer,
    *scenarios: str,
    source: str | None = "a server made up for this test 1.0",
    section: Mapping[str, JsonValue] | None = None,
    provider: type[Acme] = Acme,
) -> tuple[Made, ...]:
    """Record scenarios from a server that answers well but for one change."""

    def answered(request: RecordedRequest) -> Answer:
        return change(request, answer_to(request))

    with FaultServer() as server:
        for path in ("/v1/chat/completions", "/v1/models"):
            server.route(path, answered)
        config = Config(
            path=Path("none.toml"),
            file={},
            environ={"ACME_API_KEY": SECRET},
            arguments=[{"providers": {"acme": {"base_url": f"{server.url}/v1", **(section or {})}}}],
        )
        target = Target(provider, "acme-1", cassettes=folder)
        return record(target, scenarios or ("text",), source=source, model="small", config=config, today=TODAY)


def test_what_is_recorded_is_promoted_with_its_head(tmp_path: Path) -> None:
    """Both modes; the request is the suite's, the answer is the server's, nothing is the user's."""
    (made,) = recorded(tmp_path)
    assert made.problems == ()
    cassette = Cassette.read(tmp_path / "text.yaml")
    check_cassette_is_clean(cassette, Target(Acme, "acme-1", cassettes=tmp_path), today=TODAY)
    head = cassette.head
    assert (head.suite, head.scenario, head.origin) == ("1.0", "text", "recorded")
    assert (head.source, head.model, head.date) == ("a server made up for this test 1.0", "small", TODAY)
    assert [(one.mode, one.turn) for one in head.interactions] == [("stream", 0), ("plain", 0)]
    first = cassette.interactions[0]
    assert first.url == "https://api.acme.example/v1/chat/completions"
    assert first.request_headers == {"content-type": "application/json"}
    assert json.loads(first.request_body)["model"] == "acme-1"
    assert first.head.expected is not None
    assert first.head.expected.text == "The sky is blue because air scatters blue light."
    assert "The sky is blue" in made.review
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.yaml"]


def test_turns_follow_upon_real_answers(tmp_path: Path) -> None:
    """The second request has the call's id and the tool's answer in it."""

    def renamed(_: RecordedRequest, answer: Answer) -> Answer:
        return replace(answer, steps=[Send(body_of(answer).replace(b'"weather"', b'"get_weather"'))])

    (made,) = recorded(tmp_path, renamed, "tool_result")
    assert made.problems == ()
    turns = Cassette.read(made.path).of("stream")
    messages = json.loads(turns[1].request_body)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
    assert messages[2]["tool_call_id"] == "call_0"


def test_other_calls_and_provoked_errors_are_recorded(tmp_path: Path) -> None:
    """A listing has one mode; a wrong key is the suite's own."""

    def guarded(request: RecordedRequest, answer: Answer) -> Answer:
        if request.headers["authorization"] == f"Bearer {SECRET}":
            return answer
        return json_answer({"error": {"message": "No such key.", "code": "invalid_api_key"}}, 401)

    listing, refused = recorded(tmp_path, guarded, "model_listing", "error_401")
    assert (listing.problems, refused.problems) == ((), ())
    assert Cassette.read(listing.path).interactions[0].head.value == {"ids": ["small", "large"]}
    expected = Cassette.read(refused.path).interactions[0].head.expected
    assert expected is not None
    assert expected.error is not None
    assert (expected.error.status, expected.error.message) == (401, "No such key.")


def test_an_error_that_does_not_come_is_to_be_composed(tmp_path: Path) -> None:
    """Nobody can ask for a 500."""
    (made,) = recorded(tmp_path, lambda _, answer: answer, "error_500")
    assert made.problems == ("plain: the server answered 200, not 500; compose this one",)


def test_the_server_must_be_named_if_it_is_not_the_provider_s(tmp_path: Path) -> None:
    """A recording of a stand-in is one of the stand-in."""
    (made,) = recorded(tmp_path, source=None)
    assert "say which server gave them and its version" in made.problems[0]


def test_what_is_on_no_list_is_scrubbed(tmp_path: Path) -> None:
    """Cookies, ids of the account and the request, headers; the user's own address and organisation, too."""

    def telling(request: RecordedRequest, answer: Answer) -> Answer:
        host = request.headers["host"].encode()
        text = b'"usage": {"organization": "Our Ltd", "user_id": "u-77", "at": "' + host + b'", "of": "org-of-ours", '
        told = instead(answer, b'"usage": {', text) if b'"usage": {' in body_of(answer) else answer
        return with_headers(
            told, Set_Cookie=f"session={SECRET}", x_request_id="req_123", server="nginx", of="org-of-ours"
        )

    (made,) = recorded(tmp_path, telling, section={"headers": {"openai-organization": "org-of-ours"}})
    assert made.problems == ()
    text = made.path.read_text("utf-8")
    for own in ("Our Ltd", "u-77", "127.0.0.1", "org-of-ours", "nginx", "req_123", SECRET, "session"):
        assert own not in text, own
    assert '"organization": "scrubbed", "user_id": "scrubbed"' in text
    assert "x-request-id:\n      - made-up-0001" in text


def said(word: bytes) -> Change:
    """Return a change that lets the model say a word in place of `sky`."""
    return lambda _, answer: instead(answer, b" sky", b" " + word)


def split(*pieces: str) -> Change:
    """Return a change that lets a stream say these words one after the other, a delta each."""

    def change(_: RecordedRequest, answer: Answer) -> Answer:
        frames = body_of(answer).split(b"\n\n")
        at = next((number for number, frame in enumerate(frames) if b'" sky"' in frame), None)
        if at is None:
            return answer
        model = frames[at]
        return replace(
            answer,
            steps=[
                Send(
                    b"\n\n".join(
                        [
                            *frames[:at],
                            *(model.replace(b'" sky"', json.dumps(piece).encode()) for piece in pieces),
                            *frames[at + 1 :],
                        ]
                    )
                )
            ],
        )

    return change


ENCODED = base64.b64encode(SECRET.encode()).decode()
THE_KEY = "the key, or a part of it, in some spelling"
LEAKS: dict[str, tuple[Change, str]] = {
    "echo": (said(SECRET.encode()), THE_KEY),
    "echo in base64": (said(base64.b64encode(f"id:{SECRET}".encode())), THE_KEY),
    "echo in hexadecimal": (said(SECRET.encode().hex().encode()), THE_KEY),
    "echo, quoted": (said(SECRET.replace("_", "%5F").encode()), THE_KEY),
    "cut": (split(SECRET[:10], SECRET[10:]), THE_KEY),
    "cut to characters": (split(*SECRET), THE_KEY),
    "cut, halves swapped": (split(SECRET[14:], " and ", SECRET[:14]), THE_KEY),
    "cut, backwards": (split(*SECRET[::-1]), THE_KEY),
    "cut, in base64": (split(ENCODED[:11], ENCODED[11:]), THE_KEY),
    "an allowed header": (lambda _, answer: with_headers(answer, x_ratelimit_limit=SECRET), THE_KEY),
    "a comment": (
        lambda _, answer: (
            replace(answer, steps=[Send(b": " + SECRET.encode() + b"\n\n"), *answer.steps])
            if "event-stream" in answer.headers["content-type"]
            else answer
        ),
        THE_KEY,
    ),
    "another's key": (said(b"sk-live-AbCdEfGh0123456789"), "what begins like a key"),
    "another's key, cut": (split(" sk-live-", "AbCdEfGh0123456789"), "what begins like a key"),
    "somebody's address": (said(b"jane.doe@company.io"), "an email address"),
    "somebody's address, cut": (split(" jane.d", "oe@com", "pany.io "), "an email address"),
    "chance": (said(b"9f86d081884c7d659a2feaa0c55ad015"), "what chance may have made"),
}


@pytest.mark.parametrize(("leak", "reason"), LEAKS.values(), ids=LEAKS.keys())
def test_a_leak_is_refused_and_the_old_file_stays(tmp_path: Path, leak: Change, reason: str) -> None:
    """Nothing of it is written anywhere, and nothing of it is shown."""
    (tmp_path / "text.yaml").write_bytes(OLD)
    (made,) = recorded(tmp_path, leak)
    assert reason in {problem.partition(" (")[0].partition(" at ")[0] for problem in made.problems}
    assert SECRET not in str(made)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"text.yaml": OLD}


class InBody(Auth):
    """Puts the key into the body, and into the address."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Sign carelessly."""
        key = credentials.get_secret_value()
        request.headers["authorization"] = f"Bearer {key}"
        request.url += f"?api_key={key}"
        request.content = json.dumps({**json.loads(request.content), "auth": key}).encode()
        return request


class Careless(Acme):
    """Puts its key where it must not be."""

    auth = InBody()


def test_a_key_in_the_request_s_body_is_refused(tmp_path: Path) -> None:
    """Even the made-up one, which stands where the user's would; the one in the address is left out."""
    (made,) = recorded(tmp_path, provider=Careless)
    places = {problem.rpartition(" at ")[2] for problem in made.problems if problem.startswith(THE_KEY)}
    assert {"interaction 0, request's body, $.auth", "interaction 0, request's body"} <= places
    assert list(tmp_path.iterdir()) == []


def test_what_the_plugin_misreads_is_refused(tmp_path: Path) -> None:
    """An answer that it cannot finish is no cassette; the old one stays."""
    (tmp_path / "text.yaml").write_bytes(OLD)
    (made,) = recorded(tmp_path, lambda _, answer: replace(answer, steps=[Send(body_of(answer)[:40])]))
    assert made.problems[0].startswith("stream, live: ")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"text.yaml": OLD}


def test_what_does_not_show_its_scenario_is_refused(tmp_path: Path) -> None:
    """The server calls two tools where the scenario wants one; staged, it is thrown away."""
    (tmp_path / "tool_call.yaml").write_bytes(OLD)
    (made,) = recorded(tmp_path, lambda _, answer: answer, "tool_call")
    assert any("the scenario expects that" in problem for problem in made.problems)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"tool_call.yaml": OLD}


def test_a_user_s_settings_are_not_sent(tmp_path: Path) -> None:
    """They would change what the model does, and nobody could tell from the cassette."""
    seen: list[dict[str, object]] = []

    def noting(request: RecordedRequest, answer: Answer) -> Answer:
        seen.append(json.loads(request.body))
        return answer

    (made,) = recorded(tmp_path, noting, section={"settings": {"temperature": 0.1}, "provider_options": {"user": "me"}})
    assert made.problems == ()
    assert [sorted(body) for body in seen] == [["messages", "model", "stream", "stream_options"], ["messages", "model"]]


def test_a_failing_save_is_a_failure(tmp_path: Path) -> None:
    """Said, not logged; the old file stays."""
    (tmp_path / "text.yaml").write_bytes(OLD)
    (tmp_path / ".staging").write_bytes(b"a file where the folder would be")
    (made,) = recorded(tmp_path)
    assert "it could not be saved" in made.problems[0]
    assert (tmp_path / "text.yaml").read_bytes() == OLD


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """Each is on its own."""
    made = recorded(tmp_path, lambda _, answer: answer, "tool_call", "text")
    assert [one.is_promoted for one in made] == [False, True]
    assert str(made[0]).startswith("tool_call: nothing written, because\n  ")


def test_a_missing_key_is_said(tmp_path: Path) -> None:
    """With the places where it was looked for."""
    target = Target(Acme, "acme-1", cassettes=tmp_path)
    config = Config(path=Path("none.toml"), file={}, environ={})
    (made,) = record(target, ["text"], config=config)
    assert "MissingAPIKeyError: no API key for acme" in made.problems[0]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_scenario_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """The failure lists those there are."""
    with pytest.raises(LookupError, match="no scenario txt; there are text, system_prompt"):
        record(Target(Acme, "acme-1", cassettes=tmp_path), ["txt"])
