"""Bodies that are compressed though nobody asked for it: some proxies do that.

The HTTP library's own decoding is not used, for it puts another layer of generators over each read, and trio warns of
those that are left before their end.
"""

from __future__ import annotations

import zlib


class Inflate:
    """Decompresses one body, chunk by chunk."""

    def __init__(self, encoding: str) -> None:
        """Take the value of the header ``content-encoding``."""
        self._encoding = encoding.strip().lower()
        self._is_raw = False
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, as its head says

    def __call__(self, chunk: bytes) -> bytes:
        """Return what the chunk holds.

        Raises:
            ValueError: It is compressed in a way that is not known here.
            zlib.error: It is not what the header says.
        """
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(f"the body is compressed with {self._encoding}, which was not asked for")
        try:
            data = self._inflate.decompress(chunk)
        except zlib.error:
            if self._is_raw or self._encoding != "deflate":
                raise
            # Some servers leave out the head that "deflate" should have.
            self._is_raw = True
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            data = self._inflate.decompress(chunk)
        if not self._inflate.eof or self._encoding == "deflate":
            return data
        return data + self._next_member(self._inflate.unused_data)

    def _next_member(self, rest: bytes) -> bytes:
        """Return what follows the end of a gzip member: another one, as a proxy that joins files may send."""
        pieces: list[bytes] = []
        while rest := rest.lstrip(b"\0"):  # some pad the end
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            pieces.append(self._inflate.decompress(rest))
            rest = self._inflate.unused_data
        return b"".join(pieces)


def inflate_for(headers: dict[str, str]) -> Inflate | None:
    """Return what decompresses a body with these headers, names in lower case; None if it is as it should be."""
    encoding = headers.get("content-encoding", "identity")
    return None if encoding.strip().lower() in ("identity", "") else Inflate(encoding)
