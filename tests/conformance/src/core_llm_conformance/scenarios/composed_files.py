"""Tiny files in the formats that models take, composed here: no binary lies in the package, none came from anywhere."""

from __future__ import annotations

import math
import struct
import zlib

SIDE = 16
"""Pixels."""
RATE = 8_000
"""Samples a second."""


def red_square() -> bytes:
    """Return a PNG of a red square, 16 by 16 pixels (ISO/IEC 15948)."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)  # 8 bits, RGB
    pixels = zlib.compress((b"\0" + b"\xff\0\0" * SIDE) * SIDE)  # each line begins with its filter: none
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", pixels) + _png_chunk(b"IEND", b"")


def short_tone() -> bytes:
    """Return a WAV of a tenth of a second of a tone, 16 bits, one channel."""
    samples = [round(8_000 * math.sin(2 * math.pi * 440 * number / RATE)) for number in range(RATE // 10)]
    data = struct.pack(f"<{len(samples)}h", *samples)
    return _riff(b"WAVE", _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)), _chunk(b"data", data))


def one_page(text: str = "The code word is MARIGOLD.") -> bytes:
    """Return a PDF of one page with a line of ASCII text (ISO 32000)."""
    drawn = f"BT /F1 18 Tf 20 60 Td ({text}) Tj ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    body, starts = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        starts.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(body))
    )


def short_film() -> bytes:
    """Return an AVI of two frames of red, 16 by 16 pixels, uncompressed."""
    frame = b"\0\0\xff" * (SIDE * SIDE)  # BGR
    main = struct.pack("<14I", 500_000, len(frame) * 2, 0, 0x10, 2, 0, 1, len(frame), SIDE, SIDE, 0, 0, 0, 0)
    shown = (0, 0, 0, 0, 1, 2, 0, 2, len(frame), 0, 0, 0, 0, SIDE, SIDE)  # two frames, two a second
    stream = b"vids" + b"DIB " + struct.pack("<IHHIIIIIIII4H", *shown)
    pixels = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, len(frame), 0, 0, 0, 0)
    streams = _list(b"strl", _chunk(b"strh", stream), _chunk(b"strf", pixels))
    index = b"".join(
        b"00db" + struct.pack("<III", 0x10, 4 + number * (len(frame) + 8), len(frame)) for number in (0, 1)
    )
    movie = _list(b"movi", _chunk(b"00db", frame), _chunk(b"00db", frame))
    return _riff(b"AVI ", _list(b"hdrl", _chunk(b"avih", main), streams), movie, _chunk(b"idx1", index))


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _riff(kind: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"RIFF", kind + b"".join(chunks))


def _list(kind: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", kind + b"".join(chunks))


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a RIFF file; an odd one is padded."""
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
