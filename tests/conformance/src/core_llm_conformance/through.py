"""Sending one call through a client that is answered by a replay: the same for every test, with every library."""

from __future__ import annotations

from typing import cast

import httpx

from core_llm import AsyncClient, Client, CoreLLMError, Provider, Response, check_events
from core_llm_conformance.replay import ReplayAnswer, ReplayTransport

KEY = "sk-replayed-0123456789abcdef"
"""The made-up key that every provider is given."""
Outcome = Response | CoreLLMError
"""What a call came to."""


AnyProvider = type[Provider] | Provider
"""A provider's class, or one that is configured."""


def through_client(answer: ReplayAnswer, provider: AnyProvider, *, is_stream: bool, model: str = "m") -> Outcome:
    """Call `provider`, be answered with `answer`, and return what it came to.

    Args:
        answer: What the provider's server says.
        provider: Whose wire is spoken.
        is_stream: Whether to stream, and check that the events keep the grammar; else a plain answer is asked for.
        model: The name of the model.
    """
    with httpx.Client(transport=ReplayTransport([answer])) as http:
        return _call(http, provider, model, is_stream=is_stream)


def through_httpx2_client(answer: ReplayAnswer, provider: AnyProvider, *, is_stream: bool, model: str = "m") -> Outcome:
    """Do the same with httpx2, which must be installed."""
    import httpx2  # noqa: PLC0415  # an extra of the core

    from core_llm_conformance.replay_httpx2 import Httpx2ReplayTransport  # noqa: PLC0415  # imports httpx2

    with httpx2.Client(transport=Httpx2ReplayTransport([answer])) as http:
        return _call(cast("httpx.Client", http), provider, model, is_stream=is_stream)


async def through_async_client(
    answer: ReplayAnswer, provider: AnyProvider, *, is_stream: bool, model: str = "m"
) -> Outcome:
    """Do the same with the async client, on asyncio or trio."""
    async with httpx.AsyncClient(transport=ReplayTransport([answer])) as http:
        client = AsyncClient(providers=[provider], http_client=http, max_retries=0, api_keys={provider.name: KEY})
        target = f"{provider.name}:{model}"
        try:
            if not is_stream:
                return await client.generate(target, "Hi")
            async with client.stream(target, "Hi") as stream:
                for _ in check_events([event async for event in stream]):
                    pass
        except CoreLLMError as error:
            return error
        return stream.response


def _call(http: httpx.Client, provider: AnyProvider, model: str, *, is_stream: bool) -> Outcome:
    client = Client(providers=[provider], http_client=http, max_retries=0, api_keys={provider.name: KEY})
    target = f"{provider.name}:{model}"
    try:
        if not is_stream:
            return client.generate(target, "Hi")
        with client.stream(target, "Hi") as stream:
            for _ in check_events(stream):
                pass
    except CoreLLMError as error:
        return error
    return stream.response
