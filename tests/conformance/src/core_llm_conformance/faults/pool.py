"""Real connections: whatever became of a call, a pool that has room for one connection serves the next one."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import httpx

from core_llm import AsyncClient, Client, CoreLLMError, Limits, Response
from core_llm_conformance.failure import fail
from core_llm_conformance.faults import rules
from core_llm_conformance.faults.damage import HTML, injected_error
from core_llm_conformance.faults.subject import Subject
from core_llm_conformance.faults.trials import in_loop, subjects
from core_llm_conformance.scenario import Shown
from core_llm_conformance.script import Answer, Close, Reset, Send, Stall
from core_llm_conformance.server import FaultServer
from core_llm_conformance.target import Target

WAIT = Limits(connect=2.0)
"""How long a call may wait for a connection that the one before has not given back."""
SPOILT = Limits(connect=2.0, first_event=0.3, between_events=0.3)
"""Of the call before: its server may say nothing more, and need not be waited for."""
WHOLE = "a whole answer"
_ONE = httpx.Limits(max_connections=1)


class _Here(httpx.HTTPTransport):
    """Sends to a server of this process what is meant for the provider's."""

    def __init__(self, server: str) -> None:
        super().__init__(limits=_ONE)
        self._server = httpx.URL(server)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _turn(request, self._server)
        return super().handle_request(request)


class _HereAsync(httpx.AsyncHTTPTransport):
    def __init__(self, server: str) -> None:
        super().__init__(limits=_ONE)
        self._server = httpx.URL(server)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _turn(request, self._server)
        return await super().handle_async_request(request)


def _turn(request: httpx.Request, server: httpx.URL) -> None:
    request.url = request.url.copy_with(scheme=server.scheme, host=server.host, port=server.port)
    request.headers["host"] = f"{server.host}:{server.port}"


def check_pool_is_reusable(target: Target, shown: Shown) -> None:
    """Check, with real connections, that a pool of one can be used again after every kind of failure."""
    for subject in subjects(target, shown):
        answers = _answers(subject)
        _check_sync(subject, answers)
        in_loop(partial(_check_async, subject, answers), "asyncio")


def _check_sync(subject: Subject, answers: dict[str, Answer]) -> None:
    with (
        FaultServer() as server,
        httpx.Client(transport=_Here(server.url), trust_env=False) as http,
        subject.target.client(http) as client,
    ):
        for fault, answer in answers.items():
            server.enqueue(answer, answers[WHOLE])
            _spoilt(subject, client, is_left=fault.startswith("the loop"))
            try:
                with client.stream(subject.model_id, subject.prompt, **subject.options(WAIT)) as stream:
                    _judge(subject, fault, "sync", stream.finish())
            except CoreLLMError as error:
                raise _failure(subject, fault, "sync", f"the next call failed: {error}") from None


def _spoilt(subject: Subject, client: Client, *, is_left: bool) -> None:
    with suppress(CoreLLMError), client.stream(subject.model_id, subject.prompt, **subject.options(SPOILT)) as stream:
        for _ in stream:
            if is_left:
                break


def _judge(subject: Subject, fault: str, runner: str, response: Response) -> None:
    if response != subject.whole:
        raise _failure(subject, fault, runner, "the next call came to another answer")


def _failure(subject: Subject, fault: str, runner: str, found: str) -> Exception:
    return fail(rules.REUSABLE, f"{found}\ndone before: {fault} ({runner})", scenario=subject.test_id)


async def _check_async(subject: Subject, answers: dict[str, Answer]) -> None:
    with FaultServer() as server:
        async with (
            httpx.AsyncClient(transport=_HereAsync(server.url), trust_env=False) as http,
            subject.target.async_client(http) as client,
        ):
            for fault, answer in answers.items():
                server.enqueue(answer, answers[WHOLE])
                await _spoilt_async(subject, client, is_left=fault.startswith("the loop"))
                try:
                    async with client.stream(subject.model_id, subject.prompt, **subject.options(WAIT)) as stream:
                        _judge(subject, fault, "asyncio", await stream.finish())
                except CoreLLMError as error:
                    raise _failure(subject, fault, "asyncio", f"the next call failed: {error}") from None


async def _spoilt_async(subject: Subject, client: AsyncClient, *, is_left: bool) -> None:
    with suppress(CoreLLMError):
        async with client.stream(subject.model_id, subject.prompt, **subject.options(SPOILT)) as stream:
            async for _ in stream:
                if is_left:
                    break


def _answers(subject: Subject) -> dict[str, Answer]:
    framed = subject.framed
    half = framed.first(min(subject.marker, (subject.delta() or 0) + 1))
    error = injected_error(subject).piece
    rubbish = framed.piece_of(b'{"half": ')
    headers = dict(subject.answer(b"").headers)
    body = framed.body

    def ok(*steps: Send | Close | Reset | Stall, claimed: int | None = None) -> Answer:
        if claimed is None:
            return Answer(200, headers, steps)
        return Answer(200, headers, steps, framing="content-length", content_length=claimed)

    stalling = {"the loop was left while more was to come": ok(Send(half.body), Stall())}
    return {
        WHOLE: ok(Send(body)),
        **(stalling if half.pieces and subject.delta() is not None else {}),
        "the loop was left in a whole answer": ok(Send(body)),
        "an answer that was closed too early": ok(Send(half.body), Close()),
        "a connection reset": ok(Send(half.body), Reset()),
        "an error within the stream": ok(Send(half.with_inserted(len(half.pieces), error).body), Stall()),
        "rubbish within the stream": ok(Send(half.with_inserted(len(half.pieces), rubbish).body), Stall()),
        "a content length that is too long": ok(Send(body), Close(), claimed=len(body) + 100),
        "a content length that is too short": ok(Send(half.body), claimed=len(half.body)),
        "a status 401": Answer(401, {}, [Send(b"{}")]),
        "a status 500 with a page": Answer(500, {"content-type": "text/html"}, [Send(HTML)]),
        "an empty body": Answer(200, headers, [], framing="content-length"),
        "a page with status 200": Answer(200, {"content-type": "text/html"}, [Send(HTML)]),
    }
