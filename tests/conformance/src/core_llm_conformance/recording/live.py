"""Asking the live API: the real client, the user's own address and key, and vcrpy that listens, in memory.

Nothing here is scrubbed, and nothing is written: what was heard is `taken` apart in `recorder`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from pydantic import JsonValue

from core_llm import Client, ClientOptions, Config, CoreLLMError
from core_llm_conformance._replay_core import ReplayedRequest
from core_llm_conformance.conversation import converse
from core_llm_conformance.failure import fail
from core_llm_conformance.playing import check_seen, doors
from core_llm_conformance.recording.descriptions import Reply
from core_llm_conformance.scenario import Mode, Scenario
from core_llm_conformance.target import KEY, Target

LIBRARY: Literal["httpx"] = "httpx"
WRONG_KEY = 401
"""The status for which a scenario is asked with a key that is none."""
_OF_THE_CORE = "CORE_LLM_"


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it was really sent, and its answer, decompressed."""

    request: ReplayedRequest
    reply: Reply


def listen(target: Target, scenario: Scenario, mode: Mode, config: Config) -> tuple[list[Heard], CoreLLMError | None]:
    """Ask the live API a scenario in one mode.

    Returns:
        What went over the wire to the provider's own address, and the error that ended the conversation, if one did.

    Args:
        target: The plugin, with the model that is to be asked.
        scenario: What it is asked; turns follow upon real answers.
        mode: How.
        config: The user's: address, key, headers and options of the provider are taken from it, and nothing else.

    Raises:
        ConformanceFailure: vcrpy does not hear the client.
        CoreLLMError: The request cannot be sent: no key, no address.
    """
    vcr, library = importlib.import_module("vcr"), importlib.import_module(LIBRARY)
    listener = vcr.VCR(record_mode="all", decode_compressed_response=True)
    listener.register_persister(_Nowhere)
    before = doors(library)
    with listener.use_cassette("never-written.yaml") as tape:
        check_seen(LIBRARY, before, doors(library), scenario.name)
        with _client(target, scenario, config) as client:
            host = urlsplit(client.provider(target.name).base_url).netloc
            played = converse(client, target, scenario, mode)
    everything = [_heard(request, response) for request, response in tape.data]
    # What a plugin or a user's code asks elsewhere (a token, say) is no part of the conversation.
    heard = [one for one in everything if not host or urlsplit(one.request.url).netloc == host]
    if heard:
        return heard, played.error
    if played.error is not None:
        raise played.error
    found = f"no request to {host} was heard; {len(everything)} to others were"
    raise fail("a scenario asks the provider something", found, scenario=scenario.name)


def live_config(target: Target, config: Config) -> Config:
    """Return the suite's configuration of a provider with the user's address, key, headers and options over it."""
    section, user = dict(target.config), config.provider(target.name)
    if user.base_url or any(map(config.variable, _texts(target.loaded.base_url_env))):
        section.pop("base_url", None)
    given: dict[str, JsonValue] = {"base_url": user.base_url, "api_key_env": user.api_key_env}
    if user.api_key is not None:
        given["api_key"] = user.api_key.get_secret_value()
    given["headers"] = {name: value.get_secret_value() for name, value in user.headers.items()} or None
    given["query"] = dict(user.query) or None
    own = section.get("options")
    options = {**user.options, **(own if isinstance(own, dict) else {})}
    options |= {name: value for name, value in user.options.items() if name != "wire"}
    given["options"] = options or None
    section |= {name: value for name, value in given.items() if value is not None}
    environ = {name: value for name, value in config.environ.items() if not name.startswith(_OF_THE_CORE)}
    return Config(path=config.path, file={}, environ=environ, arguments=[{"providers": {target.name: section}}])


def _client(target: Target, scenario: Scenario, config: Config) -> Client:
    options: ClientOptions = {"config": live_config(target, config), "max_retries": 0, "transport": LIBRARY}
    if not isinstance(target.provider, str):
        options["providers"] = [target.provider]
    if scenario.kind == "error" and scenario.status == WRONG_KEY:
        options["api_keys"] = {target.name: KEY}
    return Client(**options)


def with_model(target: Target, model: str | None) -> Target:
    """Return the target that asks another model, the same for every scenario."""
    return target if model is None else replace(target, model=model, models={})


class _Nowhere:
    """Where vcrpy would save what nobody has scrubbed."""

    @staticmethod
    def load_cassette(path: object, serializer: object) -> None:  # noqa: ARG004  # vcrpy's
        raise importlib.import_module("vcr.persisters.filesystem").CassetteNotFoundError

    @staticmethod
    def save_cassette(path: object, cassette: object, serializer: object) -> None:
        """Save nothing."""


def _heard(request: object, response: Mapping[str, object]) -> Heard:
    headers = {name.lower(): ", ".join(_texts(value)) for name, value in getattr(request, "headers", {}).items()}
    body, status = getattr(request, "body", None), response["status"]
    sent = ReplayedRequest(str(getattr(request, "method", "")), str(getattr(request, "uri", "")), headers, _bytes(body))
    answered = response["headers"]
    got = {name.lower(): ", ".join(_texts(value)) for name, value in _mapping(answered).items()}
    content = _mapping(response["body"]).get("string")
    return Heard(sent, Reply(_bytes(content), int(str(_mapping(status)["code"])), got))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode()


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
