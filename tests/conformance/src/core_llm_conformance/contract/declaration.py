"""What a provider's class says of itself: whether it can be true, and whether its parts agree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import cast
from urllib.parse import urlsplit

from core_llm import Auth, Capabilities, LocalProvider, Provider, Settings
from core_llm._stream.outgoing import is_loopback  # noqa: PLC2701  # the rule by which a key is sent or not
from core_llm.wire import WireFormat
from core_llm_conformance.contract.patterns import hidden_declarations, hidden_wires, odd_patterns, sample_of
from core_llm_conformance.contract.sources import kind_of, wire_types
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

CONTRACT_VERSION = 1
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HOLDS_KEY = re.compile(r"(?i)(?:^|[-_])(?:authorization|cookie|key|secret|token)$")
NEEDS_TOOLS = ("tool_choice", "parallel_tools", "settings.parallel_tool_calls")
NEEDS: Mapping[str, str] = {
    **dict.fromkeys(NEEDS_TOOLS, "tools"),
    "settings.top_logprobs": "settings.logprobs",
    "settings.reasoning_effort": "reasoning",
    "settings.reasoning_budget": "reasoning",
    "cached_usage": "usage",
}
"""Feature → another without which it makes no sense."""


def check_can_be_made(target: Target) -> None:
    """Raise unless the provider can be made as the core makes it: of its configuration, and as a named endpoint.

    Raises:
        ConformanceFailure: It cannot; says why.
    """
    rule = "a provider is made of its configuration, under its own name or that of an endpoint"
    try:
        kind = kind_of(target)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        raise fail(rule, str(error), look_at="__init__(self, config=None, *, name=None)") from None
    made = _endpoint(kind, target)
    if isinstance(made, str):
        raise fail(rule, made, look_at=f"{kind.__name__}.__init__(self, config=None, *, name=None)")


def check_declaration_is_consistent(target: Target) -> None:
    """Raise unless everything that the provider's class declares can be true, and no part denies another.

    Raises:
        ConformanceFailure: Something cannot; says each thing that is wrong.
    """
    kind = kind_of(target)
    found = [problem for look in _LOOKS for problem in look(kind, target)]
    if found:
        raise fail(
            "what a provider declares of itself is possible and agrees with itself",
            "; ".join(found),
            look_at=f"class {kind.__name__} in {kind.__module__}",
        )


def _name(kind: type[Provider], target: Target) -> Iterator[str]:
    if not NAME.fullmatch(kind.name):
        yield f"name is {kind.name!r}; it is lower case, such as 'acme' or 'acme-eu'"
    if kind.contract_version != CONTRACT_VERSION:
        yield f"contract_version is {kind.contract_version!r}; this suite tests version {CONTRACT_VERSION}"
    named = _endpoint(kind, target)
    if isinstance(named, str):
        yield named
    elif named.endpoint != "conformance-endpoint":
        yield f"a named endpoint of it is called {named.endpoint!r}: __init__ must pass `name` on"


def _endpoint(kind: type[Provider], target: Target) -> Provider | str:
    try:
        return kind(target.loaded.config, name="conformance-endpoint")
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        return f"a named endpoint of it cannot be made: {type(error).__name__}: {error}"


def _address(kind: type[Provider], target: Target) -> Iterator[str]:
    address = kind.base_url
    parts = urlsplit(address)
    if address and parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        yield f"base_url is {address!r}; it is https, unless it is this machine's own"
    if parts.query or parts.fragment or parts.username or parts.password:
        yield f"base_url is {address!r}; it holds no query, no fragment and no password"
    if not target.loaded.base_url and not isinstance(target.loaded, LocalProvider):
        yield "there is no address: no base_url, and none in the suite's `config`"
    if kind.base_url_env is not None and not _is_variable(kind.base_url_env):
        yield f"base_url_env is {kind.base_url_env!r}, which is no name of an environment variable"


def _key(kind: type[Provider], target: Target) -> Iterator[str]:
    variables = kind.api_key_env
    names = (variables,) if isinstance(variables, str) else variables or ()
    for name in names:
        if not _is_variable(name):
            yield f"api_key_env has {name!r}, which is no name of an environment variable"
    if kind.needs_api_key and not names and not isinstance(target.loaded, LocalProvider):
        yield "it needs an API key, and api_key_env does not say which variable usually holds it"
    auth: object = target.loaded.auth
    if not isinstance(auth, Auth):
        yield f"auth is {auth!r}; it is an instance of an Auth, such as BearerAuth()"
    for header, value in cast("Mapping[str, object]", kind.headers).items():
        if not HEADER.fullmatch(header):
            yield f"headers has {header!r}, which is no name of a header"
        if HOLDS_KEY.search(header):
            yield f"headers has {header!r}: a key is never a header of the class; `auth` puts it into the request"
        if not isinstance(value, str):
            yield f"headers has {value!r} for {header!r}, which is no text"


def _is_variable(name: object) -> bool:
    return isinstance(name, str) and VARIABLE.fullmatch(name) is not None


def _wires(kind: type[Provider], target: Target) -> Iterator[str]:
    if isinstance(target.loaded, LocalProvider):
        return
    named: dict[str, object] = {"wire_format": kind.wire_format}
    named |= {f"wires[{pattern!r}]": wire for pattern, wire in kind.wires.items()}
    named |= {f"wire_choices[{choice!r}]": wire for choice, wire in kind.wire_choices.items()}
    for where, wire in named.items():
        if wire is None and where == "wire_format" and kind.wire_type is not Provider.wire_type:
            continue  # it chooses by itself
        if not (isinstance(wire, type) and issubclass(wire, WireFormat)):
            yield f"{where} is {wire!r}; it is a class of a WireFormat, not an instance"
        elif inspect.isabstract(wire):
            missing = ", ".join(sorted(getattr(wire, "__abstractmethods__", ())))
            yield f"{where} is {wire.__name__}, which does not define {missing}"
        elif not wire.can_stream and not wire.can_generate:
            yield f"{where} is {wire.__name__}, which can neither stream nor answer at once"
    if kind.wire_choices and kind.wire_format not in kind.wire_choices.values():
        yield "wire_choices leaves out wire_format, so that the usual wire cannot be chosen"
    yield from (f"wires: {problem}" for problem in odd_patterns([*kind.wires], kind.name))
    yield from (f"wires: {problem}" for problem in hidden_wires(kind.wires))
    if (made := target.loaded.wire(target.model)).provider != target.loaded.endpoint:
        yield f"the wire is told that the provider is {made.provider!r}; its __init__ must pass `provider` on"


def _capabilities(kind: type[Provider], target: Target) -> Iterator[str]:
    table = cast("Mapping[str, object]", kind.capabilities)
    if odd := [pattern for pattern, declared in table.items() if not isinstance(declared, Capabilities)]:
        yield f"capabilities[{odd[0]!r}] is no Capabilities"
        return
    yield from (f"capabilities: {problem}" for problem in odd_patterns([*kind.capabilities], kind.name))
    yield from (f"capabilities: {problem}" for problem in hidden_declarations(kind.capabilities))
    for wire in wire_types(kind):
        yield from _knobs(f"{wire.__name__}.capabilities", wire.capabilities)
    for pattern, declared in kind.capabilities.items():
        yield from _knobs(f"capabilities[{pattern!r}]", declared)
    models = dict.fromkeys((target.model, *target.models.values(), *map(sample_of, kind.capabilities)))
    problems = [problem for model in models for problem in _contradictions(model, target.loaded)]
    yield from dict.fromkeys(problems)


def _knobs(where: str, declared: Capabilities) -> Iterator[str]:
    for name, support in declared.settings.items():
        if name not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            yield f"{where} has the setting {name!r}, which does not exist; there are {known}"
        if support not in ("supported", "unsupported", "unknown"):
            yield f"{where} says {support!r} of {name!r}"


def _contradictions(model: str, provider: Provider) -> Iterator[str]:
    """Yield what cannot be true together, of what holds for one model."""
    declared = provider.capabilities_for(model)
    for feature, needed in NEEDS.items():
        if declared.support(feature) == "supported" and declared.support(needed) == "unsupported":
            yield f"for {model!r} {feature} is supported, and {needed} is not"
    for feature, reason in declared.untested.items():
        if not reason.strip():
            yield f"for {model!r} untested has no reason for {feature}"
        if declared.support(feature) != "supported":
            yield f"for {model!r} {feature} is untested, and not declared supported: there is nothing to test"
    if isinstance(provider, LocalProvider):
        return
    wire = provider.wire_type(model)
    if declared.streaming == "supported" and not wire.can_stream:
        yield f"for {model!r} streaming is supported, and {wire.__name__} cannot stream"
    if declared.streaming == "unsupported" and not wire.can_generate:
        yield f"for {model!r} streaming is unsupported, and {wire.__name__} has nothing else"


_Look = Callable[[type[Provider], Target], Iterator[str]]
_LOOKS: tuple[_Look, ...] = (_name, _address, _key, _wires, _capabilities)
