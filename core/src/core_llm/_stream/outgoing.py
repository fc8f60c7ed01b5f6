"""From a Request to the bytes that go out: encode, merge the caller's own fields, address, sign."""

from __future__ import annotations

from urllib.parse import urlencode

from pydantic import SecretStr
from pydantic_core import to_json

from core_llm._errors import MissingAPIKeyError
from core_llm._provider import OutgoingRequest
from core_llm._redaction import register_secret
from core_llm._stream.plan import CallPlan
from core_llm.wire.frames import Framing

USER_AGENT = "core-llm"


def build(plan: CallPlan, secret: object, *, is_stream: bool) -> tuple[OutgoingRequest, Framing]:
    """Return the signed request of one attempt, and how its answer will be framed.

    Raises:
        CoreLLMError: The wire cannot express the request, or the provider has no address.
    """
    provider, request = plan.provider, plan.request
    wire = provider.wire(request.model)
    is_stream = is_stream and wire.can_stream
    if request.is_stream is not is_stream:
        request = request.model_copy(update={"is_stream": is_stream})
    wired = wire.encode_request(request)
    config = provider.config
    headers = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
    content = b""
    if isinstance(wired.body, bytes):
        content = wired.body
    elif wired.body is not None:
        content = to_json(plan.merged_body(wired.body) if isinstance(wired.body, dict) else wired.body)
        headers["content-type"] = "application/json"
    headers |= {name.lower(): value for name, value in provider.headers.items()}
    headers |= wired.headers
    headers |= {name.lower(): value.get_secret_value() for name, value in config.headers.items()}
    headers |= {name.lower(): value for name, value in request.extra_headers.items()}
    query = {**wired.query, **config.query, **request.extra_query}
    url = provider.url(wired.path)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    outgoing = OutgoingRequest(wired.method, url, headers, content)
    if isinstance(secret, SecretStr):
        outgoing = provider.auth.sign(outgoing, secret, plan.clock.now())
    return outgoing, wired.framing if is_stream else "none"


def as_secret(value: object, endpoint: str) -> SecretStr:
    """Return what a credentials callable gave as a secret that redaction knows.

    Raises:
        MissingAPIKeyError: It gave nothing usable.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str) or not text:
        msg = f"the callable that gives the key of {endpoint} returned {type(value).__name__}, not a key"
        raise MissingAPIKeyError(msg)
    register_secret(text)
    return SecretStr(text)
