"""The base of every value that is stored or sent: frozen, strict in what it takes, lenient in what it reads back."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1
"""Version of the stored form of Message, Request, Response; grows when a reader must do more than ignore fields."""


OF_A_LAYER = "a layer of configuration"
"""Validation context of what a layer holds, whose errors name the layer."""


class Value(BaseModel):
    """A frozen value. Built by a caller, an unknown field is an error; read back from storage, it is ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        ser_json_inf_nan="strings",  # JSON has no infinity, and its null would not be read back
    )

    def to_json(self) -> str:
        """Return the value as JSON text that `from_json` reads back to an equal value."""
        return self.model_dump_json(exclude_defaults=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote, by this version or another; fields that this version does not know are ignored.

        Raises:
            pydantic.ValidationError: The text is not such a value.
        """
        return cls.model_validate_json(text, extra="ignore")
