"""Scenarios whose answer is JSON."""

from __future__ import annotations

from core_llm import OutputSchema
from core_llm_conformance.scenario import Scenario
from core_llm_conformance.scenarios.expectations import ends_with, has_text, is_json

CITY = OutputSchema(
    name="city",
    description="A city and how many people live there.",
    json_schema={
        "type": "object",
        "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
        "required": ["city", "population"],
        "additionalProperties": False,
    },
)

SCENARIOS = (
    Scenario(
        name="structured_output",
        summary="The answer is JSON after a schema.",
        needs=("structured_output",),
        prompt="Which is the largest city of Norway, and how many people live there?",
        options={"output": CITY},
        expects=(has_text(), is_json({"city": str, "population": int}), ends_with("stop")),
        is_base=True,
    ),
    Scenario(
        name="json_output",
        summary="The answer is JSON of any form.",
        needs=("json_output",),
        prompt='Name the largest city of Norway, as a JSON object with the field "city".',
        options={"output": "json"},
        expects=(has_text(), is_json({}), ends_with("stop")),
    ),
)
