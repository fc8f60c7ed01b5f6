"""What calls used and cost, and budgets that stop them."""

from __future__ import annotations

import threading
from decimal import Decimal

import anyio
import pytest

from core_llm import (
    AbortedError,
    AsyncClient,
    Callbacks,
    Client,
    ConfigError,
    InvalidSettingError,
    Response,
    ServerError,
    StreamInterruptedError,
    TextPart,
    Usage,
    UsageUpdate,
)
from core_llm.testing import Cut, FakeProvider
from plugin_usage import Budget, Ledger, Price, Prices

USED = Usage(input_tokens=1000, output_tokens=100)
PRICES = Prices({"openai:*": Price(input=1, output=10), "openai:dear": Price(input=100, output=100)})


def answer(usage: Usage | None = USED) -> Response:
    """Return an answer that used these tokens."""
    return Response(parts=(TextPart(text="Blue."),), finish_reason="stop", usage=usage, is_complete=True)


def client_of(ledger: Ledger, *answers: object, name: str = "openai") -> Client:
    """Return a client whose calls a ledger observes."""
    provider = FakeProvider(*answers, name=name)  # type: ignore[arg-type]
    return Client(providers=[provider], plugins=[ledger], max_retries=1)


def test_calls_are_summed_by_provider_model_and_tag() -> None:
    """Each call is entered once, with what it cost; sums can be taken over any of the three."""
    ledger = Ledger(prices=PRICES)
    with client_of(ledger, lambda _: answer()) as client:
        client.generate("openai:small", "Hi")
        with ledger.tagged("letters"), client.stream("openai:dear", "Hi") as stream:
            stream.finish()

    assert ledger.total().calls == 2
    assert ledger.total(model="small").cost == Decimal("0.002")
    assert ledger.total(tag="letters").cost == Decimal("0.11")
    assert {tag: totals.calls for tag, totals in ledger.by("tag").items()} == {None: 1, "letters": 1}
    assert ledger.by("provider")["openai"].usage.output_tokens == 200
    assert [(entry.model, entry.tag, entry.is_complete) for entry in ledger.entries] == [
        ("small", None, True),
        ("dear", "letters", True),
    ]


def test_prices_come_from_the_tables() -> None:
    """A model of the tables costs what they say, cached input less."""
    plain = Prices().cost("openai", "gpt-5-mini", Usage(input_tokens=1000, output_tokens=100))
    cached = Prices().cost("openai", "gpt-5-mini", Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=500))

    assert plain is not None
    assert cached is not None
    assert 0 < cached < plain
    for known in ("gemini:gemini-2.5-flash", "grok:grok-4", "anthropic:claude-sonnet-4-5"):
        Prices().require(known)


def test_no_call_costs_less_than_nothing() -> None:
    """A report whose cached tokens are more than its input is priced by what the input says."""
    price = Price(input=10, output=1, cache_read=1)

    assert price.of(Usage(output_tokens=5, cache_read_tokens=1_000_000)) == Decimal("0.000005")


@pytest.mark.parametrize(
    ("model", "usage"), [("no-such-model", USED), ("gpt-5-mini", None), ("gpt-5-mini", Usage())], ids=str
)
def test_what_is_not_known_stays_unknown(model: str, usage: Usage | None) -> None:
    """Without a price or a report the cost is None, and is counted as such."""
    ledger = Ledger()
    with client_of(ledger, answer(usage)) as client:
        client.generate(f"openai:{model}", "Hi")

    assert ledger.entries[0].cost is None
    assert (ledger.total().unpriced, ledger.total().cost) == (1, Decimal(0))


def test_broken_and_repeated_calls_are_entered() -> None:
    """What a broken answer had reported counts; an attempt that failed before it used anything is no call."""
    failing = ServerError("down", status_code=500, headers={}, body="")
    ledger = Ledger(prices=PRICES)
    with client_of(ledger, failing, answer(), [UsageUpdate(USED), "Bl", Cut()]) as client:
        client.generate("openai:small", "Hi")
        with pytest.raises(StreamInterruptedError):
            client.generate("openai:small", "Hi", max_retries=0)

    assert [(entry.is_complete, entry.usage is not None) for entry in ledger.entries] == [(True, True), (False, True)]


def test_a_spent_budget_stops_calls() -> None:
    """The call that spends the last of it is stopped where its provider reports in time; the next one is not sent."""
    budget = Budget(usd=Decimal("0.003"), covers=["openai:*"])
    ledger = Ledger(budgets=[budget], prices=PRICES)
    dear = [UsageUpdate(Usage(input_tokens=9000)), "Never", " told."]
    with client_of(ledger, answer(), dear) as client:
        client.generate("openai:small", "Hi", signal=budget.signal)
        assert not budget.is_spent
        with pytest.raises(AbortedError, match=r"the budget of 0\.003 US dollars is spent"):
            client.generate("openai:small", "Hi", signal=budget.signal)
        with pytest.raises(AbortedError, match="is spent"):
            client.generate("openai:small", "Hi", signal=budget.signal)

    assert budget.cost == Decimal("0.011")
    assert ledger.total().calls == 2


def test_a_budget_counts_only_what_it_covers() -> None:
    """Calls of other models and other tags leave it as it is."""
    tokens, tagged = Budget(tokens=1100, covers=["openai:small"]), Budget(tokens=1, tag="letters")
    ledger = Ledger(budgets=[tokens, tagged], prices=PRICES)
    with client_of(ledger, lambda _: answer()) as client:
        client.generate("openai:dear", "Hi")
        assert (tokens.used, tagged.used) == (0, 0)
        client.generate("openai:small", "Hi")

    assert (tokens.used, tokens.is_spent, tagged.is_spent) == (1100, True, False)


def test_a_budget_counts_the_model_that_took_over() -> None:
    """Whoever is asked first, each attempt counts as one of its own model, at its own price, while it runs too."""
    failing = ServerError("down", status_code=500, headers={}, body="")
    providers = [FakeProvider(failing, name="openai"), FakeProvider([UsageUpdate(USED), "Blue"], name="ollama")]
    second, both = Budget(usd=1, covers=["ollama:*"]), Budget(usd=3)
    prices = Prices({"openai:*": Price(input=9000, output=9000), "ollama:*": Price(input=1, output=1)})
    with Client(providers=providers, plugins=[Ledger(budgets=[second, both], prices=prices)], max_retries=0) as client:
        client.generate("openai:m", "Hi", via_stream=True, fallback=["ollama:m"], signal=both.signal)

    assert second.cost == both.cost == Decimal("0.0011")


def test_a_budget_counts_every_attempt_while_it_runs() -> None:
    """What a broken answer has used is not taken back when the next one begins to report."""
    told: list[int] = []
    budget = Budget(tokens=10_000)
    later = [UsageUpdate(Usage(input_tokens=10)), "Blue"]
    with client_of(Ledger(budgets=[budget], prices=PRICES), [UsageUpdate(USED), "Bl", Cut()], later) as client:
        watch = Callbacks(on_event=lambda _: told.append(budget.used))
        client.generate("openai:small", "Hi", via_stream=True, recovery="restart", callbacks=watch)

    assert told == sorted(told)
    assert budget.used == 1110


def test_usage_that_grows_is_counted_once() -> None:
    """A provider's running counts replace each other, for a budget too."""
    budget = Budget(tokens=10_000)
    ledger = Ledger(budgets=[budget], prices=PRICES)
    growing = [UsageUpdate(Usage(input_tokens=100, output_tokens=n)) for n in (1, 5)]
    with client_of(ledger, [growing[0], "Blue", growing[1]]) as client:
        client.generate("openai:small", "Hi", via_stream=True)

    assert budget.used == 105
    assert ledger.total().usage.output_tokens == 5


def test_tags_follow_tasks_and_not_threads() -> None:
    """A task begun inside a tagged block keeps the tag; two tasks do not mix theirs."""
    ledger = Ledger(prices=PRICES)

    async def call(client: AsyncClient, tag: str) -> None:
        with ledger.tagged(tag):
            await anyio.lowlevel.checkpoint()
            await client.generate("openai:small", "Hi")

    async def go() -> None:
        providers = [FakeProvider(lambda _: answer(), name="openai")]
        async with AsyncClient(providers=providers, plugins=[ledger]) as client, anyio.create_task_group() as group:
            group.start_soon(call, client, "a")
            group.start_soon(call, client, "b")

    anyio.run(go)

    assert {tag: totals.calls for tag, totals in ledger.by("tag").items()} == {"a": 1, "b": 1}


def test_a_ledger_is_shared_by_threads() -> None:
    """No call is lost when many end at once, and the entries kept are bounded."""
    ledger = Ledger(prices=PRICES, max_entries=10)
    with client_of(ledger, lambda _: answer()) as client:
        threads = [threading.Thread(target=client.generate, args=("openai:small", "Hi")) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert ledger.total().calls == 30
    assert len(ledger.entries) == 10


@pytest.mark.parametrize("bounds", [{}, {"usd": 0}, {"usd": -1}, {"tokens": 0}, {"usd": float("nan")}], ids=str)
def test_absurd_budgets_are_refused(bounds: dict[str, float]) -> None:
    """A budget that cannot be held is refused where it is made."""
    with pytest.raises(InvalidSettingError, match="budget"):
        Budget(**bounds)  # type: ignore[arg-type]


def test_a_missing_price_is_told_at_once() -> None:
    """A budget in money for a model without a price is refused where it is made; one in tokens is fine."""
    with pytest.raises(ConfigError, match="no price is known for 'openai:no-such-model'"):
        Budget(usd=1, models=["openai:gpt-5-mini", "openai:no-such-model"])
    with pytest.raises(ConfigError, match="0 or more dollars"):
        Price(input=-1, output=0)

    assert not Budget(tokens=1, models=["openai:no-such-model"]).is_spent
