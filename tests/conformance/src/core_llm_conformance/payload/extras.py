"""What a caller adds in the provider's own words: fields of the body, headers, the query."""

from __future__ import annotations

from pydantic import JsonValue

from core_llm_conformance.contract.sending import Probe, Sent, differing, leaves
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

FIELD = "conformance_probe"
VALUE: JsonValue = {"nested": [1, "two"], "empty": None}
NOBODY = "conformance-nobody"


def check_provider_options_are_merged(target: Target) -> None:
    """Raise unless the caller's own fields are in the body, over the wire's own, and change nothing else.

    Raises:
        ConformanceFailure: They are not.
    """
    rule = "provider_options of this provider are merged last into its body, and change nothing else of it"
    with Probe(target) as probe:
        base = probe.sent()
        sent = probe.sent(provider_options={target.name: {FIELD: VALUE}})
        _check_merged(rule, base, sent)
        if not isinstance(base.json, dict):
            return
        for name, mine in base.json.items():
            if isinstance(mine, str | int | float) and name not in ("stream", "model"):
                over = probe.sent(provider_options={target.name: {name: "conformance-over"}})
                if not isinstance(over.json, dict) or over.json.get(name) != "conformance-over":
                    found = f"the caller's {name} does not take the place of the wire's"
                    raise fail(rule, found, sent=over.shown, look_at="the wire merges after the core does")


def _check_merged(rule: str, base: Sent, sent: Sent) -> None:
    advice = "a body that is no JSON object is not merged by the core; there the wire merges request.provider_options"
    if not isinstance(sent.json, dict) or FIELD not in sent.json:
        raise fail(rule, f"the field {FIELD!r} is not in the body", sent=sent.shown, look_at=advice)
    if sent.json[FIELD] != VALUE:
        raise fail(rule, f"{FIELD} is sent as {sent.json[FIELD]}, not as {VALUE}", sent=sent.shown)
    rest = {name: value for name, value in sent.json.items() if name != FIELD}
    if rest != base.json or sent.url != base.url:
        changed = [".".join(path) for path in differing(base.json, rest)] or ["something"]
        raise fail(rule, f"{', '.join(changed)} of the request changes too", sent=sent.shown)


def check_other_providers_options_are_left_out(target: Target) -> None:
    """Raise if the fields that a caller means for another provider reach this one.

    Raises:
        ConformanceFailure: They do.
    """
    rule = "provider_options of another provider are never sent: callers give those of several at once"
    with Probe(target) as probe:
        base = probe.sent()
        sent = probe.sent(provider_options={NOBODY: {FIELD: VALUE}})
    if sent.meaning != base.meaning or dict(sent.headers) != dict(base.headers):
        raise fail(
            rule, "the request is another with them", sent=sent.shown, look_at="the wire's use of provider_options"
        )


def check_extra_headers_are_sent(target: Target) -> None:
    """Raise unless the caller's headers are sent, over the plugin's own, and beside the key.

    Raises:
        ConformanceFailure: They are not.
    """
    rule = "extra_headers are sent as they are, in place of the plugin's own of the same name"
    with Probe(target) as probe:
        base, sent = probe.sent(), probe.sent(extra_headers={"X-Conformance-Probe": "1"})
        if sent.headers.get("x-conformance-probe") != "1":
            raise fail(
                rule,
                "a header of the caller is not sent",
                look_at="Provider.auth: change request.headers, do not replace",
            )
        if sent.meaning != base.meaning:
            raise fail(rule, "with one, something else of the request changes", sent=sent.shown)
        own = [name for name in target.loaded.headers if name.lower() in base.headers]
        for name in own:
            over = probe.sent(extra_headers={name: "conformance-over"})
            if over.headers.get(name.lower()) != "conformance-over":
                raise fail(rule, f"the caller's {name} does not take the place of the plugin's")


def check_extra_query_is_sent(target: Target) -> None:
    """Raise unless the caller's fields of the query are sent, beside the plugin's own.

    Raises:
        ConformanceFailure: They are not.
    """
    rule = "extra_query is sent, beside what the plugin has in the query"
    with Probe(target) as probe:
        base = probe.sent()
        sent = probe.sent(extra_query={"conformance_probe": "a b&c"})
    if sent.query != {**base.query, "conformance_probe": "a b&c"}:
        found = f"the query is {sent.query}, and without it {base.query}"
        raise fail(rule, found, sent=sent.url, look_at="Provider.url, Provider.auth: they must leave the query alone")
    if dict(leaves(sent.json)) != dict(leaves(base.json)):
        raise fail(rule, "with it, the body changes", sent=sent.shown)
