"""A process of its own: makes calls under limits that a storage shares, and prints how many were answered."""

from __future__ import annotations

import json
import sys

from core_llm import BusyError, Client
from core_llm.testing import FakeProvider
from plugin_limits import Limit, RateLimits


def main(arguments: str) -> None:
    """Make the calls that a list in JSON describes."""
    storage, namespace, strategy, requests, per, calls, on_limit = json.loads(arguments)
    limits = RateLimits(
        {"acme:*": Limit(requests=requests, tokens=100_000, per=per)},
        storage=storage,
        namespace=namespace,
        strategy=strategy,
        on_limit=on_limit,
    )
    answered = 0
    with Client(providers=[FakeProvider("Blue.", name="acme")], plugins=[limits]) as client:
        for _ in range(calls):
            try:
                client.generate("acme:m", "Why?")
                answered += 1
            except BusyError:
                pass
    sys.stdout.write(str(answered))


if __name__ == "__main__":
    main(sys.argv[1])
