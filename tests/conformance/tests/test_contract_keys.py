"""Keys that go where they must not, and requests that go elsewhere than they should."""

from __future__ import annotations

import time
from typing import ClassVar

from pydantic import SecretStr

from core_llm import Auth, BearerAuth, ConfigError, HeaderAuth, OutgoingRequest, Provider, ProviderConfig, Request
from core_llm.wire import WireRequest
from core_llm_conformance.contract.keys import (
    check_fresh_token_is_used,
    check_key_stays_in_headers,
    check_redirects_are_not_followed,
    check_requests_go_to_the_configured_address,
    check_signing_is_pure,
    holds_key,
    sending,
)
from core_llm_conformance.target import KEY, Target

from .probing import finding, of
from .twin.acme import Acme, AcmeWire


class QueryAuth(Auth):
    """The key in the address."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with the key in its query."""
        sign = "&" if "?" in request.url else "?"
        request.url += f"{sign}key={credentials.get_secret_value()}"
        return request


class BodyAuth(Auth):
    """The key in the body."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with the key in its body."""
        request.content = request.content.replace(b"{", f'{{"key": "{credentials.get_secret_value()}",'.encode(), 1)
        return request


class NoAuth(Auth):
    """No key at all."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request as it is."""
        return request


class CachingAuth(BearerAuth):
    """The first key for ever."""

    first: ClassVar[dict[str, SecretStr]] = {}

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
        """Return the request with the first key that was ever given."""
        return super().sign(request, self.first.setdefault("key", credentials), now)


class DatedAuth(BearerAuth):
    """A date that is not the one that was handed in."""

    def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:  # noqa: ARG002
        """Return the request with a date."""
        return super().sign(request, credentials, time.time())


def signed_by(auth: Auth) -> Target:
    """Return the good twin with another way to sign."""
    return of(type("Signed", (Acme,), {"auth": auth}))


def test_the_twin_keeps_its_key() -> None:
    """A bearer token, or a header of one's own, is where a key belongs."""
    for target in (of(Acme), signed_by(HeaderAuth("x-api-key"))):
        check_key_stays_in_headers(target)
        check_signing_is_pure(target)
        check_fresh_token_is_used(target)
        check_redirects_are_not_followed(target)
        check_requests_go_to_the_configured_address(target)


def test_a_key_in_the_address() -> None:
    """It would be in every log on the way."""
    assert finding(lambda: check_key_stays_in_headers(signed_by(QueryAuth()))).found == (
        "when streaming, the key is in the address"
    )


def test_a_key_in_the_body() -> None:
    """It would be in every recording."""
    assert (
        finding(lambda: check_key_stays_in_headers(signed_by(BodyAuth()))).found
        == "when streaming, the key is in the body"
    )


def test_a_key_that_is_not_sent() -> None:
    """The user gave one, and the provider answers 401."""
    assert finding(lambda: check_key_stays_in_headers(signed_by(NoAuth()))).found == (
        "when streaming, no header depends on the key"
    )


def test_a_header_of_two_lines() -> None:
    """A key with a line end would be a second header."""

    class Auth(BearerAuth):
        def sign(self, request: OutgoingRequest, credentials: SecretStr, now: float) -> OutgoingRequest:
            signed = super().sign(request, credentials, now)
            signed.headers["X-Extra"] = "a\nb"
            return signed

    assert "it makes a header 'X-Extra'" in finding(lambda: check_signing_is_pure(signed_by(Auth()))).found


def test_a_provider_that_sends_nothing() -> None:
    """What is not sent hides no key, and proves nothing."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            raise ConfigError(f"no model {request.model}")

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    assert "when streaming, nothing is: no model acme-1" in finding(lambda: check_key_stays_in_headers(made)).found


def test_a_wire_with_a_key_of_its_own() -> None:
    """Configuration puts keys nowhere but into `auth`."""

    class Wire(AcmeWire):
        def encode_request(self, request: Request) -> WireRequest:
            wired = super().encode_request(request)
            wired.query["api_key"] = KEY
            return wired

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    assert "the key is in the address" in finding(lambda: check_key_stays_in_headers(made)).found


def test_a_key_that_is_encoded_is_a_key() -> None:
    """Percent and base64 hide nothing."""
    assert holds_key(f"https://x.example/?a={KEY.replace('-', '%2D')}")
    assert holds_key("Basic c2stY29uZm9ybWFuY2UtMDEyMzQ1Njc4OWFiY2RlZg==")
    assert not holds_key("https://x.example/")


def test_signing_that_keeps_the_first_key() -> None:
    """A token that expired would be sent for ever."""
    CachingAuth.first.clear()
    assert finding(lambda: check_fresh_token_is_used(signed_by(CachingAuth()))).found == (
        "the second request is not signed with the second token"
    )


def test_signing_by_the_clock() -> None:
    """The time is handed in, so that a signature can be tested."""
    assert "it calls time.time" in finding(lambda: check_signing_is_pure(signed_by(DatedAuth()))).found


def test_an_address_that_cannot_be_configured() -> None:
    """A whole address in the wire goes past every gateway, with the key."""

    class Wire(AcmeWire):
        chat_path = "https://api.acme.example/v1/chat/completions"

    made = of(type("Made", (Acme,), {"wire_format": Wire}))
    found = finding(lambda: check_requests_go_to_the_configured_address(made)).found
    assert found.endswith("streaming asks https://api.acme.example/v1/chat/completions")


def test_an_address_that_is_overwritten() -> None:
    """A constructor that sets the address again takes the configured one away."""

    class Stubborn(Acme):
        def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
            super().__init__(config, name=name)
            self.base_url = "https://api.acme.example/v1"

    found = finding(lambda: check_requests_go_to_the_configured_address(of(Stubborn))).found
    assert found.startswith("with base_url https://conformance.example/prefix, streaming asks https://api.acme.example")


def test_a_provider_without_requests_has_nothing_to_show() -> None:
    """Who sends requests is asked; the class that is handed in is enough to tell."""
    assert [case.id for case in sending(of(Acme))] == ["requests"]
    assert issubclass(Acme, Provider)
