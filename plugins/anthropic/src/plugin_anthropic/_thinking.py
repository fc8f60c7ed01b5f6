"""How much a model thinks and writes: from the portable knobs to `thinking`, `output_config.effort` and `max_tokens`.

What these rule out (sampling, forced tools) is here too. Source: Anthropic's documentation on thinking and effort
(checked 2026-11), and what the recordings show to be accepted.
"""

from __future__ import annotations

from core_llm import Settings, UnsupportedError
from core_llm.wire import JSONObject
from plugin_anthropic._models import Model

MIN_BUDGET = 1024
"""Tokens of thinking; the API refuses fewer."""
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768}
"""Effort → tokens of thinking, for models that want a number."""
ROOM_FOR_ANSWER = 4096
"""Tokens left to the answer where the caller bounds only the thinking, and that bound is above the model's default."""
LEAST_TOP_P = 0.95
"""The API takes no lower top_p with thinking."""


def encode_thinking(settings: Settings, model: Model, provider: str) -> JSONObject:
    """Return the fields of the body that say how much may be thought and written; `max_tokens` always.

    Raises:
        UnsupportedError: The model cannot be kept from thinking, or the bounds leave no room for it.
    """
    max_tokens = settings.max_tokens or model.max_tokens
    effort, budget = settings.reasoning_effort, settings.reasoning_budget
    if effort == "none" or budget == 0:
        if model.off is None:
            msg = f"{provider} has no way to keep this model from thinking; ask for reasoning_effort='low' instead"
            raise UnsupportedError(msg, feature="reasoning_effort", provider=provider)
        return {"max_tokens": max_tokens, **({"thinking": model.off} if model.off else {})}
    fields: JSONObject = {}
    if budget is not None:
        if budget >= max_tokens and settings.max_tokens is None:
            max_tokens = budget + ROOM_FOR_ANSWER
        _check_budget(budget, max_tokens, provider)
        fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif effort is not None and model.is_adaptive:
        # The newer models keep their thoughts to themselves unless asked, and a long silence looks like a dead stream.
        display: JSONObject = {} if model.thinking == "both" else {"display": "summarized"}
        fields["thinking"] = {"type": "adaptive", **display}
    elif effort is not None:
        budget = max(MIN_BUDGET, min(BUDGETS[effort], max_tokens * 4 // 5))
        _check_budget(budget, max_tokens, provider)
        fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if effort is not None and model.is_adaptive:
        fields["output_config"] = {"effort": _level(effort, model)}
    return {"max_tokens": max_tokens, **fields}


def check_beside_thinking(
    settings: Settings, fields: JSONObject, model: Model, provider: str, *, is_forced: bool
) -> None:
    """Refuse what the API refuses beside the thinking that `fields` ask for.

    Args:
        settings: The caller's.
        fields: What `encode_thinking` returned.
        model: The model.
        provider: Its provider's name.
        is_forced: Whether the model must call a tool.

    Raises:
        UnsupportedError: The API would refuse the request.
    """
    if is_forced and not model.takes_forced_tool:
        msg = f"this model of {provider} cannot be made to call a tool; leave tool_choice at 'auto'"
        raise UnsupportedError(msg, feature="tool_choice", provider=provider)
    thinking = fields.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "adaptive"):
        return
    if is_forced and kind == "enabled":  # adaptive thinking gives way: the model calls the tool without it
        msg = f"{provider} refuses a forced tool while this model thinks; leave out one of the two"
        raise UnsupportedError(msg, feature="tool_choice", provider=provider)
    refused = {
        "temperature": settings.temperature not in (None, 1),
        "top_p": settings.top_p is not None and settings.top_p < LEAST_TOP_P,
        "top_k": settings.top_k is not None,
    }
    for name, is_refused in refused.items():
        if is_refused:
            msg = f"{provider} refuses this {name} while the model thinks; leave it out, or the reasoning settings"
            raise UnsupportedError(msg, feature=name, provider=provider)


def _check_budget(budget: int, max_tokens: int, provider: str) -> None:
    if MIN_BUDGET <= budget < max_tokens:
        return
    msg = (
        f"{provider} wants at least {MIN_BUDGET} tokens for thinking, and fewer than max_tokens ({max_tokens}); "
        f"{budget} is outside: change reasoning_budget or max_tokens, or leave out the reasoning settings"
    )
    raise UnsupportedError(msg, feature="reasoning_budget", provider=provider)


def _level(effort: str, model: Model) -> str:
    """Return the model's own level: the lowest for ``minimal``, the one above ``high`` for ``xhigh``."""
    if effort == "minimal":
        return "low"
    if effort == "xhigh" and effort not in model.efforts:
        return "max" if "max" in model.efforts else "high"
    return effort
