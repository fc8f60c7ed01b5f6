"""A loopback server that replays canned Chat Completions answers, so that it is never the bottleneck.

The model's name in the request says what to answer:

    s<N>[f<K>]  N text deltas, K events in each HTTP chunk (default 1), as fast as the client takes them
    t<N>        one tool call whose arguments come in N deltas
    b<MB>       one event with a text of MB megabytes, on one line, in 16 KiB chunks
    p<N>x<R>    N text deltas at R a second; each text is the time of sending in ns, 20 characters
    first       the head, then one delta with the time of sending, then the end
    tiny        a small plain answer
    hang        one delta, then nothing; the line ``closed <ns>`` is printed when the client is seen to go
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import cache
from time import monotonic_ns

WORDS = [" the", " of", " streaming", " a", ",", " provider", " token", " und", " über", " in", ".", "\n\n", " plugin"]
USAGE = {"prompt_tokens": 12, "completion_tokens": 345, "total_tokens": 357}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked"
STAMP = "@" * 20


def event(delta: dict[str, object] | None, finish: str | None = None) -> bytes:
    """One frame as the large providers send it, padding included."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    chunk = {
        "id": "chatcmpl-0123456789abcdefghijklmnopqrs",
        "object": "chat.completion.chunk",
        "created": 1763700000,
        "model": "bench-model-2026-11-01",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": choices,
        "usage": None if choices else USAGE,
        "obfuscation": "aB3dE5gH",
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def tail(finish: str = "stop") -> list[bytes]:
    """The frames after the last delta."""
    return [event({}, finish), event(None), b"data: [DONE]\n\n"]


@cache
def canned(model: str) -> bytes:
    """The whole chunked body for a model that needs no clock."""
    if found := re.fullmatch(r"s(\d+)(?:f(\d+))?", model):
        count, group = int(found[1]), int(found[2] or 1)
        frames = [event({"role": "assistant", "content": ""})]
        frames += [event({"content": WORDS[number % len(WORDS)]}) for number in range(count)] + tail()
        return b"".join(chunk(b"".join(frames[i : i + group])) for i in range(0, len(frames), group)) + chunk(b"")
    if found := re.fullmatch(r"t(\d+)", model):
        pieces = ['{"content":"', *(f"line {number % 97} \\n" for number in range(int(found[1]) - 2)), '"}']
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write_file", "arguments": ""}}
        frames = [event({"role": "assistant", "content": None, "tool_calls": [call]})]
        frames += [event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
        return b"".join(chunk(frame) for frame in frames + tail("tool_calls")) + chunk(b"")
    if found := re.fullmatch(r"b(\d+)", model):
        frame = event({"content": "A" * (int(found[1]) << 20)})
        pieces_of = [frame[i : i + 16384] for i in range(0, len(frame), 16384)]
        return b"".join(chunk(piece) for piece in [*pieces_of, *tail()]) + chunk(b"")
    raise ValueError(model)


def tiny() -> bytes:
    """A small plain answer."""
    message = {"role": "assistant", "content": "Hello there!", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1763700000, "model": "m", "choices": [choice]}
    return json.dumps({**body, "usage": USAGE}).encode()


async def paced(writer: asyncio.StreamWriter, count: int, rate: float) -> None:
    """Send deltas at a rate, each with its time of sending."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    template = chunk(event({"content": STAMP}))
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
        writer.write(template.replace(STAMP.encode(), b"%020d" % monotonic_ns()))
    writer.write(b"".join(chunk(frame) for frame in tail()) + chunk(b""))


async def answer(model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    if model == "tiny":
        body = tiny()
        writer.write(HEAD % (b"application/json", b"content-length: %d" % len(body)) + body)
        return
    writer.write(HEAD % (b"text/event-stream", CHUNKED))
    if found := re.fullmatch(r"p(\d+)x(\d+)", model):
        await paced(writer, int(found[1]), float(found[2]))
    elif model == "first":
        writer.write(chunk(event({"content": f"{monotonic_ns():020d}"})))
        await asyncio.sleep(0.002)
        writer.write(b"".join(chunk(frame) for frame in tail()) + chunk(b""))
    elif model == "hang":
        writer.write(chunk(event({"content": "one"})))
        await reader.read(1)
        print("closed", monotonic_ns(), flush=True)
    else:
        writer.write(canned(model))
    await writer.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b"{}"
            await answer(json.loads(body)["model"], reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen on a free port and print it."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24, backlog=4096)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
