"""What is known of each family of models: how much it may write, how it thinks, and what it refuses. A table, no code.

Sources, checked 2026-11: Anthropic's model listing (``/v1/models`` gives ``max_tokens`` and `capabilities`) for the 4.x
families, and its documentation on thinking, effort, forced tools and sampling parameters for the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

from core_llm.wire import JSONObject


@dataclass(frozen=True, slots=True)
class Model:
    """What one family of models takes.

    Attributes:
        max_tokens: The most it writes in one answer; sent where a caller sets no bound, as the API demands one.
        thinking: How thinking is asked for: with a ``budget`` of tokens, ``adaptive`` (it decides itself, by effort),
            ``both``, or not at all (``none``).
        efforts: The levels of effort that it knows, beside ``low``, ``medium`` and ``high`` of every adaptive model.
        off: The `thinking` that keeps it from thinking: empty where it does not think unasked, None where it cannot.
        takes_sampling: Whether it takes temperature, top_p and top_k.
        takes_forced_tool: Whether it can be made to call a tool.
        takes_schema: Whether it can be held to a JSON schema.
        takes_prefill: Whether it goes on from the beginning of an answer, given as the last message.
        refuses: Whether it says so when a classifier stops it, as the models from Claude 4 on do.
        is_known: False where all this is a guess; then nothing is declared, and the API decides.
    """

    max_tokens: int
    thinking: Literal["budget", "adaptive", "both", "none"]
    efforts: frozenset[str] = frozenset()
    off: JSONObject | None = None
    takes_sampling: bool = False
    takes_forced_tool: bool = True
    takes_schema: bool = True
    takes_prefill: bool = False
    refuses: bool = True
    is_known: bool = True

    @property
    def is_adaptive(self) -> bool:
        """Whether effort says how much it thinks."""
        return self.thinking in ("adaptive", "both")


_TWO_HIGH = frozenset(("xhigh", "max"))
_DISABLED: JSONObject = {"type": "disabled"}
_46 = frozenset(("max",))
_OLD = Model(64_000, "budget", off={}, takes_sampling=True, takes_schema=False, takes_prefill=True)
_NEW = Model(128_000, "adaptive", _TWO_HIGH, off=_DISABLED)

MODELS: dict[str, Model] = {
    # Another's model behind this wire (llama.cpp, DeepSeek, Moonshot, …): the oldest form, and a bound that all take.
    "*": Model(8_192, "budget", off=_DISABLED, is_known=False),
    # A model of Anthropic's that this table does not know yet is taken for a new one.
    "*claude*": Model(64_000, "adaptive", _TWO_HIGH, off=_DISABLED, is_known=False),
    "*claude-3-*": replace(_OLD, max_tokens=4_096, thinking="none", refuses=False),
    "*claude-3-5-*": replace(_OLD, max_tokens=8_192, thinking="none", refuses=False),
    "*claude-3-7-*": replace(_OLD, refuses=False),
    "*claude-sonnet-4-*": _OLD,
    "*claude-opus-4-*": replace(_OLD, max_tokens=32_000),
    "*claude-opus-4-1*": replace(_OLD, max_tokens=32_000, takes_schema=True),
    "*claude-opus-4-5*": replace(_OLD, takes_schema=True),
    "*claude-sonnet-4-5*": replace(_OLD, takes_schema=True),
    "*claude-haiku-4-5*": replace(_OLD, takes_schema=True),
    "*claude-opus-4-6*": replace(_NEW, thinking="both", efforts=_46, off={}, takes_sampling=True),
    "*claude-sonnet-4-6*": replace(_NEW, thinking="both", efforts=_46, off={}, takes_sampling=True),
    "*claude-opus-4-[78]*": replace(_NEW, off={}),
    "*claude-opus-5*": _NEW,
    "*claude-sonnet-5*": _NEW,
    "*claude-haiku-5*": _NEW,
    "*claude-opus-5-5*": replace(_NEW, off=None, takes_forced_tool=False),
    "*claude-sonnet-5-5*": replace(_NEW, off={"type": "between_tools"}, takes_forced_tool=False),
    "*claude-fable-*": replace(_NEW, off=None),
    "*claude-mythos-*": replace(_NEW, off=None),
    "*claude-fable-5-[12]": replace(_NEW, off=None, takes_forced_tool=False),
    "*claude-mythos-5-[12]": replace(_NEW, off=None, takes_forced_tool=False),
}
"""Pattern of a model's name → what it takes; of the patterns that match, the last one counts."""


@lru_cache(maxsize=256)
def model_for(name: str) -> Model:
    """Return what is known of the model `name`."""
    return [model for pattern, model in MODELS.items() if fnmatchcase(name, pattern)][-1]
