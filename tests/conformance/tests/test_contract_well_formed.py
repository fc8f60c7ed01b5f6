"""Requests that cannot be sent as they are, and code that does not return."""

from __future__ import annotations

import pytest

from core_llm import Request
from core_llm.wire import WireRequest
from core_llm_conformance.contract.guard import HangingError, guarded
from core_llm_conformance.contract.samples import answers
from core_llm_conformance.contract.well_formed import check_requests_are_well_formed, problems
from core_llm_conformance.payload.forms import check_model_is_named

from .probing import finding, of
from .twin.acme import Acme, AcmeWire

ILL: dict[str, tuple[WireRequest, str]] = {
    "a method in small letters": (WireRequest("post", "/chat"), "the method is 'post'"),
    "no slash": (WireRequest("POST", "chat"), "it begins with a slash"),
    "a space in the path": (WireRequest("POST", "/models/a b"), "a model's name in it is to be quoted"),
    "a framing of its own": (WireRequest("POST", "/c", framing="lines"), "the framing is 'lines'"),  # type: ignore[arg-type]
    "capitals": (WireRequest("POST", "/c", headers={"X-Api-Version": "1"}), "is not in lower case"),
    "a key": (
        WireRequest("POST", "/c", headers={"x-api-key": "sk-1"}),
        "the key is put into the request by Provider.auth",
    ),
    "a truth in the query": (WireRequest("POST", "/c", query={"beta": True}), "'beta' is True, which is no text"),  # type: ignore[dict-item]
    "a second header": (WireRequest("POST", "/c", headers={"x-app": "a\r\nx-b: c"}), "has a line end in it"),
    "a body that is no JSON": (WireRequest("POST", "/c", body={"a": object()}), "the body is no JSON"),  # type: ignore[dict-item]
    "a tuple": (WireRequest("POST", "/c", body={"a": (1, 2)}), "is another after it was written as JSON"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("what", ILL)
def test_what_cannot_be_sent(what: str) -> None:
    """Each fault is told in a sentence."""
    wired, told = ILL[what]
    assert [problem for problem in problems(wired, is_stream=True) if told in problem]


def test_a_usual_request() -> None:
    """Nothing is wrong with it."""
    usual = WireRequest("POST", "/chat", {"beta": "1"}, {"x-app": "a"}, {"model": "m"}, "sse")
    assert list(problems(usual, is_stream=True)) == []
    assert list(problems(usual, is_stream=False)) == [
        "a plain answer is asked for, and the framing is 'sse'; it is 'none'"
    ]
    check_requests_are_well_formed(of(Acme))


def test_every_request_of_a_wire_is_looked_at() -> None:
    """The finding says which one it is."""

    class Wire(AcmeWire):
        models_path = "models"

    found = finding(lambda: check_requests_are_well_formed(of(type("Made", (Acme,), {"wire_format": Wire}))))
    assert found.found == "when it lists models, the path is 'models'; it begins with a slash"


def test_a_model_in_the_path_is_quoted() -> None:
    """Whatever stands in a model's name, it stays a name."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            wired = super().encode_request(request)
            assert isinstance(wired.body, dict)
            wired.path = f"/models/{wired.body.pop('model')}:generate"
            return wired

    found = finding(lambda: check_model_is_named(of(type("Made", (Acme,), {"wire_format": Wire}))))
    assert "is not what is sent" in found.found


def test_code_that_does_not_return() -> None:
    """A loop is broken off, in spite of whoever catches every exception."""
    with pytest.raises(HangingError, match="it had not returned"), guarded(0.05):
        while True:
            try:
                for _ in iter(int, 1):
                    pass
            except Exception:  # noqa: BLE001, S112  # as an engine does
                continue


def test_answers_are_those_of_the_cassettes() -> None:
    """Streamed ones are taken apart into frames."""
    found = {(answer.name, answer.mode): answer for answer in answers(of(Acme))}
    assert found["text", "stream"].framing == "sse"
    assert len(found["text", "stream"].frames) > 2
    assert found["text", "plain"].framing == "none"
