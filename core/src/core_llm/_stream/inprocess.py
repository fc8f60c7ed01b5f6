"""An answer of a model in this process: taken from its thread, and handed on under the same rules as any other."""

from __future__ import annotations

from core_llm._provider import LocalProvider
from core_llm._stream.effects import PULL_LOCAL, Close, Failed, Interrupted, LocalCall, LocalEnd, Send, Step
from core_llm._stream.state import CallState


def inprocess(call: CallState, provider: LocalProvider) -> Step:
    """Start the model's thread and hand on what it makes."""
    request = call.plan.request
    started = yield Send(LocalCall(provider, request), call.connect)
    if isinstance(started, Failed | Interrupted):
        return call.transport_error(started, "prepare")
    yield []
    # Fetching and loading a model takes what it takes: until it is ready, only the total limit counts.
    call.control.arm("total", call.total, call.ends)
    outcome = yield PULL_LOCAL
    while type(outcome) is list:
        if outcome:  # a quick model's first events may come together with its being ready
            events = call.handed(call.within_limit(outcome), None, request.model)
            call.accumulator.begin(events)
            yield events
            if (exhaustion := call.exhaustion()) is not None:
                yield Close(is_reusable=False)
                return exhaustion
        if call.had_content:
            call.arm("between_events", call.between)
        else:
            call.arm("first_event", call.first)
        outcome = yield PULL_LOCAL
    if isinstance(outcome, LocalEnd) and outcome.finish_reason is not None:
        yield from _finish(call, outcome)
        return None
    yield Close(is_reusable=False)
    if isinstance(outcome, Failed | Interrupted):
        return call.transport_error(outcome, "body")
    return call.cut_error()


def _finish(call: CallState, end: LocalEnd) -> Step:
    model = end.model or call.plan.request.model
    events = call.handed([], end.id, model, is_last=True)
    call.accumulator.add(events)
    response = call.accumulator.snapshot(
        finish_reason=end.finish_reason,
        raw_finish_reason=end.raw_finish_reason,
        is_complete=True,
        metadata=end.metadata,
    )
    update = {"usage": end.usage, "id": end.id, "model": model}
    yield from call.succeed(response.model_copy(update=update), events, is_reusable=True)
    return None
