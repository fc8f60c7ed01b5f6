"""Routing: from what a caller names (a model, a route, models to fall back to) to the policy of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core_llm._attempts import Attempt, AttemptPolicy, Route, RoutedCall
from core_llm._config_model import ConfigValues
from core_llm._errors import ConfigError, CoreLLMError, PluginError, RedactedCause
from core_llm._plugins import PluginRegistry
from core_llm._request import Request
from core_llm._retries import Fallback, Recovery
from core_llm._stream.plan import Clock
from core_llm._stream.policies import ListPolicy, RoutedPolicy, StandardPolicy
from core_llm._targets import Targets

NO_FALLBACK = Fallback()


class Routing:
    """Makes the policies of one client's calls."""

    def __init__(self, registry: PluginRegistry, targets: Targets, routes: Mapping[str, Route], clock: Clock) -> None:
        self._registry = registry
        self._targets = targets
        self._values: ConfigValues = registry.config.values
        self._given = dict(routes)
        self._clock = clock
        self._found: dict[str, Route | None] = {}
        self._checked: set[str | None] = set()

    def begin(
        self, model: str | None, fallback: Fallback | None, recovery: Recovery, request: Callable[[], Request]
    ) -> tuple[AttemptPolicy, Attempt]:
        """Return the policy of a call, and its first attempt.

        Args:
            model: What the caller names.
            fallback: What takes over; None for what is configured.
            recovery: What the caller wants after content.
            request: Makes the request without its model, for a route to look at.

        Raises:
            CoreLLMError: Something that is named is unknown or has no key, a route leads to itself, or fails.
        """
        standard = StandardPolicy(self._clock.random)
        given = fallback or self._values.fallback
        others = tuple(name for name in given.models if name != model)
        route = self.route(model)
        if route is None and not others:
            return standard, Attempt()
        for name in others if route is None else (model, *others):
            self.check(name)
        opened = _Opener(self, standard, recovery, request)
        policy: AttemptPolicy = ListPolicy(given.model_copy(update={"models": others}), standard, first=model)
        policy = RoutedPolicy(opened, policy)
        try:
            first = policy.next_attempt(())
        except CoreLLMError:
            raise
        except Exception as error:  # noqa: BLE001  # a route may raise anything
            cause = RedactedCause.of(error)
            raise PluginError(f"the route {model!r} failed to begin: {cause}") from cause
        if first is None or (route is not None and first.model is None):
            raise PluginError(f"the route {model!r} names no model to begin with")
        return policy, first

    def route(self, name: str | None) -> Route | None:
        """Return the route that a name, or the role of that name, stands for; None for a model.

        Raises:
            PluginError: Two plugins offer one, or one fails.
        """
        name = self._values.default_model if name is None else name
        if name is None:
            return None
        if name not in self._found:
            name_of_role = self._values.roles.get(name, name)
            found = self._given.get(name) or self._given.get(name_of_role)
            self._found[name] = found or self._offered(name_of_role)
        return self._found[name]

    def _offered(self, name: str) -> Route | None:
        """Return the route that a plugin offers for a name."""
        found: list[tuple[str, Route]] = []
        for hook in self._registry.implementations("core_llm_find_route"):
            try:
                route = hook.call(model=name)
            except CoreLLMError:
                raise
            except Exception as error:  # noqa: BLE001  # a plugin may raise anything
                cause = RedactedCause.of(error)
                raise PluginError(f"{hook.label} failed when asked for the route {name!r}: {cause}") from cause
            if isinstance(route, Route):
                found.append((hook.label, route))
            elif route is not None:
                raise PluginError(f"{hook.label}: core_llm_find_route returns a {type(route).__name__}, not a Route")
        if len(found) > 1:
            names = " and by ".join(label for label, _ in found)
            raise PluginError(f"the route {name!r} is offered twice: by {names}; remove one of them")
        return found[0][1] if found else None

    def check(self, name: str | None, inside: tuple[str | None, ...] = ()) -> None:
        """Look up everything that a name may lead to, once.

        Raises:
            CoreLLMError: Something is unknown or has no key, or a route leads to itself.
        """
        if name in inside:
            raise ConfigError(f"a route leads to itself: {' → '.join(map(str, (*inside, name)))}")
        if name in self._checked:
            return
        route = self.route(name)
        if route is None:
            self._targets.get(name)
        else:
            for model in route.models:
                self.check(model, (*inside, name))
        self._checked.add(name)

    def routed_call(self, request: Request, standard: AttemptPolicy, recovery: Recovery) -> RoutedCall:
        """Return what a route may decide by."""
        return RoutedCall(
            request=request,
            standard=standard,
            recovery=recovery,
            capabilities=lambda name: self._targets.get(name).capabilities,
            random=self._clock.random,
            monotonic=self._clock.monotonic,
        )


class _Opener:
    """Makes the policies of the routes that one call comes to."""

    def __init__(
        self, routing: Routing, standard: AttemptPolicy, recovery: Recovery, request: Callable[[], Request]
    ) -> None:
        self._routing = routing
        self._standard = standard
        self._recovery = recovery
        self._request = request
        self._call: RoutedCall | None = None

    def __call__(self, name: str) -> AttemptPolicy | None:
        route = self._routing.route(name)
        if route is None:
            return None
        if self._call is None:
            self._call = self._routing.routed_call(self._request(), self._standard, self._recovery)
        return route.policy(self._call)
