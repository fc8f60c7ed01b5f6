"""Hooks of a call: the order in which they are folded, and what one that fails does to the call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace

import pytest

from core_llm._config import Config
from core_llm._errors import InvalidRequestError, PluginError, PluginLoadError
from core_llm._events import StreamEvent, TextDelta
from core_llm._messages import Message
from core_llm._plugins import PluginRegistry
from core_llm._request import Request
from core_llm.hookspecs import hookimpl

REQUEST = Request(model="x", messages=(Message.user("hi"),))


def registry(*plugins: object) -> PluginRegistry:
    """Return a registry of these plugins."""
    return PluginRegistry(Config.load(environ={"CORE_LLM_DISABLE_PLUGINS": "all"}), plugins=plugins)


def plugin(name: str, function: Callable[..., object], *, tryfirst: bool = False, trylast: bool = False) -> object:
    """Return a plugin with one hook."""
    return SimpleNamespace(**{name: hookimpl(function, tryfirst=tryfirst, trylast=trylast)})


def suffixing(suffix: str) -> Callable[[str, str], Callable[[Request], Request]]:
    """Return a rewrite hook that adds to the model's name."""

    def hook(provider: str, model: str) -> Callable[[Request], Request]:  # noqa: ARG001  # the hook's arguments
        return lambda request: request.model_copy(update={"model": request.model + suffix})

    return hook


def test_nobody_listening_costs_nothing() -> None:
    """Without plugins there is one empty answer, and pluggy is not asked."""
    plugins = registry()
    assert plugins.rewriters("acme", "x") == ()
    assert plugins.observers("acme", "x") == ()
    assert plugins.transforms("acme", "x") == ()
    assert plugins.key_finders() == []


def test_rewriters_come_in_the_order_of_registration() -> None:
    """First registered, first applied; those that want to be first or last are."""
    name = "core_llm_rewrite_request"
    plugins = registry(
        plugin(name, suffixing("-last"), trylast=True),
        plugin(name, suffixing("-a")),
        plugin(name, suffixing("-b")),
        plugin(name, suffixing("-first"), tryfirst=True),
    )
    request = REQUEST
    for rewrite in plugins.rewriters("acme", "x"):
        request = rewrite(request)
    assert request.model == "x-first-a-b-last"


def test_a_hook_takes_the_arguments_it_wants_and_may_decline() -> None:
    """Arguments are passed by name; None means that the plugin is not concerned."""

    def only_acme(provider: str) -> Callable[[StreamEvent], Iterable[StreamEvent]] | None:
        return (lambda event: [event, event]) if provider == "acme" else None

    plugins = registry(plugin("core_llm_transform_events", only_acme))
    (transform,) = plugins.transforms("acme", "x")
    event = TextDelta(0, "hi")
    assert list(transform(event)) == [event, event]
    assert plugins.transforms("other", "x") == ()


@pytest.mark.parametrize("hook", ["core_llm_rewrite_request", "core_llm_transform_events"])
def test_a_call_does_not_go_out_without_what_a_plugin_would_change(hook: str) -> None:
    """A filter that fails must not be skipped: the call fails, naming the plugin."""

    def broken() -> None:
        raise RuntimeError("no rules loaded")

    plugins = registry(plugin(hook, broken))
    ask = plugins.rewriters if hook == "core_llm_rewrite_request" else plugins.transforms
    with pytest.raises(PluginError) as caught:
        ask("acme", "x")
    assert caught.value.message == (
        f"SimpleNamespace object (given to the client) failed in {hook} for acme:x: RuntimeError: no rules loaded"
    )


def test_what_a_hook_returns_must_be_callable() -> None:
    """A request in place of a function that makes one is a mistake that is told."""
    plugins = registry(plugin("core_llm_rewrite_request", lambda: REQUEST))
    with pytest.raises(PluginError, match=r"core_llm_rewrite_request returns Request object, which cannot be called"):
        plugins.rewriters("acme", "x")


def test_a_plugin_may_refuse_a_call_with_an_error_of_this_package() -> None:
    """A budget that is spent, a prompt that is not allowed: the plugin's own error reaches the caller."""

    def refuse() -> None:
        raise InvalidRequestError("the budget of this month is spent")

    with pytest.raises(InvalidRequestError, match="the budget of this month is spent"):
        registry(plugin("core_llm_rewrite_request", refuse)).rewriters("acme", "x")


def test_an_observer_that_fails_to_start_does_not_observe(caplog: pytest.LogCaptureFixture) -> None:
    """The call goes on with the other observers; the log says who failed."""

    def broken() -> None:
        raise RuntimeError("no collector")

    watcher = SimpleNamespace()
    hook = "core_llm_observe_stream"
    plugins = registry(plugin(hook, broken), plugin(hook, lambda: watcher), plugin(hook, lambda: None))
    assert plugins.observers("acme", "x") == [watcher]
    assert caplog.messages == ["SimpleNamespace object (given to the client) failed to observe a call of acme:x"]


def test_keys_are_asked_for_by_name() -> None:
    """Each finder has its plugin's name and takes the provider's."""
    plugins = registry(plugin("core_llm_find_api_key", lambda provider: f"key of {provider}"))
    ((label, find),) = plugins.key_finders()
    assert label == "SimpleNamespace object (given to the client)"
    assert find("acme") == "key of acme"


def test_given_plugins_supply_configuration_in_their_order() -> None:
    """Of two layers the later wins; the environment goes above both."""
    hook = "core_llm_provide_config"
    first: Mapping[str, object] = {"max_retries": 5, "transport": "httpx2"}
    plugins = PluginRegistry(
        Config.load(environ={"CORE_LLM_DISABLE_PLUGINS": "all", "CORE_LLM_ON_UNSUPPORTED": "send"}),
        plugins=[
            plugin(hook, lambda: first),
            plugin(hook, lambda: {"max_retries": 6, "on_unsupported": "drop"}),
            plugin(hook, lambda: None),
        ],
    )
    plugins.load_plugins()
    values = plugins.config.values
    assert (values.max_retries, values.transport, values.on_unsupported) == (6, "httpx2", "send")


def test_a_given_plugin_with_a_wrong_layer_fails_the_client() -> None:
    """The caller gave it, so the caller is told; quarantine is for what is installed."""
    plugins = registry(plugin("core_llm_provide_config", lambda: {"max_retries": "many"}))
    with pytest.raises(PluginLoadError) as caught:
        plugins.load_plugins()
    assert caught.value.message == (
        "SimpleNamespace object (given to the client) supplies a wrong layer of configuration: "
        "max_retries must be a whole number; "
        "got 'many' (plugin SimpleNamespace object (given to the client))"
    )


def test_a_given_plugin_is_given_once() -> None:
    """The same object twice would be called twice."""
    given = plugin("core_llm_find_api_key", lambda: None)
    with pytest.raises(PluginLoadError, match=r"SimpleNamespace object \(given to the client\) is there twice"):
        registry(given, given)


def test_the_relay_is_pluggys_own() -> None:
    """Whoever wants pluggy's order, the last registered first, has it."""
    hook = "core_llm_find_api_key"
    plugins = registry(plugin(hook, lambda: "first"), plugin(hook, lambda: "second"))
    assert plugins.hooks.core_llm_find_api_key(provider="acme") == ["second", "first"]
