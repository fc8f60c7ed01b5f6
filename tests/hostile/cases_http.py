"""Cases in which what comes is not what HTTP, TLS or a compressed body should be."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

from core_llm import (
    ConnectError,
    MalformedResponseError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StatusError,
    StreamInterruptedError,
)
from core_llm_conformance.script import (
    Answer,
    Close,
    Flood,
    Pause,
    Reset,
    SendBelow,
    Stall,
    Step,
    json_answer,
    sse_answer,
)

from . import below
from .case import LAST, PACE, Case, Script, begun, broken, chunk, cut, head, limited, raw, whole
from .wires import BEGUN, Words

BLOCK = b"x" * 65536
HALF_A_RECORD = b"\x17\x03\x03\x40\x00" + bytes(100)


def _fixed(data: bytes) -> Script:
    return lambda _: raw(data, Close())


def heads() -> list[Case]:
    """Return the cases in which the head is endless, or none."""
    rubbish = {
        "HTTP/0.9": b"<html>hello</html>",
        "bytes": bytes(range(256)) * 8,
        "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
        "settings of HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
        "no status": b"HTTP/1.1 OK\r\n\r\n",
        "a header without colon": b"HTTP/1.1 200 OK\r\nhello\r\n\r\n",
        "a header with a null": b"HTTP/1.1 200 OK\r\na: \x00\r\n\r\n",
        "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        "a length that is no number": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nabc",
        "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
        "an unknown transfer encoding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: rot13\r\n\r\nabc",
    }
    cases = [broken(f"head: {name}", _fixed(data)) for name, data in rubbish.items()]
    status = b"HTTP/1.1 200 OK\r\n"
    return [
        *cases,
        limited("first_event", "head: headers that never end", lambda _: raw(status, Flood(b"a: b\r\n", PACE))),
        limited("first_event", "head: a header that never ends", lambda _: raw(status, b"a: ", Flood(b"b", PACE))),
        broken("head: endless headers, fast", lambda _: raw(status, Flood(b"a: b\r\n" * 999)), then="left"),
        broken("head: an endless header, fast", lambda _: raw(status, b"a: ", Flood(BLOCK)), then="left"),
        broken("head: an endless status line", lambda _: raw(b"HTTP/1.1 200 ", Flood(BLOCK)), then="left"),
        limited("first_event", "head: a flood of 1xx", lambda _: raw(Flood(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50))),
        whole(
            "head: some 1xx before it", lambda words: raw(_hints() + head(words), chunk(words.whole) + LAST, Close())
        ),
        whole("head: line feeds alone", lambda words: raw(_line_feeds(words), chunk(words.whole) + LAST, Close())),
    ]


def _hints() -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


def _line_feeds(words: Words) -> bytes:
    return head(words).replace(b"\r\n", b"\n")


def bodies() -> list[Case]:
    """Return the cases in which a body is not framed as its head says."""
    return [
        cut("body: a chunk's size is no number", lambda words: begun(words, b"zz\r\nabc\r\n", Close())),
        cut("body: a chunk's size is negative", lambda words: begun(words, b"-5\r\nabc\r\n", Close())),
        cut("body: a chunk's size has thirty digits", lambda words: begun(words, b"f" * 30 + b"\r\nabc", Close())),
        cut(
            "body: a chunk is longer than it says",
            lambda words: begun(words, b"2\r\n" + words.more + b"\r\n", Close()),
        ),
        cut("body: an endless extension of a chunk", lambda words: begun(words, b"5;a=", Flood(BLOCK)), then="left"),
        cut("body: endless trailers", lambda words: begun(words, b"0\r\n", Flood(b"a: b\r\n" * 999)), then="left"),
        cut("body: the last chunk, and no marker", lambda words: begun(words, LAST, Close())),
        cut("body: shorter than its length", lambda words: _of_length(words, words.begun, 9999)),
        cut(
            "body: longer than its length", lambda words: _of_length(words, words.begun + words.whole, len(words.begun))
        ),
        cut("body: nothing", lambda words: raw(head(words, "content-length: 0"), Close()), text=""),
        whole("body: no length at all", lambda words: raw(head(words, "connection: close"), words.whole, Close())),
        whole("body: of HTTP/1.0", lambda words: raw(_old_head(words), words.whole, Close())),
        whole(
            "body: chunked, and a length",
            lambda words: raw(
                head(words, "transfer-encoding: chunked", "content-length: 3"), chunk(words.whole) + LAST, Close()
            ),
        ),
        Case(
            "body: a line of 100 MB",
            lambda words: begun(words, Flood(chunk(BLOCK * 16))),
            MalformedResponseError,
            text=BEGUN,
            then="left",
        ),
        Case(
            "body: an error that never ends",
            lambda words: raw(head(words, status="500 Oops"), Flood(chunk(BLOCK))),
            ServerError,
            then="left",
        ),
    ]


def _old_head(words: Words) -> bytes:
    return head(words, "connection: close").replace(b"HTTP/1.1", b"HTTP/1.0")


def _of_length(words: Words, body: bytes, length: int) -> Answer:
    return raw(head(words, f"content-length: {length}"), body, Close())


def compressed() -> list[Case]:
    """Return the cases of a body that is compressed, and broken."""
    cases = [
        cut("compressed: in a way that nobody asked for", lambda words: _packed(words, "br", b"\x0b\x02\x80"), text=""),
        cut("compressed: rubbish", lambda words: _packed(words, "gzip", b"\x1f\x8b\x08\x00" + bytes(30)), text=""),
        cut("compressed: no gzip", lambda words: _packed(words, "gzip", words.whole), text=""),
        whole("compressed: in two members", lambda words: _packed(words, "gzip", _members(words))),
        Case(
            "compressed: a bomb",
            _bomb,
            MalformedResponseError,
            text=BEGUN,
            then="left",
        ),
    ]
    for encoding, wbits in (("gzip", 31), ("deflate", 15), ("deflate", -15)):
        kind = "raw deflate" if wbits < 0 else encoding
        cases += [
            whole(f"compressed: {kind}, whole", _packing(encoding, wbits, "whole")),
            whole(f"compressed: {kind}, its checksum missing", _packing(encoding, wbits, "marker")),
            cut(f"compressed: {kind}, cut off", _packing(encoding, wbits, "begun")),
            cut(f"compressed: {kind}, rubbish after the first words", _packing(encoding, wbits, "rubbish")),
        ]
    return cases


def _packing(encoding: str, wbits: int, how: str) -> Script:
    def script(words: Words) -> Answer:
        packer = zlib.compressobj(wbits=wbits)
        said = words.whole if how in ("whole", "marker") else words.begun
        data = packer.compress(said) + packer.flush(zlib.Z_FINISH if how == "whole" else zlib.Z_SYNC_FLUSH)
        return _packed(words, encoding, data, b"\xff" * 40 if how == "rubbish" else b"")

    return script


def _packed(words: Words, encoding: str, data: bytes, then: bytes = b"") -> Answer:
    fields = ("transfer-encoding: chunked", f"content-encoding: {encoding}")
    rest: list[Step | bytes] = [Pause(words.gate), chunk(then)] if then else []
    return raw(head(words, *fields), chunk(data), *rest, LAST, Close())


def _members(words: Words) -> bytes:
    return gzip.compress(words.whole[:40]) + gzip.compress(words.whole[40:])


def _bomb(words: Words) -> Answer:
    packer = zlib.compressobj(wbits=31)
    data = packer.compress(words.begun) + packer.flush(zlib.Z_SYNC_FLUSH)
    zeros = zlib.compressobj(wbits=-15)
    block = zeros.compress(b"0" * (1 << 20)) + zeros.flush(zlib.Z_FULL_FLUSH)
    fields = ("transfer-encoding: chunked", "content-encoding: gzip")
    return raw(head(words, *fields), chunk(data), Pause(words.gate), Flood(chunk(block)))


def statuses() -> list[Case]:
    """Return the cases of answers with another status than 200: storms, redirects, what has no place in an answer."""
    cases = [
        Case(f"storm: {status}", _always(status), error, retries=2, tries=3)
        for status, error in ((429, RateLimitError), (503, OverloadedError), (529, OverloadedError), (500, ServerError))
    ]
    later = json_answer({"error": "later"}, 429, {"retry-after": "3600"})
    cases.append(Case("storm: 429 for an hour", lambda _: later, RateLimitError, retries=2))
    others = (301, 302, 303, 307, 308)
    cases += [Case(f"redirect: {status} to another server", _redirect(status), StatusError) for status in others]
    return [
        *cases,
        Case("redirect: to itself", lambda words: Answer(302, {"location": words.wire.base + "/x"}), StatusError),
        Case("redirect: to nowhere", lambda _: Answer(307), StatusError),
        Case("redirect: 304", lambda _: raw(b"HTTP/1.1 304 Not Modified\r\n\r\n", Close()), StatusError, then="closed"),
        broken("redirect: 101", lambda _: raw(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", Stall()), then="left"),
        Case(
            "redirect: 204",
            lambda _: raw(b"HTTP/1.1 204 No Content\r\n\r\n", Close()),
            StreamInterruptedError,
            then="closed",
        ),
    ]


def _always(status: int) -> Script:
    return lambda _: json_answer({"error": {"message": "slow down"}}, status, {"retry-after": "0"})


def _redirect(status: int) -> Callable[[Words], Answer]:
    return lambda words: Answer(status, {"location": words.elsewhere + "/v1/chat/completions"})


def tls() -> list[Case]:
    """Return the cases in which TLS stops."""
    refused = {
        "closed in the handshake": below.half_a_hello_and_close,
        "reset in the handshake": below.half_a_hello_and_reset,
        "plain HTTP in place of a handshake": below.plain_http,
    }
    cases = [Case(f"TLS: {name}", None, ConnectError, tls=True, below=how) for name, how in refused.items()]
    waits = {"no handshake": below.hold, "half a handshake": below.half_a_hello, "dripped": below.dripping_hello}
    cases += [limited("connect", f"TLS: {name}", None, tls=True, below=how) for name, how in waits.items()]
    return [
        *cases,
        limited("first_event", "TLS: silence after the handshake", lambda _: raw(Stall()), tls=True),
        limited("first_event", "TLS: silence in a record", lambda _: raw(SendBelow(HALF_A_RECORD), Stall()), tls=True),
        limited(
            "between_events",
            "TLS: silence in a later record",
            lambda words: begun(words, SendBelow(HALF_A_RECORD), Stall()),
            tls=True,
        ),
        broken("TLS: closed after the handshake", lambda _: raw(Close()), tls=True),
        broken("TLS: reset after the handshake", lambda _: raw(Reset()), tls=True),
        broken("TLS: reset in a record", lambda _: raw(SendBelow(HALF_A_RECORD), Reset()), tls=True),
        broken("TLS: rubbish for a record", lambda _: raw(SendBelow(b"rubbish" * 9), Stall()), tls=True, then="left"),
        cut("TLS: closed between frames", lambda words: begun(words, Close()), tls=True),
        cut("TLS: reset in a later record", lambda words: begun(words, SendBelow(HALF_A_RECORD), Reset()), tls=True),
        cut(
            "TLS: rubbish later", lambda words: begun(words, SendBelow(b"rubbish" * 9), Stall()), tls=True, then="left"
        ),
        whole("TLS: reset after the marker", lambda words: raw(head(words), chunk(words.whole), Reset()), tls=True),
        whole("TLS: all well", lambda words: sse_answer(words.whole), tls=True, then=None),
    ]


def all_http() -> list[Case]:
    """Return every case of this file."""
    return [*heads(), *bodies(), *compressed(), *statuses(), *tls()]
