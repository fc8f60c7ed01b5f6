"""What a server may ask of us, if it is allowed to: an answer of a model (sampling), or of the user (elicitation)."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

import anyio.to_thread

from core_llm import AsyncClient, Client, CoreLLMError, Message, Response, Settings
from core_llm.wire import JSONValue
from plugin_mcp._content import TooLargeError, parts_of
from plugin_mcp._values import Elicitation, SamplingRequest

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.client import ClientRequestContext
    from mcp.client.session import ElicitationFnT, SamplingFnT

Elicited = Mapping[str, JSONValue] | bool | None
Elicit = Callable[[Elicitation], Elicited | Awaitable[Elicited]]
"""Answers a server: the values it asks for, True for a page that was visited; None or False declines."""
ApproveSampling = Callable[[SamplingRequest], bool | Awaitable[bool]]

SENT = 1_000_000
"""Bytes that a server may have a model asked."""
logger = logging.getLogger("core_llm.mcp")
_STOPS = {"stop": "endTurn", "length": "maxTokens"}


@dataclass(slots=True)
class Sampling:
    """Lets a server ask a model of ours.

    Attributes:
        client: Who asks; a `Client`, or an `AsyncClient` where the server is opened by async code.
        model: What is asked, whatever the server would prefer.
        approve: Asked about each request, sync or async; only True lets it through. All are let through if not set.
        max_tokens: How long an answer may be.
        max_requests: How many answers the server gets altogether.
    """

    client: Client | AsyncClient
    model: str
    approve: ApproveSampling | None = None
    max_tokens: int = 1000
    max_requests: int = 10
    _made: int = field(default=0, init=False)

    async def answer(
        self, server: str, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult | types.ErrorData:
        """Return the model's answer, or why there is none."""
        import mcp_types as types  # noqa: PLC0415  # heavy; it is imported by now

        def refused(why: str) -> types.ErrorData:
            return types.ErrorData(code=-1, message=why)

        try:
            messages = _messages(params)
        except TooLargeError:
            return refused("the request is too large")
        limit = min(params.max_tokens, self.max_tokens)
        asked = SamplingRequest(server, params.system_prompt, tuple((said.role, said.text) for said in messages), limit)
        if not await self._is_approved(asked):
            return refused("the user declined")
        if self._made >= self.max_requests:
            return refused(f"the limit of {self.max_requests} requests is reached")
        self._made += 1
        settings = Settings(max_tokens=limit, temperature=params.temperature, stop=tuple(params.stop_sequences or ()))
        try:
            response = await self._generated(messages, params.system_prompt, settings)
        except CoreLLMError as error:
            return refused(f"the model could not be asked: {error.message}")
        return types.CreateMessageResult(
            role="assistant",
            content=types.TextContent(text=response.text),
            model=response.model or self.model,
            stop_reason=_STOPS.get(response.finish_reason or "", "endTurn"),
        )

    async def _is_approved(self, asked: SamplingRequest) -> bool:
        """Whether the request may go through. Whoever is asked and fails has declined; the server is not told why."""
        if self.approve is None:
            return True
        try:
            return await called(self.approve, asked) is True
        except Exception as error:  # noqa: BLE001  # it is the user's code
            why = type(error).__name__
            logger.warning("MCP server %r: asking about its request failed (%s): it is declined", asked.server, why)
            return False

    async def _generated(self, messages: list[Message], system: str | None, settings: Settings) -> Response:
        whole = [Message.system(system), *messages] if system else messages
        if isinstance(self.client, AsyncClient):
            return await self.client.generate(self.model, whole, settings=settings)
        ask = partial(self.client.generate, self.model, whole, settings=settings)
        return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)


def _messages(params: types.CreateMessageRequestParams) -> list[Message]:
    return [
        Message(
            role=said.role,
            parts=parts_of(said.content if isinstance(said.content, list) else [said.content], SENT),
        )
        for said in params.messages
    ]


async def elicited(server: str, elicit: Elicit, params: types.ElicitRequestParams) -> types.ElicitResult:
    """Return what the user says. Whoever asks them and fails has cancelled."""
    import mcp_types as types  # noqa: PLC0415  # as above

    if isinstance(params, types.ElicitRequestURLParams):
        asked = Elicitation(server, params.message, url=params.url)
    else:
        asked = Elicitation(server, params.message, schema=dict(params.requested_schema))
    try:
        answer = await called(elicit, asked)
    except Exception:  # noqa: BLE001  # it is the user's code
        return types.ElicitResult(action="cancel")
    if isinstance(answer, Mapping) and asked.schema is not None:
        return types.ElicitResult(action="accept", content=dict(answer))
    is_visited = answer is True and asked.url is not None
    return types.ElicitResult(action="accept" if is_visited else "decline")


async def called(function: Callable[..., object], argument: object) -> object:
    """Call the user's function, a sync one in a thread."""
    if inspect.iscoroutinefunction(function):
        return await cast("Awaitable[object]", function(argument))
    answer = await anyio.to_thread.run_sync(function, argument, abandon_on_cancel=True)
    return await answer if inspect.isawaitable(answer) else answer


def asks_model(server: str, sampling: Sampling) -> SamplingFnT:
    """Return the SDK's callback for sampling."""

    async def callback(
        context: ClientRequestContext,  # noqa: ARG001  # of the SDK's protocol
        params: types.CreateMessageRequestParams,
    ) -> types.CreateMessageResult | types.ErrorData:
        return await sampling.answer(server, params)

    return callback


def asks_user(server: str, elicit: Elicit) -> ElicitationFnT:
    """Return the SDK's callback for elicitation."""

    async def callback(
        context: ClientRequestContext,  # noqa: ARG001  # the same
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        return await elicited(server, elicit, params)

    return callback
