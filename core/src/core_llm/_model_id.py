"""Model ids: ``provider:model``, roles that stand for one, and the default."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

from core_llm._config_model import ConfigValues
from core_llm._errors import ConfigError, InvalidRequestError


class ModelId(NamedTuple):
    """A model and who serves it."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def split_model_id(text: str) -> ModelId:
    """Split ``"provider:model"`` at the first colon; the model may have others.

    Raises:
        InvalidRequestError: One of the two is missing.
    """
    provider, colon, model = text.partition(":")
    if not colon:
        raise InvalidRequestError(f"{text!r} is not a model id; write it as 'provider:model'")
    if not provider or not model:
        missing = "model after" if provider else "provider before"
        raise InvalidRequestError(f"{text!r} has no {missing} the colon; write it as 'provider:model'")
    return ModelId(provider, model)


def resolve_model(values: ConfigValues, text: str | None = None) -> ModelId:
    """Return the model that a caller's text stands for.

    Args:
        values: The configuration, for its roles and its default.
        text: A model id, or a role of the configuration; None for the default model.

    Raises:
        InvalidRequestError: The text is neither a model id nor a role, or no default is set.
        ConfigError: A role or the default stands for something that is no model id.
    """
    if text is None:
        if values.default_model is None:
            msg = "no model given and no default set; write 'provider:model', or set CORE_LLM_DEFAULT_MODEL"
            raise InvalidRequestError(msg)
        target = values.roles.get(values.default_model, values.default_model)
        return _configured(target, "default_model")
    if text in values.roles:
        return _configured(values.roles[text], f"roles.{text}")
    try:
        return split_model_id(text)
    except InvalidRequestError as error:
        raise InvalidRequestError(error.message + _alternatives(values, text)) from None


def _configured(target: str, setting: str) -> ModelId:
    try:
        return split_model_id(target)
    except InvalidRequestError as error:
        raise ConfigError(f"the setting {setting}: {error.message}") from None


def _alternatives(values: ConfigValues, text: str) -> str:
    hint = ""
    if values.roles:
        near = get_close_matches(text, values.roles, n=1)
        names = ", ".join(sorted(values.roles))
        hint += f"; did you mean the role {near[0]!r}?" if near else f"; or name a role: {names}"
    if values.default_model is not None:
        hint += f"{' Or' if hint.endswith('?') else '; or'} leave it out for the default, {values.default_model}"
    return hint
