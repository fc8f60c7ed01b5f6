"""Where the key goes: into headers, by a pure `sign`, to the configured address, and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import cast
from urllib.parse import quote, unquote_plus, urlsplit

from pydantic import SecretStr

from core_llm import Client, LocalProvider, OutgoingRequest
from core_llm_conformance.contract.other_calls import CALLS
from core_llm_conformance.contract.sending import PROMPT, Caught, Probe, Sent
from core_llm_conformance.contract.sources import own_files
from core_llm_conformance.contract.watch import Watcher
from core_llm_conformance.each import Case
from core_llm_conformance.failure import fail
from core_llm_conformance.target import KEY, Target

OTHER_KEY = "sk-conformance-fedcba9876543210"
ADDRESS = "https://conformance.example/prefix"
"""Where every request has to go that is made while this is configured."""
MUST_SEND = ("streaming", "generating")
REDIRECTS = (301, 302, 303, 307, 308)
_Call = Callable[[Client], object]


def sending(target: Target) -> Iterator[Case]:
    """Yield one case for a provider that sends requests: one that runs its model in this process has no key to leak."""
    if not isinstance(target.loaded, LocalProvider):
        yield Case("requests", target.name)


def calls(target: Target) -> Iterator[tuple[str, _Call]]:
    """Yield each call that a client can make of the provider."""

    def stream(client: Client) -> None:
        with client.stream(target.model_id(""), PROMPT) as events:
            for _ in events:
                pass

    yield "streaming", stream
    yield "generating", lambda client: client.generate(target.model_id(""), PROMPT)
    for name, call in CALLS.items():
        yield name.replace("_", " "), lambda client, call=call: call(client, target)  # type: ignore[misc]


def _all_sent(target: Target, **api_keys: str) -> Iterator[tuple[str, Caught]]:
    keys = {"api_keys": api_keys} if api_keys else {}
    with Probe(target, **keys) as probe:  # type: ignore[arg-type]  # a client's options
        for name, call in calls(target):
            yield name, probe.call(call)


def check_key_stays_in_headers(target: Target) -> None:
    """Raise if the key is in an address or a body, or if it makes no difference which one is given.

    Raises:
        ConformanceFailure: It is.
    """
    rule = "the key goes into a header, never into an address or a body, where logs and proxies keep it"
    other = dict(_all_sent(target, **{target.name: OTHER_KEY}))
    for name, caught in _all_sent(target):
        if not caught.requests and name in MUST_SEND:
            raise fail(
                "a question is sent", f"when {name}, nothing is: {caught.error}", look_at="Provider.auth, or the wire"
            )
        for sent, twin in zip(caught.requests, other[name].requests, strict=False):
            for place, text in (("address", sent.url), ("body", sent.body.decode("utf-8", "replace"))):
                if holds_key(text):
                    raise fail(
                        rule, f"when {name}, the key is in the {place}", look_at="Provider.auth, and the wire's query"
                    )
            if sent.meaning != twin.meaning:
                raise fail(rule, f"when {name}, another key makes another address or body", look_at="Provider.auth")
            if not _differs(sent, twin):
                found = f"when {name}, no header depends on the key"
                raise fail("a key that is given is sent", found, look_at="Provider.auth")


def holds_key(text: str) -> bool:
    """Whether a text has the made-up key in it, plain or encoded."""
    encoded = base64.b64encode(KEY.encode()).decode().rstrip("=")
    return any(form in text or form in unquote_plus(text) for form in (KEY, quote(KEY), encoded))


def _differs(sent: Sent, twin: Sent) -> bool:
    return dict(sent.headers) != dict(twin.headers)


def check_requests_go_to_the_configured_address(target: Target) -> None:
    """Raise if a request goes elsewhere than to the address that is configured: the key would go there too.

    Raises:
        ConformanceFailure: One does.
    """
    rule = "every request goes to base_url, so that a gateway, a proxy or a test can stand in for the provider"
    moved = replace(target, config={**target.config, "base_url": ADDRESS})
    for name, caught in _all_sent(moved):
        for sent in caught.requests:
            if not sent.url.startswith(ADDRESS):
                found = f"with base_url {ADDRESS}, {name} asks {sent.url.partition('?')[0]}"
                raise fail(
                    rule, found, look_at="a whole address in WireRequest.path, or one put together in the provider"
                )


def check_redirects_are_not_followed(target: Target) -> None:
    """Raise if a redirect to another host is followed.

    Raises:
        ConformanceFailure: One is.
    """
    for status in REDIRECTS:
        with Probe(target, statuses=(status,), answer_headers={"location": "https://elsewhere.example/"}) as probe:
            for name, call in calls(target):
                caught = probe.call(call)
                hosts = {urlsplit(sent.url).hostname for sent in caught.requests}
                if "elsewhere.example" in hosts or caught.error is None:
                    rule = "a redirect is an error: to follow it would carry the key to another host"
                    raise fail(
                        rule, f"{name}, answered with {status}, came to {caught.error}", look_at="the provider's method"
                    )


def check_signing_is_pure(target: Target) -> None:
    """Raise unless `sign` depends on nothing but what it is given, and keeps nothing of it.

    Raises:
        ConformanceFailure: It does not.
    """
    rule = "Auth.sign is pure: it is called on every attempt, in any thread, with the key resolved for that attempt"
    auth = target.loaded.auth
    where = f"{type(auth).__module__}.{type(auth).__qualname__}.sign"
    watcher = Watcher(own_files(target))
    with watcher.watching():
        first = _signed(target, KEY)
    for line, called in watcher.seen.items():
        raise fail(rule, f"it calls {called}", look_at=line)
    if not isinstance(first, OutgoingRequest):
        raise fail(rule, f"it returns a {type(first).__name__} in place of the request", look_at=where)
    for name, value in cast("dict[object, object]", first.headers).items():
        if not isinstance(name, str) or not isinstance(value, str) or "\n" in value or name != name.lower():
            raise fail(
                rule, f"it makes a header {name!r} of {value!r}; a name in lower case and one line", look_at=where
            )
    kept = deepcopy(first)
    _signed(target, OTHER_KEY)
    if _signed(target, KEY) != kept:
        raise fail(rule, "after another key, the first one signs otherwise than before", look_at=where)
    if first != kept:
        raise fail(rule, "a request that was signed is changed when the next one is", look_at=where)
    if first.url != _unsigned().url or first.content != _unsigned().content:
        raise fail(rule, "it changes the address or the body", look_at=where)


def _unsigned() -> OutgoingRequest:
    return OutgoingRequest("POST", "https://api.example/v1/chat?a=1", {"content-type": "application/json"}, b'{"a": 1}')


def _signed(target: Target, key: str) -> OutgoingRequest:
    return target.loaded.auth.sign(_unsigned(), SecretStr(key), 1_700_000_000.0)


def check_fresh_token_is_used(target: Target) -> None:
    """Raise unless a callable that gives tokens is asked again after a 401, and the second token is the one sent.

    Raises:
        ConformanceFailure: It is not.
    """
    rule = "a token that expired is replaced: after a 401 the request is sent once more, with a fresh one"
    tokens = iter((KEY, OTHER_KEY))
    with Probe(target, statuses=(401, 400), api_keys={target.name: lambda: next(tokens)}) as probe:
        caught = probe.stream()
    with Probe(target, api_keys={target.name: OTHER_KEY}) as probe:
        fresh = probe.stream().sent
    if len(caught.requests) != 2 or fresh is None:  # noqa: PLR2004  # with the first token and the second
        raise fail(rule, f"{len(caught.requests)} requests were sent: {caught.error}", look_at="Provider.auth")
    first, second = caught.requests
    if not _differing(first, second) or _differing(second, fresh):
        raise fail(
            rule, "the second request is not signed with the second token", look_at="Provider.auth keeps a token"
        )


def _differing(sent: Sent, other: Sent) -> bool:
    return _without_dates(sent.headers) != _without_dates(other.headers)


def _without_dates(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without those that a clock may change."""
    return {name: value for name, value in headers.items() if "date" not in name and not value.startswith("AWS4-")}
