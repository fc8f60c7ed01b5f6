"""From a Request to the bytes that go out: encode, merge the caller's own fields, address, sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr
from pydantic_core import to_json

from core_llm._errors import ConfigError, MissingAPIKeyError, UnsupportedError
from core_llm._json import JSONValue
from core_llm._keys import as_key
from core_llm._provider import OutgoingRequest, Provider
from core_llm._redaction import register_secret
from core_llm._request import Request
from core_llm._response import ResumePoint
from core_llm._stream.plan import CallPlan
from core_llm.wire.base import WireRequest
from core_llm.wire.frames import Framing

USER_AGENT = "core-llm"
_HOLDS_KEY = re.compile(
    r"(?i)(?:^|(?<!idempotency)[-_]|api|access|auth)(?:authorization|cookie|key|secret|token|password|credential)$"
)
"""How the names of headers and query fields end that carry a key."""
_IN_BODY = re.compile(
    r"(?i)(?:^|[-_])(?:authorization(?:[-_]token)?|api[-_]?key|(?:access|auth|bearer|refresh|session)[-_]?token"
    r"|secret|password|cookie)$"
)
"""The same for fields of a body, where other keys and tokens are no secrets: ``prompt_cache_key``, ``max_tokens``."""


def build(plan: CallPlan, secret: object, *, is_stream: bool) -> tuple[OutgoingRequest, Framing]:
    """Return the signed request of one attempt, and how its answer will be framed.

    Raises:
        CoreLLMError: The wire cannot express the request, or the provider has no address.
    """
    request = plan.request
    wire = plan.provider.wire(request.model)
    is_stream = is_stream and wire.can_stream
    if request.is_stream is not is_stream:
        request = request.model_copy(update={"is_stream": is_stream})
    wired = wire.encode_request(request) if plan.resume is None else _resumed(plan, plan.resume)
    if isinstance(wired.body, dict):
        wired.body = plan.merged_body(wired.body)
    return signed(plan, wired, secret), wired.framing if is_stream else "none"


def _resumed(plan: CallPlan, point: ResumePoint) -> WireRequest:
    wired = plan.provider.wire(plan.request.model).encode_resume(point.response_id, point.cursor)
    if wired is None:
        name, model = plan.provider.endpoint, plan.request.model
        msg = f"{name}:{model} cannot take up a stream again; send the request anew"
        raise UnsupportedError(msg, feature="resume", provider=name, model=model)
    return wired


def signed(plan: CallPlan, wired: WireRequest, secret: object) -> OutgoingRequest:
    """Return a wire request with its whole address, every header, and the credentials.

    Raises:
        CoreLLMError: The provider has no address.
    """
    provider, request, config = plan.provider, plan.request, plan.provider.config
    headers = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
    content = b""
    if isinstance(wired.body, bytes):
        content = wired.body
    elif wired.body is not None:
        content = to_json(wired.body)
        headers["content-type"] = "application/json"
    headers |= {name.lower(): value for name, value in provider.headers.items()}
    if provider.idempotency_header and plan.idempotency_key and wired.method != "GET":
        headers[provider.idempotency_header.lower()] = plan.idempotency_key
    headers |= wired.headers
    headers |= {name.lower(): value.get_secret_value() for name, value in config.headers.items()}
    headers |= {name.lower(): value for name, value in request.extra_headers.items()}
    _register_keys(request, plan.provider_options)
    query = {**wired.query, **config.query, **request.extra_query}
    url = provider.url(wired.path)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    outgoing = OutgoingRequest(wired.method, url, headers, content)
    has_key = isinstance(secret, SecretStr) or any(map(_HOLDS_KEY.search, headers))
    _check_address(url, provider.endpoint, has_key=has_key)
    if not isinstance(secret, SecretStr):
        return outgoing
    return provider.auth.sign(outgoing, secret, plan.clock.now())


def _register_keys(request: Request, options: Mapping[str, JSONValue]) -> None:
    """Let redaction know the keys that the caller gave as headers, query fields or options of the call's own."""
    for name, value in (*request.extra_headers.items(), *request.extra_query.items()):
        if _HOLDS_KEY.search(name):
            register_secret(value.rpartition(" ")[2])  # without the scheme, as in "Bearer …"
    if options:
        _register_in(dict(options))


def _register_in(value: JSONValue) -> None:
    """Do the same for the fields of a body, such as what the provider is to show to a remote MCP server."""
    if isinstance(value, list):
        for item in value:
            _register_in(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str) and _IN_BODY.search(name):
                register_secret(item.rpartition(" ")[2])
            else:
                _register_in(item)


def _check_address(url: str, endpoint: str, *, has_key: bool) -> None:
    """Raise ConfigError where there is no host, or where a key would travel unencrypted to another machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host:
        raise ConfigError(f"the address of {endpoint} has no host: {url}; set its base_url to https://…")
    if not has_key or parts.scheme == "https" or is_loopback(host):
        return
    msg = f"{endpoint}: a key goes over plain http only to this machine, not to {host}; use https, or configure no key"
    raise ConfigError(msg)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own, without looking it up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def as_secret(value: object, provider: Provider) -> SecretStr | None:
    """Return what a credentials callable gave as a secret that redaction knows; None where there is no key to send.

    Raises:
        MissingAPIKeyError: It gave none, and the provider needs one.
        ConfigError: What it gave cannot be a key.
    """
    if value is None and not provider.needs_api_key:
        return None
    source = f"the callable that gives the key of {provider.endpoint}"
    if isinstance(value, str | SecretStr) and (key := as_key(value, provider.endpoint, "its callable")):
        return key
    what = "an empty text" if isinstance(value, str | SecretStr) else type(value).__name__
    raise MissingAPIKeyError(f"{source} returned {what}, not a key")
