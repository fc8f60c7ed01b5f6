"""Router: several models under one name, in an order that each call finds out, one taking over from another."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from core_llm import (
    Attempt,
    AttemptPolicy,
    CoreLLMError,
    FailedAttempt,
    Fallback,
    InvalidSettingError,
    Request,
    Route,
    RoutedCall,
    TextPart,
    needed_features,
)
from plugin_router._breaker import Breaker

Order = Literal["listed", "weighted", "sticky", "cheapest"]
"""As they are listed; by chance, according to weight; the same for the same session; the cheapest first."""
ORDERS = ("listed", "weighted", "sticky", "cheapest")


class Router(Route):
    """A route over several models. Make it once: calls share its breaker.

    What the request needs and a model is declared not to have puts that model last: it would be passed over anyway.
    Retries come first, at each model its own. After content another model takes over only with ``recovery="restart"``.
    """

    def __init__(
        self,
        models: Sequence[str],
        *,
        order: Order = "listed",
        weights: Mapping[str, float] | None = None,
        price: Callable[[str], float | None] | None = None,
        stick_to: Callable[[Request], str] | None = None,
        on: Sequence[str | type[CoreLLMError]] | None = None,
        max_others: int | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        """Make a route.

        Args:
            models: Model ids, roles or other routes.
            order: Which is asked first, and which next.
            weights: Model → its share of the calls, for ``weighted`` and ``sticky``; 1 where nothing is said.
            price: What a model costs, in any unit, for ``cheapest``; None if it is not known, which comes last.
            stick_to: What calls have in common that go to the same model, for ``sticky``; by default how the
                conversation begins.
            on: The errors that lead to the next model; by default all that are not the caller's own doing.
            max_others: How many others may take over; all by default.
            breaker: Leaves a model alone for a while that fails again and again.

        Raises:
            InvalidSettingError: Something contradicts itself; says what.
        """
        fallback = Fallback(models=models if isinstance(models, str) else tuple(models), on=on)
        if not fallback.models:
            msg = "a route needs at least one model"
            raise InvalidSettingError(msg)
        if order not in ORDERS:
            msg = f"order must be one of {', '.join(ORDERS)}, not {order!r}"
            raise InvalidSettingError(msg)
        if order == "cheapest" and price is None:
            msg = "order='cheapest' needs price=, a function that says what a model costs"
            raise InvalidSettingError(msg)
        if max_others is not None and max_others < 0:
            msg = f"max_others must be 0 or more, not {max_others!r}"
            raise InvalidSettingError(msg)
        self._models = tuple(fallback.models)
        self._weights = _checked_weights(dict(weights or {}), self._models)
        self._order: Order = order
        self._price = price
        self._stick_to = stick_to or beginning
        self.errors = fallback.errors()
        self.max_others = len(self._models) - 1 if max_others is None else max_others
        self.breaker = breaker

    @property
    def models(self) -> Sequence[str]:
        """Every model that it may lead to."""
        return self._models

    def policy(self, call: RoutedCall) -> AttemptPolicy:
        """Return the policy of one call."""
        return _Policy(self, call)

    def ordered(self, call: RoutedCall) -> list[str]:
        """Return the models in the order in which a call asks them, those that cannot do it last."""
        models = self._by_order(call)
        needs = needed_features(call.request)
        if not needs:
            return models
        return sorted(models, key=lambda model: self._lacks(call, model, needs))

    def _by_order(self, call: RoutedCall) -> list[str]:
        match self._order:
            case "listed":
                return list(self._models)
            case "weighted":
                return _drawn(self._models, lambda _: call.random(), self._weights)
            case "sticky":
                session = self._stick_to(call.request)
                return _drawn(self._models, lambda model: _number(f"{session}\0{model}"), self._weights)
            case "cheapest":
                price = self._price
                assert price is not None  # noqa: S101  # checked when the route was made
                costs = {model: price(model) for model in self._models}
                return sorted(self._models, key=lambda model: _known(costs[model]))

    def _lacks(self, call: RoutedCall, model: str, needs: list[str]) -> bool:
        try:
            declared = call.capabilities(model)
        except CoreLLMError:  # a route inside this one has no capabilities of its own
            return False
        return any(declared.support(need) == "unsupported" for need in needs)


class _Policy(AttemptPolicy):
    """One call's way through a route."""

    def __init__(self, router: Router, call: RoutedCall) -> None:
        self._router = router
        self._call = call
        self._left = router.ordered(call)
        self._others = router.max_others
        self._model = ""

    def next_attempt(self, history: Sequence[FailedAttempt]) -> Attempt | None:
        """Return the next attempt: at the same model, else at the next that may be asked."""
        if not history:
            return self._go_on("retry")
        again = self._call.standard.next_attempt(history)
        if again is not None:
            return again
        last = history[-1]
        is_theirs = last.may_fall_back(self._router.errors)
        if self._router.breaker is not None and is_theirs:
            self._router.breaker.failed(self._model, self._call.monotonic())
        if not is_theirs or not self._left or self._others == 0:
            return None
        self._others -= 1
        return self._go_on("restart" if last.had_content else "retry")

    def succeeded(self, attempt: Attempt) -> None:
        """Close the circuit of the model that answered."""
        if self._router.breaker is not None:
            self._router.breaker.succeeded(self._model)
        self._call.standard.succeeded(attempt)

    def _go_on(self, mode: Literal["retry", "restart"]) -> Attempt:
        """Return an attempt at the first model whose circuit is closed, else at the one longest left alone."""
        breaker, now = self._router.breaker, self._call.monotonic()
        if breaker is None:
            self._model = self._left[0]
        else:
            closed = next((model for model in self._left if breaker.is_closed(model, now)), None)
            self._model = closed or breaker.opens_first(self._left)
        self._left.remove(self._model)
        return Attempt(model=self._model, mode=mode)


def split(notation: str) -> list[str] | None:
    """Return the models of ``a:x | b:y``; None if it is no such list.

    Raises:
        InvalidSettingError: A place in it is empty.
    """
    if "|" not in notation:
        return None
    models = [name.strip() for name in notation.split("|")]
    if not all(models):
        msg = f"the route {notation!r} has an empty place between its bars"
        raise InvalidSettingError(msg)
    return models


def beginning(request: Request) -> str:
    """Return how a conversation begins: the same for all its calls, and another for most other conversations."""
    messages = request.messages
    asked = next((number for number, message in enumerate(messages) if message.role == "user"), 0)
    texts = (part.text for message in messages[: asked + 1] for part in message.parts if isinstance(part, TextPart))
    return "\0".join(texts)


def _drawn(models: Sequence[str], number: Callable[[str], float], weights: Mapping[str, float]) -> list[str]:
    """Return models in an order drawn by weight: each comes first as often as its weight says."""
    return sorted(models, key=lambda model: -math.log(max(number(model), 1e-300)) / weights[model])


def _number(text: str) -> float:
    """Return a number from 0 to 1 that is the same for the same text in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def _known(cost: float | None) -> float:
    return math.inf if cost is None else cost


def _checked_weights(weights: dict[str, float], models: Sequence[str]) -> dict[str, float]:
    if unknown := sorted(set(weights) - set(models)):
        msg = f"weights has {', '.join(unknown)}, which the route does not lead to"
        raise InvalidSettingError(msg)
    if wrong := [model for model, weight in weights.items() if not 0 < weight < math.inf]:
        msg = f"weights must be above 0; that of {wrong[0]} is {weights[wrong[0]]!r}"
        raise InvalidSettingError(msg)
    return {model: weights.get(model, 1.0) for model in models}
