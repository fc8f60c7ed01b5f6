"""Which connections a request may use: pools of the HTTP library, by scheme and proxy, each with few streams at a time.

The library looks at every connection of a pool when a request begins and again when it ends, so the cost of a stream
grows with the number of those that are running: at a thousand of them it is more than that of all their events. Here a
pool has a bounded number of streams, and more pools are made where that is not enough. The first one keeps
connections for later requests, and looks after them whenever it is asked; those that only a crowd needs keep none.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from core_llm._forks import renew_in_child
from core_llm._stream.outgoing import is_loopback

KEPT = 100
"""How many connections the first pool keeps, and how many streams it has."""
STREAMS_PER_POOL = 50
"""How many streams each further one has."""
KEEPALIVE_SECONDS = 30.0

Key = tuple[str, str | None]
"""A scheme, and a proxy."""


T = TypeVar("T")


class Pool(Generic[T]):
    """One pool of connections.

    Attributes:
        transport: The library's, whose connections they are.
        room: How many streams it has at the most.
        streams: How many are running.
    """

    __slots__ = ("_owner", "room", "streams", "transport")

    def __init__(self, transport: T, room: int, owner: Pools[T]) -> None:
        self.transport = transport
        self.room = room
        self.streams = 1
        self._owner = owner

    def release(self) -> None:
        """Say that a stream is over."""
        with self._owner.lock:
            self.streams -= 1


class Pools(Generic[T]):
    """The pools of one client, or of one client on one event loop.

    Attributes:
        lock: Held for a moment, and never while something is sent.
    """

    def __init__(self, make: Callable[[ModuleType, dict[str, object]], T]) -> None:
        self._make = make
        self._routes = _Routes()
        self._context: ssl.SSLContext | None = None
        self.begin_anew()
        renew_in_child(self)

    def begin_anew(self) -> None:
        """Begin without connections, in a forked child too: those of the parent, and its locks, are not the child's."""
        self._pools: dict[Key, list[Pool[T]]] = {}
        self.lock = threading.Lock()

    def take(self, lib: ModuleType, url: str) -> Pool[T]:
        """Return a pool for a request to this address; `release` it when the answer is closed."""
        key = self._routes.key(url)
        with self.lock:
            pools = self._pools.setdefault(key, [])
            for pool in pools:
                if pool.streams < pool.room:
                    pool.streams += 1
                    return pool
            transport = self._make(lib, self._options(lib, key, kept=0 if pools else KEPT))
            pool = Pool(transport, STREAMS_PER_POOL if pools else KEPT, self)
            pools.append(pool)
            return pool

    def taken(self) -> list[T]:
        """Return the transports of all pools, and forget them."""
        with self.lock:
            pools, self._pools = self._pools, {}
        return [pool.transport for each in pools.values() for pool in each]

    def _options(self, lib: ModuleType, key: Key, *, kept: int) -> dict[str, object]:
        scheme, proxy = key
        limits = lib.Limits(max_connections=None, max_keepalive_connections=kept, keepalive_expiry=KEEPALIVE_SECONDS)
        # A plain http pool never speaks TLS: an empty context spares it the tens of milliseconds that reading all
        # trusted certificates costs. It trusts nobody, so it could not be misused.
        if scheme != "https" and not proxy:
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            verify = self._context = self._context or lib.create_ssl_context()
        return {"verify": verify, "limits": limits, "proxy": proxy}


class _Routes:
    """Which pool serves an address: its scheme, and the proxy that the environment names for it. Asked once a host."""

    def __init__(self) -> None:
        self._known: dict[str, Key] = {}

    def key(self, url: str) -> Key:
        """Return the scheme of an address and its proxy."""
        origin = url[: url.find("/", len("https://"))]
        found = self._known.get(origin)
        if found is None:
            found = self._known[origin] = _pool_key(url)
        return found


def _pool_key(url: str) -> Key:
    """Return the scheme of an address and the proxy that the environment names for it."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # the HTTP library has imported it by now

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    # This machine is never asked for through another: a key that may go to it unencrypted would go there.
    if proxy and not is_loopback(host) and not proxy_bypass(host):
        return parts.scheme, proxy if "://" in proxy else f"http://{proxy}"
    return parts.scheme, None
