"""Model ids: the split at the first colon, roles, the default, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from core_llm._config_model import ConfigValues
from core_llm._errors import ConfigError, InvalidRequestError
from core_llm._model_id import ModelId, resolve_model, split_model_id

ROLES = ConfigValues(default_model="fast", roles={"fast": "acme:small", "planning": "acme:large:v2"})


def test_an_id_is_split_at_the_first_colon() -> None:
    """The model's own name may have colons and slashes."""
    assert split_model_id("acme:org/model:8b") == ModelId("acme", "org/model:8b")
    assert str(ModelId("acme", "org/model:8b")) == "acme:org/model:8b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small", "'small' is not a model id; write it as 'provider:model'"),
        ("", "'' is not a model id; write it as 'provider:model'"),
        ("acme:", "'acme:' has no model after the colon; write it as 'provider:model'"),
        (":small", "':small' has no provider before the colon; write it as 'provider:model'"),
    ],
)
def test_half_an_id_is_an_error_that_shows_the_form(text: str, message: str) -> None:
    """The error says which half is missing."""
    with pytest.raises(InvalidRequestError) as caught:
        split_model_id(text)
    assert caught.value.message == message


def test_a_role_stands_for_its_model() -> None:
    """A name of the configuration is as good as the id."""
    assert resolve_model(ROLES, "planning") == ModelId("acme", "large:v2")
    assert resolve_model(ROLES, "other:x") == ModelId("other", "x")


def test_no_name_is_the_default() -> None:
    """The default may be an id or a role."""
    assert resolve_model(ROLES) == ModelId("acme", "small")
    assert resolve_model(ConfigValues(default_model="acme:tiny")) == ModelId("acme", "tiny")


def test_without_a_default_a_model_must_be_named() -> None:
    """The error says how to set one."""
    with pytest.raises(InvalidRequestError) as caught:
        resolve_model(ConfigValues())
    expected = "no model given and no default set; write 'provider:model', or set CORE_LLM_DEFAULT_MODEL"
    assert caught.value.message == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("plannin", "; did you mean the role 'planning'? Or leave it out for the default, fast"),
        ("xyz", "; or name a role: fast, planning; or leave it out for the default, fast"),
    ],
)
def test_a_name_that_is_no_role_is_told_of_the_roles(text: str, hint: str) -> None:
    """Where there are roles and a default, the error mentions them."""
    with pytest.raises(InvalidRequestError) as caught:
        resolve_model(ROLES, text)
    assert caught.value.message == f"{text!r} is not a model id; write it as 'provider:model'{hint}"


@pytest.mark.parametrize(
    ("values", "text", "setting"),
    [
        (ConfigValues(roles={"fast": "small"}), "fast", "roles.fast"),
        (ConfigValues(default_model="small"), None, "default_model"),
    ],
)
def test_a_configured_name_that_is_no_id_names_the_setting(
    values: ConfigValues, text: str | None, setting: str
) -> None:
    """A mistake in the configuration is not blamed on the caller."""
    with pytest.raises(ConfigError) as caught:
        resolve_model(values, text)
    assert caught.value.message == f"the setting {setting}: 'small' is not a model id; write it as 'provider:model'"
