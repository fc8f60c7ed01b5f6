"""Approval: who is asked before a call runs, and what is said. What is not approved does not run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

from core_llm._errors import RedactedCause
from core_llm._json import JSONObject
from core_llm._logging import logger
from core_llm._messages import ToolCallPart
from core_llm._tools.definition import Tool
from core_llm._value import Value

OnApproval = Literal["deny", "pause"]
"""What becomes of a call that needs approval when nobody decides: the model is told no, or the run waits."""


class Approval(Value):
    """What was decided of a call."""

    is_approved: bool
    reason: str = ""
    """Told to the model where the call was denied."""
    arguments: JSONObject | None = None
    """The call runs with these in place of the model's."""

    @classmethod
    def approve(cls, *, arguments: JSONObject | None = None) -> Approval:
        """Let the call run, with other arguments if they are given."""
        return cls(is_approved=True, arguments=arguments)

    @classmethod
    def deny(cls, reason: str = "") -> Approval:
        """Keep the call from running; the model is told why."""
        return cls(is_approved=False, reason=reason)


Verdict = Approval | bool | None
"""What somebody who is asked says; None is no opinion."""
Approver = Callable[[ToolCallPart], Verdict | Awaitable[Verdict]]
"""Asked about a call; sync or async."""
HookApprover = Callable[[ToolCallPart, Tool[..., object] | None], Verdict]

DENIED = "The call was not approved."


def needs_approval(tool: Tool[..., object] | None, call: ToolCallPart) -> bool:
    """Whether a call may run only if somebody says so. A rule that fails says yes."""
    if tool is None or tool.approval == "never":
        return False
    if tool.approval == "always":
        return True
    try:
        return bool(tool.approval(call))
    except Exception as error:  # noqa: BLE001  # it fails closed
        logger.warning("the approval rule of the tool %r failed (%s): approval is needed", call.name, _said(error))
        return True


def judged(verdict: object, asked: str) -> Approval | None:
    """Return a verdict as a decision; one that is none of the allowed values denies."""
    if verdict is None or isinstance(verdict, Approval):
        return verdict
    if isinstance(verdict, bool):
        return Approval.approve() if verdict else Approval.deny()
    logger.warning("%s answered %s, which is no decision: the call is denied", asked, type(verdict).__name__)
    return Approval.deny()


def failed(asked: str, error: Exception) -> Approval:
    """Return the decision where asking failed: no."""
    logger.warning("%s failed (%s): the call is denied", asked, _said(error))
    return Approval.deny("Asking for approval failed.")


def combined(verdicts: Iterable[Approval | None], *, is_needed: bool) -> Approval | None:
    """Return what follows of all that was said: one denial denies; None where nobody decided and somebody has to.

    Where several approve with other arguments, the last one's count.
    """
    given = [verdict for verdict in verdicts if verdict is not None]
    denials = [verdict for verdict in given if not verdict.is_approved]
    if denials:
        return denials[0]
    edited = [verdict for verdict in given if verdict.arguments is not None]
    if edited:
        return edited[-1]
    if given:
        return given[-1]
    return None if is_needed else Approval.approve()


def as_approved(call: ToolCallPart, approval: Approval) -> ToolCallPart:
    """Return the call to run: the model's, or with the arguments that were put in their place."""
    if approval.arguments is None:
        return call
    import pydantic_core  # noqa: PLC0415  # rare

    text = pydantic_core.to_json(approval.arguments).decode()
    return call.model_copy(update={"arguments": dict(approval.arguments), "raw_arguments": text})


def _said(error: Exception) -> str:
    return str(RedactedCause.of(error))
