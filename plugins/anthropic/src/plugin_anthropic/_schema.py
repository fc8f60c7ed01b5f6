"""What the Messages API takes of JSON schema where it holds a model to one: structured output, and strict tools.

Source: docs of the Claude API, "Structured outputs", JSON schema limitations (checked 2026-11). Every object has to say
that it has no other properties. A tool that is not strict may have any schema.
"""

from __future__ import annotations

from core_llm.wire import DESCRIBING, SchemaLanguage

STRICT = SchemaLanguage(
    name="structured output",
    advice="simplify the schema, or have a tool called: output_mode='tool', is_strict=False",
    keeps=frozenset(
        "type properties required additionalProperties items enum const anyOf allOf $ref $defs definitions default"
        " description title format pattern minItems".split()
    ),
    drops=DESCRIBING,
    tells=frozenset(
        "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength maxItems uniqueItems"
        " minContains maxContains minProperties maxProperties".split()
    ),
    formats=frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split()),
    is_closed=True,
    has_one_of=False,
    has_recursion=False,
    most={"minItems": 1},
)
