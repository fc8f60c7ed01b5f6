"""After a fork: what belongs to the parent process is forgotten in the child, before anything there can use it.

A child gets copies of the parent's sockets, so that two processes would read each other's answers; of its locks, which
nobody will release that another thread held; and none of its threads.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """What has a process of its own."""

    def begin_anew(self) -> None:
        """Forget what belongs to the parent; called in the child, by its only thread."""
        ...


_known: WeakSet[Forked] = WeakSet()


def renew_in_child(owner: Forked) -> None:
    """Let `owner.begin_anew` be called in each forked child, as long as the owner lives."""
    _known.add(owner)


def _renew_all() -> None:
    for owner in list(_known):
        owner.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
