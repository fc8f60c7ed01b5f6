"""From the portable knobs to a body's fields, by a wire's table of their names."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from core_llm._errors import UnsupportedError
from core_llm._json import JSONObject
from core_llm._request import Settings


def mapped_settings(
    settings: Settings, fields: Mapping[str, str], *, provider: str, elsewhere: AbstractSet[str] = frozenset()
) -> JSONObject:
    """Return the fields of the body that the knobs become, each under the name that `fields` has for it.

    Args:
        settings: What is set and not None counts.
        fields: Knob → field of the body.
        provider: For the error.
        elsewhere: Knobs that the wire maps by other means.

    Raises:
        UnsupportedError: A knob is set for which there is no field.
    """
    mapped: JSONObject = {}
    for name in sorted(settings.model_fields_set - elsewhere):
        value = getattr(settings, name)
        if value is None:
            continue
        if name not in fields:
            msg = (
                f"{provider} has no field for the setting {name!r}; "
                f"leave it out, or pass the provider's own field in provider_options"
            )
            raise UnsupportedError(msg, feature=name, provider=provider)
        mapped[fields[name]] = list(value) if isinstance(value, tuple) else value
    return mapped
