"""What a client does with what it is given, before anything is sent."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import core_llm
from core_llm import (
    AsyncClient,
    Capabilities,
    Client,
    Config,
    ConfigError,
    ConfigValues,
    DuplicateProviderError,
    InvalidRequestError,
    InvalidSettingError,
    Limits,
    MissingAPIKeyError,
    Provider,
    ProviderConfig,
    Request,
    Response,
    Settings,
    UnknownProviderError,
    UnsupportedError,
    Usage,
)
from core_llm._api import default_client
from core_llm._stream.plan import CallPlan
from core_llm.testing import FakeProvider
from core_llm.wire import ChatCompletions


class Acme(Provider):
    """A provider as a plugin's author writes it."""

    name = "acme"
    base_url = "https://api.acme.test/v1"
    api_key_env = "ACME_API_KEY"
    wire_format = ChatCompletions


def alone(**values: object) -> Config:
    """Return a configuration that nothing on this machine has a say in."""
    return Config.load(environ={"HOME": "/nonexistent"}, arguments=values)


def plan(client: Client, model: str | None = "acme:m", **options: object) -> CallPlan:
    """Return the plan of a streamed call."""
    return client._calls.plan(model, "Hi", options, is_stream=True)


# ---- the model


def test_an_unknown_provider_lists_those_that_are_there_and_the_near_miss() -> None:
    """With what to do."""
    client = Client(config=alone(), providers=[FakeProvider("x", name="gemini"), FakeProvider("x", name="openai")])
    with pytest.raises(UnknownProviderError) as raised:
        client.generate("geminy:pro", "Hi")
    assert "did you mean" in raised.value.message
    assert "gemini" in raised.value.message
    assert "openai" in raised.value.message


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("gpt-5", "write it as 'provider:model'"),
        (":m", "no provider before the colon"),
        ("fake:", "no model after the colon"),
        (None, "no model given and no default set"),
        (42, "the model must be a text such as"),
        (["fake:m"], "the model must be a text such as"),
    ],
)
def test_a_model_that_is_none_is_refused(model: str | None, words: str) -> None:
    """With how to write it."""
    with pytest.raises(InvalidRequestError) as raised:
        Client(config=alone(), providers=[FakeProvider("x")]).generate(model, "Hi")
    assert words in raised.value.message


def test_a_role_and_the_default_stand_for_a_model() -> None:
    """As the configuration says; the model's name may have colons."""
    fake = FakeProvider("blue")
    client = Client(config=alone(default_model="fake:small", roles={"planning": "fake:big:latest"}), providers=[fake])
    client.generate(prompt="Hi")
    client.generate("planning", "Hi")
    assert [request.model for request in fake.requests] == ["small", "big:latest"]


def test_an_answer_says_who_gave_it() -> None:
    """Provider and model, by the names that the caller used."""
    response = Client(config=alone(), providers=[FakeProvider("blue")]).generate("fake:m", "Hi")
    assert (response.provider, response.model, response.text) == ("fake", "m", "blue")


# ---- what it is made with


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_unknown_argument_is_refused(kind: type[Client]) -> None:
    """With those that there are."""
    with pytest.raises(InvalidSettingError, match=r"takes no api_key; it takes api_keys, .*http_client"):
        kind(api_key="x")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "options",
    [
        {"transport": "requests"},
        {"max_retries": -1},
        {"max_retries": "two"},
        {"on_unsupported": "ignore"},
        {"limits": 30},
        {"config": {"max_retrys": 1}},
        {"config": {"limits": {"total": "soon"}}},
    ],
)
def test_a_wrong_argument_is_refused_when_the_client_is_made(options: dict[str, object]) -> None:
    """Not when it is used."""
    with pytest.raises(ConfigError):
        Client(**options)  # type: ignore[arg-type]


def test_arguments_go_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written in code wins."""
    monkeypatch.setenv("CORE_LLM_TRANSPORT", "httpx")
    monkeypatch.setenv("CORE_LLM_MAX_RETRIES", "7")
    client = Client(transport="httpx2", max_retries=1)
    assert (client.config.values.transport, client.config.values.max_retries) == ("httpx2", 1)
    assert client.config.origin("transport") == "argument"


def test_a_config_stands_alone_and_values_go_over_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `Config` is taken as it is; values and plain settings are a layer."""
    monkeypatch.setenv("CORE_LLM_MAX_RETRIES", "7")
    assert Client(config=alone()).config.values.max_retries == 2
    assert Client(config=ConfigValues(default_model="fake:m")).config.values.max_retries == 7
    assert Client(config={"max_retries": 3}).config.values.max_retries == 3


def test_two_providers_of_one_name_are_refused() -> None:
    """The caller has to say which."""
    with pytest.raises(DuplicateProviderError, match="fake"):
        Client(config=alone(), providers=[FakeProvider("a"), FakeProvider("b")])


def test_retries_and_limits_given_nearer_to_the_call_win() -> None:
    """The call, the client, the provider's section, the whole configuration."""
    config = alone(
        max_retries=1,
        limits={"total": 1},
        providers={"acme": {"max_retries": 3, "limits": {"total": 3}, "api_key": "k" * 8}},
    )
    configured = Client(config=config, providers=[Acme])
    given = Client(config=config, providers=[Acme], max_retries=4, limits=Limits(total=4))
    plans = [plan(configured), plan(given), plan(given, max_retries=5, limits=Limits(total=5))]
    assert [each.rules.max_retries for each in plans] == [3, 4, 5]
    assert [each.limits.total for each in plans] == [3, 4, 5]


def test_settings_of_the_configuration_are_defaults() -> None:
    """The provider's go over the general ones, the call's over both."""
    config = alone(
        settings={"temperature": 0.1, "seed": 1}, providers={"acme": {"settings": {"seed": 2}, "api_key": "k" * 8}}
    )
    request = plan(Client(config=config, providers=[Acme]), top_p=0.5).request
    assert request.settings == Settings(temperature=0.1, seed=2, top_p=0.5)


# ---- keys


def test_a_missing_key_says_where_it_was_looked_for() -> None:
    """Before anything is sent."""
    with pytest.raises(MissingAPIKeyError) as raised:
        Client(config=alone(), providers=[Acme]).stream("acme:m", "Hi")
    for place in ("Client(api_keys={'acme': ...})", "providers.acme.api_key", "environment variable ACME_API_KEY"):
        assert place in raised.value.message


def test_a_key_found_late_is_found() -> None:
    """A client that lacked a key looks again at the next call."""
    environ = {"HOME": "/nonexistent"}
    client = Client(config=Config.load(environ=environ), providers=[Acme])
    with pytest.raises(MissingAPIKeyError):
        client.stream("acme:m", "Hi")
    environ["ACME_API_KEY"] = "acme-key-1234"
    assert plan(client).credentials.get_secret_value() == "acme-key-1234"  # type: ignore[union-attr]


def test_keys_do_not_show_in_the_repr_of_what_holds_them() -> None:
    """Neither of the client's parts nor of its plans."""
    client = Client(config=alone(), providers=[Acme], api_keys={"acme": "acme-key-1234"})
    shown = "".join(map(repr, (client, client._calls, vars(client._calls).get("_targets"), plan(client))))
    assert "acme-key-1234" not in shown


# ---- capabilities


class Limited(FakeProvider):
    """A fake that is declared not to take a seed, nor tools."""

    def __init__(self) -> None:
        super().__init__("blue", capabilities=Capabilities(settings={"seed": "unsupported"}, tools="unsupported"))


def test_what_is_declared_unsupported_is_refused_before_anything_is_sent() -> None:
    """By its name, with the ways out."""
    fake = Limited()
    with pytest.raises(UnsupportedError, match="does not support the setting 'seed'") as raised:
        Client(config=alone(), providers=[fake]).generate("fake:m", "Hi", seed=1)
    assert (raised.value.feature, raised.value.provider, raised.value.model) == ("seed", "fake", "m")
    assert fake.requests == []


def test_it_is_dropped_or_sent_if_the_caller_says_so() -> None:
    """For the client, or for one call."""
    fake = Limited()
    Client(config=alone(), providers=[fake], on_unsupported="drop").generate("fake:m", "Hi", seed=1)
    Client(config=alone(), providers=[fake]).generate("fake:m", "Hi", seed=1, on_unsupported="send")
    assert [request.settings.seed for request in fake.requests] == [None, 1]


# ---- options for one provider


def test_provider_options_go_to_the_provider_that_they_are_for() -> None:
    """By the endpoint's name or, where it has none of its own, by its provider's."""
    config = alone(
        providers={"mine": {"type": "acme", "api_key": "k" * 8, "provider_options": {"a": 1, "o": {"x": 1}}}}
    )
    client = Client(config=config, providers=[Acme])
    by_kind = plan(client, "mine:m", provider_options={"acme": {"b": 2, "o": {"y": 2}}, "openai": {"never": 1}})
    by_name = plan(client, "mine:m", provider_options={"acme": {"b": 2}, "mine": {"c": 3}})
    assert by_kind.provider_options == {"a": 1, "b": 2, "o": {"x": 1, "y": 2}}
    assert by_name.provider_options == {"a": 1, "c": 3, "o": {"x": 1}}
    assert plan(client, "mine:m").provider_options == {"a": 1, "o": {"x": 1}}


# ---- the default client


def test_scripts_use_a_default_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """`core_llm.generate` and `core_llm.stream` share one."""
    default_client.cache_clear()
    monkeypatch.setattr("core_llm._api.Client", lambda: Client(config=alone(), providers=[FakeProvider("blue")]))
    assert core_llm.generate("fake:m", "Hi").text == "blue"
    with core_llm.stream("fake:m", "Hi") as stream:
        assert list(stream.iter_text()) == ["blue"]
    assert default_client() is default_client()
    default_client.cache_clear()


def test_a_program_without_event_loops_imports_none() -> None:
    """Making a client and a stream costs no event loop."""
    program = (
        "import sys; from core_llm import Client; from core_llm.testing import FakeProvider;"
        "Client(providers=[FakeProvider('x')]).stream('fake:m', 'Hi');"
        "print('asyncio' in sys.modules, 'trio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]


# ---- what comes back


def test_what_generate_returns_is_what_a_stream_ends_with() -> None:
    """One type, and for the same answer one value."""
    answer = Response(
        finish_reason="stop", is_complete=True, usage=Usage(output_tokens=1), parts=(core_llm.TextPart(text="blue"),)
    )
    client = Client(config=alone(), providers=[FakeProvider(answer)])
    generated = client.generate("fake:m", "Hi")
    with client.stream("fake:m", "Hi") as stream:
        assert stream.finish() == generated == stream.response


def test_an_answer_goes_back_into_the_conversation() -> None:
    """Its message is one of the prompt's."""
    fake = FakeProvider("blue", "because")
    client = Client(config=alone(), providers=[fake])
    first = client.generate("fake:m", "Which colour?")
    client.generate("fake:m", [core_llm.Message.user("Which colour?"), first.message, "Why?"])
    assert [message.text for message in fake.requests[1].messages] == ["Which colour?", "blue", "Why?"]


def test_the_async_client_does_the_same() -> None:
    """Made outside of a loop, used in one."""
    fake = FakeProvider("blue")
    client = AsyncClient(config=alone(), providers=[fake])

    async def ask() -> str:
        async with client, client.stream("fake:m", "Hi") as stream:
            return "".join([text async for text in stream.iter_text()])

    assert asyncio.run(ask()) == "blue"
    assert isinstance(fake.requests[0], Request)


def test_the_section_of_a_provider_given_as_an_instance_is_its_own() -> None:
    """A finished instance keeps the configuration that it was made with."""
    made = Acme(ProviderConfig(base_url="https://elsewhere.test", api_key="k" * 8))  # type: ignore[arg-type]
    client = Client(config=alone(), providers=[made])
    assert client.provider("acme") is made
    assert plan(client).provider.base_url == "https://elsewhere.test"
