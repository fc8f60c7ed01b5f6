"""SchemaEncoding: the JSON schemas of a request, of its tools and of the output it wants, in the server's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from core_llm._json import JSONObject
from core_llm.wire.base import WireFormat

if TYPE_CHECKING:
    from core_llm.wire.schemas import SchemaLanguage


class SchemaEncoding(WireFormat):
    """What wires share whose tools and outputs have schemas, strict ones or others.

    Attributes:
        schemas: What the server takes of JSON schema, if not all of it.
        strict_schemas: What its strict mode takes, if it is known; schemas are then brought into that.
    """

    schemas: ClassVar[SchemaLanguage | None] = None
    strict_schemas: ClassVar[SchemaLanguage | None] = None

    def encode_schema(
        self, schema: JSONObject, *, is_strict: bool | None, feature: str
    ) -> tuple[JSONObject, bool | None]:
        """Return a schema in the words that the provider takes, and whether the model is to be held to it.

        Args:
            schema: JSON schema.
            is_strict: What the caller wants; None for output makes it strict where strict mode can say the schema.
            feature: What it is for: ``structured_output`` or ``tools``.

        Raises:
            UnsupportedSchemaError: A part of it cannot be said.
        """
        if self.schemas is None and self.strict_schemas is None:
            return schema, is_strict
        from core_llm.wire.schemas import encode_schema  # noqa: PLC0415  # most requests have none

        return encode_schema(
            schema,
            is_strict=is_strict,
            taken=self.schemas,
            strictly=self.strict_schemas,
            feature=feature,
            provider=self.provider,
        )
