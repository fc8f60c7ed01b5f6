"""The payload probe: what is asked for and not sent is noticed, whatever the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from core_llm import (
    Capabilities,
    OutgoingRequest,
    Request,
    Settings,
)
from core_llm.wire import JSONObject, WireRequest
from core_llm_conformance.contract.sending import differing, leaves
from core_llm_conformance.payload.extras import (
    check_extra_headers_are_sent,
    check_extra_query_is_sent,
    check_other_providers_options_are_left_out,
    check_provider_options_are_merged,
)
from core_llm_conformance.payload.forms import (
    check_model_is_named,
    check_stream_is_asked_for,
    check_wire_can_be_chosen,
    choosable,
)
from core_llm_conformance.payload.knobs import (
    KNOBS,
    check_denied_setting_is_not_sent,
    check_setting_changes_the_request,
    check_settings_have_fields_of_their_own,
    check_undeclared_setting_is_not_dropped,
    declared_as,
)
from core_llm_conformance.payload.parts import (
    MARKED,
    check_every_part_is_sent,
)

from .editing import Editing, edited, wired, with_fields
from .probing import finding, of
from .twin.acme import Acme, AcmeWire

CASES = {case.name: case for case in MARKED}


@pytest.mark.parametrize("name", sorted(AcmeWire.settings_fields))
def test_a_setting_that_is_ignored(name: str) -> None:
    """Whichever it is, the request says nothing of it."""
    field = AcmeWire.settings_fields[name]
    target = edited(lambda body: body.pop(field, None))
    found = finding(lambda: check_setting_changes_the_request(target, KNOBS[name])).found
    assert found.startswith(f"{name}=")
    assert found.endswith("changes nothing")


def test_a_setting_that_streams_lack() -> None:
    """Both forms of the request are looked at."""
    target = edited(lambda body: body.pop("seed", None) if body.get("stream") else None)
    found = finding(lambda: check_setting_changes_the_request(target, KNOBS["seed"])).found
    assert found == "seed=4711 changes nothing"
    target = edited(lambda body: None if body.get("stream") else body.pop("tools", None))
    assert "'mark_tool'" in finding(lambda: check_every_part_is_sent(target, CASES["tools"])).found


def test_zero_is_a_value() -> None:
    """Who tests a knob for being true loses zero."""
    target = edited(lambda body: body.pop("temperature") if body.get("temperature") == 0 else None)
    found = finding(lambda: check_setting_changes_the_request(target, KNOBS["temperature"]))
    assert found.found == "temperature=0.0 changes nothing"
    assert "tested for None" in found.look_at


def test_values_that_are_rounded() -> None:
    """Two values that make one request are found out."""

    def rounded(body: JSONObject) -> None:
        if isinstance(number := body.get("top_p"), float):
            body["top_p"] = round(number + 0.2)

    found = finding(lambda: check_setting_changes_the_request(edited(rounded), KNOBS["top_p"])).found
    assert found == "top_p=0.35 is sent as [1]" or "make the same request" in found


def test_numbers_as_texts() -> None:
    """A number is sent as a number."""

    def quoted(body: JSONObject) -> None:
        if "seed" in body:
            body["seed"] = str(body["seed"])

    found = finding(lambda: check_setting_changes_the_request(edited(quoted), KNOBS["seed"])).found
    assert found == "seed=4711 is sent as ['4711']"


def test_a_flag_that_is_asked_for_by_name() -> None:
    """Where a wire has a list of what the answer shall include, the name of the knob in it is enough; a word is not."""

    def listed(body: JSONObject, name: str) -> None:
        if body.pop("logprobs", None):
            body["include"] = [f"message.{name}"]

    check_setting_changes_the_request(edited(lambda body: listed(body, "logprobs")), KNOBS["logprobs"])
    found = finding(lambda: check_setting_changes_the_request(edited(lambda b: listed(b, "words")), KNOBS["logprobs"]))
    assert found.found == "logprobs=True is sent as ['message.words']"


def test_only_the_first_stop() -> None:
    """A list is sent whole."""

    def first(body: JSONObject) -> None:
        if isinstance(stops := body.get("stop"), list):
            body["stop"] = stops[:1]

    found = finding(lambda: check_setting_changes_the_request(edited(first), KNOBS["stop"])).found
    assert "('HALT',) and stop=('HALT', 'CEASE') make the same request" in found


def test_a_claimed_setting_that_the_wire_refuses() -> None:
    """What is declared supported has a field."""
    found = finding(lambda: check_setting_changes_the_request(with_fields(seed=None), KNOBS["seed"])).found
    assert found.startswith("with seed=4711 nothing is sent: acme has no field for the setting 'seed'")


def test_two_settings_in_one_field() -> None:
    """A line that was copied and not finished."""
    target = with_fields(frequency_penalty="presence_penalty")
    found = finding(lambda: check_settings_have_fields_of_their_own(target)).found
    assert found == "presence_penalty and frequency_penalty are both sent as presence_penalty"


def test_undeclared_settings_are_sent_or_refused() -> None:
    """Nothing is declared of it, so silence is a fault; an error in words is none."""
    open_ = {"capabilities": {"*": Capabilities()}}
    dropping = wired(type("Wire", (Editing,), {"edit": lambda self, body: body.pop("seed", None)}), **open_)  # noqa: ARG005
    assert [case.id for case in declared_as("unknown")(dropping)] == list(KNOBS)
    found = finding(lambda: check_undeclared_setting_is_not_dropped(dropping, KNOBS["seed"])).found
    assert found == "seed=4711 is left out in silence"
    check_undeclared_setting_is_not_dropped(dropping, KNOBS["temperature"])
    check_undeclared_setting_is_not_dropped(dropping, KNOBS["top_k"])


def test_denied_settings_are_not_sent() -> None:
    """A default that the wire makes up of a knob it denies."""

    class Wire(AcmeWire):
        calls: ClassVar[list[int]] = []

        def encode_settings(self, settings: Settings) -> JSONObject:
            self.calls.append(1)
            return {**super().encode_settings(settings), "top_k": len(self.calls)}

    assert finding(lambda: check_denied_setting_is_not_sent(wired(Wire), KNOBS["top_k"])).rule.startswith(
        "the setting top_k is declared unsupported"
    )
    check_denied_setting_is_not_sent(of(Acme), KNOBS["top_k"])


def test_a_body_that_nothing_can_be_merged_into() -> None:
    """A wire that makes bytes has to merge the caller's fields itself."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            wired = super().encode_request(request)
            wired.body = b'{"model": "acme-1"}'
            return wired

    found = finding(lambda: check_provider_options_are_merged(wired(Wire))).found
    assert found == "the field 'conformance_probe' is not in the body"


def test_options_of_everybody() -> None:
    """A wire that merges all that it is given tells one provider what another was told."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            wired = super().encode_request(request)
            assert isinstance(wired.body, dict)
            for options in request.provider_options.values():
                wired.body |= options
            return wired

    assert finding(lambda: check_other_providers_options_are_left_out(wired(Wire))).found == (
        "the request is another with them"
    )


class ReplacingAuth(type(Acme.auth)):  # type: ignore[misc]  # whatever the twin signs with
    """Signing that begins anew."""

    def sign(self, request: OutgoingRequest, credentials: object, now: float) -> OutgoingRequest:
        """Return the request with its own headers and address only."""
        request.headers = {"content-type": "application/json"}
        request.url = request.url.partition("?")[0]
        signed: OutgoingRequest = super().sign(request, credentials, now)
        return signed


def test_headers_and_query_that_are_lost() -> None:
    """Signing adds; it takes nothing away."""
    target = of(type("Changed", (Acme,), {"auth": ReplacingAuth()}))
    assert finding(lambda: check_extra_headers_are_sent(target)).found == "a header of the caller is not sent"
    assert finding(lambda: check_extra_query_is_sent(target)).found.startswith("the query is {}")


def test_a_model_that_is_always_the_same() -> None:
    """Its name was written down where the caller's belongs."""
    target = edited(lambda body: body.update(model="acme-1"))
    assert finding(lambda: check_model_is_named(target)).found == (
        "'conformance-other-model' is asked for, and is nowhere"
    )


def test_streams_that_nobody_asks_for() -> None:
    """Without its flag a stream is a plain answer, and the caller waits."""

    def no_stream(body: JSONObject) -> None:
        body.pop("stream", None)
        body.pop("stream_options", None)

    assert finding(lambda: check_stream_is_asked_for(edited(no_stream))).found == "they are the same"


def test_a_choice_that_is_passed_over() -> None:
    """A table of models must not go over what is configured."""

    class Other(AcmeWire):
        chat_path = "/other"

    class Stubborn(Acme):
        wire_choices: ClassVar[Mapping[str, type[AcmeWire]]] = {"usual": AcmeWire, "other": Other}

        def wire_type(self, model: str) -> type[AcmeWire]:  # noqa: ARG002  # of the contract
            return AcmeWire

    assert [case.id for case in choosable(of(Stubborn))] == ["usual", "other"]
    check_wire_can_be_chosen(of(Stubborn), "usual")
    found = finding(lambda: check_wire_can_be_chosen(of(Stubborn), "other")).found
    assert found == "wire = 'other', and acme-1 speaks AcmeWire"


def test_differences_are_paths() -> None:
    """Two values are compared leaf by leaf; true and one are not the same."""
    assert dict(leaves({"a": [1, {"b": None}], "c": {}})) == {("a", "0"): 1, ("a", "1", "b"): None, ("c",): {}}
    assert differing({"a": 1, "b": 2}, {"a": True, "b": 2, "c": 3}) == {("a",): True, ("c",): 3}
