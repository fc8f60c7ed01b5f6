"""From the name of a service to all the names that its plugin has; and what a name, an address, a variable must be."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from core_llm._offers import known_providers  # noqa: PLC2701  # the list of names that are taken

MAX_LENGTH: Final = 24
"""Characters of a name; it stands in front of every model."""
PREFIX: Final = "plugin-"
RESERVED: Final = frozenset(
    "Auth Capabilities ClassVar Decoder Exchange FinishReason Frame HeaderAuth LocalChannel LocalProvider Mapping "
    "Message Messages Part Provider Request Response Sequence Settings StreamEvent Usage WireFormat".split()
)
"""Classes that the written modules import: the plugin's own must not hide one."""
_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_AUTHOR = re.compile(r"(?P<name>[^<>]*?)\s*(?:<(?P<email>[^<>@\s]+@[^<>@\s]+)>)?\s*")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class NameRefusedError(ValueError):
    """A name, an address or a variable cannot be what it was given for; says why, and what can."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one plugin.

    Attributes:
        provider: What stands before the colon: ``acme-cloud``.
        distribution: ``plugin-acme-cloud``.
        package: ``plugin_acme_cloud``.
        kind: The provider's class: ``AcmeCloud``.
        title: For people: ``Acme Cloud``.
        variable: The usual variable of its key: ``ACME_CLOUD_API_KEY``.
    """

    provider: str
    distribution: str
    package: str
    kind: str
    title: str
    variable: str

    @classmethod
    def of(cls, given: str) -> Names:
        """Return the names of a plugin for the service `given`; ``plugin-acme``, ``Acme`` and ``acme`` are one.

        Raises:
            NameRefusedError: It is no name, or one that is taken.
        """
        provider = re.sub(r"[\s._-]+", "-", given.strip().lower()).removeprefix(PREFIX)
        if not _NAME.fullmatch(provider):
            raise NameRefusedError(
                f"{given!r} is no name for a provider: it begins with a letter and has letters, digits and single "
                "hyphens, such as acme or acme-cloud"
            )
        if len(provider) > MAX_LENGTH:
            raise NameRefusedError(f"{given!r} is too long: {len(provider)} characters, {MAX_LENGTH} at most")
        if (taken := known_providers().get(provider)) is not None:
            raise NameRefusedError(
                f"{provider} is the provider of {taken}; two plugins with one provider exclude each other. For an "
                f"address of your own, name an endpoint in the configuration; for another service, take another name"
            )
        words = provider.split("-")
        kind = "".join(word.capitalize() for word in words)
        if kind in RESERVED or keyword.iskeyword(kind):
            raise NameRefusedError(f"{provider} would make a class {kind}, which is taken; name it {provider}-ai")
        return cls(
            provider=provider,
            distribution=PREFIX + provider,
            package=(PREFIX + provider).replace("-", "_"),
            kind=kind,
            title=" ".join(word.capitalize() for word in words),
            variable="_".join(words).upper() + "_API_KEY",
        )


def checked_address(url: str) -> str:
    """Return a base address without a slash at its end.

    Raises:
        NameRefusedError: It is none, or a key would go over it unencrypted.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise NameRefusedError(f"{url!r} is no address: {error}") from None
    if not host or parts.scheme not in ("https", "http") or re.search(r"[\s\"'\\]", url):
        raise NameRefusedError(f"{url!r} is no address; one is https://api.acme.example/v1")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise NameRefusedError(f"{url!r} is not https: a key would go over the network unencrypted")
    if parts.query or parts.fragment or parts.username is not None:
        raise NameRefusedError(f"{url!r} has a query, a fragment or a password; give the address alone")
    return url.rstrip("/")


def checked_variable(name: str) -> str:
    """Return the name of an environment variable.

    Raises:
        NameRefusedError: It is none.
    """
    if not _VARIABLE.fullmatch(name):
        raise NameRefusedError(f"{name!r} is no name of an environment variable; one is ACME_API_KEY")
    return name


def split_author(author: str) -> tuple[str, str]:
    """Return name and mail address of ``Ada Lovelace <ada@example.org>``; the address may be left out.

    Raises:
        NameRefusedError: It is neither.
    """
    found = _AUTHOR.fullmatch(author.strip())
    if found is None or not found["name"] or not author.isprintable():
        raise NameRefusedError(f"{author!r} is no author; one is: Ada Lovelace <ada@example.org>")
    return found["name"], found["email"] or ""
