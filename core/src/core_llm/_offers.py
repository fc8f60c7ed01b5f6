"""Offers: what plugins register as providers, judged before use, and made into instances."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from core_llm._config_model import ProviderConfig
from core_llm._errors import CoreLLMError, PluginLoadError, RedactedCause, UnknownProviderError
from core_llm._provider import CONTRACT_VERSION, LocalProvider, Provider

Offer = type[Provider] | Provider
"""What a plugin may register: a class, which the core makes from configuration, or a finished instance."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")


def check_offer(offer: object, label: str) -> Offer:
    """Return what a plugin offers, if it is a provider that this core can use.

    Args:
        offer: What the plugin registered.
        label: The plugin, as messages name it.

    Raises:
        PluginLoadError: It is not a provider, is unfinished, or is built for another version of the contract.
    """
    # Before all else: a provider for another contract may well fail the checks of this one.
    contract = getattr(offer, "contract_version", CONTRACT_VERSION)
    if contract != CONTRACT_VERSION:
        older = "the plugin" if _is_older(contract) else "core-llm"
        raise PluginLoadError(
            f"{label} was built for version {contract} of the provider contract, and this core-llm has version "
            f"{CONTRACT_VERSION}: {older} is too old"
        )
    kind = offer if isinstance(offer, type) else type(offer)
    if not issubclass(kind, Provider):
        raise PluginLoadError(f"{label} registers {shown(offer)}, which is not a Provider class or instance")
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problem = "sets no name" if name is None else f"has the name {name!r}"
        raise PluginLoadError(f"{label}: {kind.__name__} {problem}; a name is lower case, such as 'acme' or 'acme-eu'")
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(getattr(kind, "__abstractmethods__", ())))
        raise PluginLoadError(f"{label}: {kind.__name__} does not define {missing}")
    is_mute = kind.wire_format is None and kind.wire_type is Provider.wire_type and not issubclass(kind, LocalProvider)
    if is_mute:
        raise PluginLoadError(f"{label}: {kind.__name__} sets no wire_format")
    return offer if isinstance(offer, Provider) else kind


def offered_name(offer: Offer) -> str:
    """Return the name that an offer is found by."""
    return offer.endpoint if isinstance(offer, Provider) else offer.name


def make_provider(offer: Offer, name: str, config: ProviderConfig | None, label: str) -> Provider:
    """Return the provider that an offer stands for, under the name that was asked for.

    Raises:
        ConfigError: The configuration does not suit the provider.
        PluginLoadError: Its constructor fails.
    """
    if isinstance(offer, Provider):
        return offer
    try:
        return offer(config, name=name)
    except CoreLLMError:
        raise
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything
        reason = f"{label}: {offer.__name__} cannot be made: {RedactedCause.of(error)}"
        raise PluginLoadError(reason) from RedactedCause.of(error)


def unknown_provider(name: str, installed: Sequence[str], notes: Sequence[str]) -> UnknownProviderError:
    """Return the error for a name that nobody offers.

    Only packages that are known to be this project's are suggested: to make a package's name of a typing error would be
    an invitation to whoever registers it.

    Args:
        name: What was asked for.
        installed: The names that could have been.
        notes: What else there is to say: a disabled plugin, one that failed when asked.
    """
    listed = f"installed: {', '.join(installed)}" if installed else "none is installed"
    msg = f"no provider {name!r}; {listed}"
    known = known_providers()
    if name in known:
        msg += "" if notes else f"; to install it: pip install {known[name]}"
    elif near := get_close_matches(name.lower(), installed, n=1):
        msg += f"; did you mean {near[0]!r}?"
    elif near := get_close_matches(name.lower(), known, n=1):
        msg += f"; did you mean {near[0]!r}? To install it: pip install {known[near[0]]}"
    elif not notes:
        msg += "; each comes with a package, usually called plugin-<provider>"
    return UnknownProviderError("; ".join((msg, *notes)))


def known_providers() -> dict[str, str]:
    """Return the providers that this project has, name → package, whether installed or not.

    It is a help for errors and nothing else: a provider that is not in the list works all the same.
    """
    text = Path(__file__).with_name("known_providers.txt").read_text(encoding="utf-8")
    return dict(line.split() for line in text.splitlines())


def duplicate_message(name: str, labels: Sequence[str]) -> str:
    """Return what to say where several packages offer one name."""
    offered = " and ".join(labels)
    return f"provider {name!r} is offered by {offered}; uninstall one, or name it in CORE_LLM_DISABLE_PLUGINS"


def shown(thing: object) -> str:
    """Return how messages name a module, a class or an object."""
    if inspect.ismodule(thing):
        return thing.__name__
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"{type(thing).__name__} object" if not isinstance(thing, str) else repr(thing)


def _is_older(contract: object) -> bool:
    return isinstance(contract, int) and contract < CONTRACT_VERSION
