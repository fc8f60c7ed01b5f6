"""What a caller writes to have texts embedded, and the EmbedRequest that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TypedDict

from pydantic import ValidationError

from core_llm._capabilities import OnUnsupported
from core_llm._config_model import Limits, OnBusy
from core_llm._embeddings import EmbedRequest, InputType
from core_llm._errors import InvalidRequestError, InvalidSettingError
from core_llm._json import JSONObject
from core_llm._options import first_of
from core_llm._retries import Retries
from core_llm._signals import Signal
from core_llm._stream_config import check_call_options


class EmbedOptions(TypedDict, total=False):
    """What `embed` takes besides model and texts."""

    dimensions: int
    """How many numbers a vector shall have, where the model can be told."""
    input_type: InputType
    """``query`` or ``document``: what the texts are in a search, where the model tells the two apart."""
    provider_options: Mapping[str, JSONObject]
    """Provider name → fields merged last into each body sent to that provider only."""
    extra_headers: Mapping[str, str]
    extra_query: Mapping[str, str]
    signal: Signal
    """Stops the call; see `Signal`. `Signal.never()` lifts its total limit."""
    limits: Limits
    """The total bounds all requests of a long list together, the others each of them."""
    max_retries: int
    """How often each of the requests is sent again."""
    retries: Retries
    """How they are sent again: delays, statuses."""
    on_busy: OnBusy
    """What to do where calls are limited in number or rate: ``wait`` for its turn (default), or ``raise`` at once."""
    on_unsupported: OnUnsupported
    """``drop`` leaves out `dimensions` or `input_type` where the wire has no field for it."""


_FIELDS = ("dimensions", "input_type", "provider_options", "extra_headers", "extra_query")


def build_embed_request(model: str, inputs: str | Sequence[str], options: Mapping[str, object]) -> EmbedRequest:
    """Return the request that a caller's words mean.

    Raises:
        InvalidRequestError: There is nothing to embed, or an argument has the wrong type.
        InvalidSettingError: An option is unknown or has a wrong value.
    """
    for name in options:
        if name not in EmbedOptions.__annotations__:
            near = get_close_matches(name, EmbedOptions.__annotations__, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(EmbedOptions.__annotations__))};"
            )
            msg = f"embed takes no {name!r}; {hint} what only one provider has goes into provider_options"
            raise InvalidSettingError(msg)
    check_call_options(options)
    texts = (inputs,) if isinstance(inputs, str) else inputs
    fields = {name: value for name in _FIELDS if (value := options.get(name)) is not None}
    try:
        request = EmbedRequest.model_validate({"model": model, "inputs": texts, **fields})
    except ValidationError as error:
        raise InvalidRequestError(f"the texts or options to embed are not valid: {first_of(error)}") from None
    return request.checked()
