"""Descriptions of answers in YAML, for ``core-llm conformance record acme --compose FILE``.

```yaml
source: https://docs.acme.example/chat
model: acme-1
date: 2026-11-21                        # when the page was read
scenarios:
- scenario: text
  turns:
  - stream:
      base: {id: c-1, model: acme-1}    # in every frame that is an object
      sse:
      - {choices: [{index: 0, delta: {content: Hello}}]}
      - {event: usage, data: {…}}       # a named event
      - "[DONE]"                        # a text stands as it is
    plain:
      json: {…}                         # or ndjson: […], text: …; status: 429, headers: {retry-after: "7"}
    expected: {text: Hello, finish_reason: stop}
```

What stands outside of ``scenarios`` holds for each of them that does not say otherwise. Fields of ``expected`` that are
left out are taken from what the plugin makes of the answer, and shown for review.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from core_llm_conformance.failure import ConformanceFailure, fail
from core_llm_conformance.recording.descriptions import (
    Description,
    JsonObject,
    Reply,
    Turn,
    json_reply,
    ndjson,
    reply,
    sse,
)


def read_descriptions(path: Path) -> tuple[Description, ...]:
    """Read descriptions from a YAML file.

    Raises:
        ConformanceFailure: It is missing, or a description lacks something; says what, and where.
    """
    try:
        raw = yaml.safe_load(path.read_bytes())
        if not isinstance(raw, dict | list):
            raise fail("a file of descriptions describes scenarios", "there are none in it", look_at=str(path))
        file = _File.model_validate(raw)
        return tuple(_made({**file.defaults, **each}, path) for each in file.scenarios)
    except OSError as error:
        raise fail("there is a file of descriptions", error.strerror or str(error), look_at=str(path)) from None
    except yaml.YAMLError as error:
        raise fail("a file of descriptions is YAML", str(error), look_at=str(path)) from None
    except ValidationError as error:
        raise _wrong(error, path) from None


def _made(given: dict[str, object], path: Path) -> Description:
    try:
        return _Scenario.model_validate(given).made()
    except ValidationError as error:
        raise _wrong(error, path, str(given.get("scenario", ""))) from None


def _wrong(error: ValidationError, path: Path, scenario: str = "") -> ConformanceFailure:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    of = f" (of {scenario})" if scenario else ""
    rule = "a description says what it must, and no more"
    return fail(rule, f"{where}: {first['msg']}{of}", scenario=scenario or None, look_at=str(path))


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class _File(BaseModel):
    """The outermost mapping: defaults, and the scenarios; one scenario alone stands for a list of it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    scenarios: tuple[dict[str, object], ...]

    @model_validator(mode="before")
    @classmethod
    def _one_alone(cls, raw: object) -> object:
        if isinstance(raw, list):
            return {"scenarios": raw}
        return {"scenarios": [raw]} if isinstance(raw, dict) and "scenario" in raw else raw

    @property
    def defaults(self) -> dict[str, object]:
        return dict(self.model_extra or {})


class _Reply(_Strict):
    """One answer, in one of four forms."""

    sse: tuple[JsonValue, ...] | None = None
    ndjson: tuple[JsonValue, ...] | None = None
    json_value: JsonValue = Field(default=None, alias="json")
    text: str | None = None
    base: JsonObject = Field(default_factory=dict)
    named_by: str | None = None
    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_form(self) -> _Reply:
        if len(self.model_fields_set & {"sse", "ndjson", "json_value", "text"}) != 1:
            raise ValueError("an answer has one of sse, ndjson, json, text")
        return self

    def made(self) -> Reply:
        """Return it framed."""
        if self.sse is not None:
            return sse(*self.sse, base=self.base, named_by=self.named_by, status=self.status, headers=self.headers)
        if self.ndjson is not None:
            return ndjson(*self.ndjson, base=self.base, status=self.status, headers=self.headers)
        if self.text is not None:
            content_type = self.headers.get("content-type", "text/plain")
            return reply(self.text, content_type, status=self.status, headers=self.headers)
        return json_reply(self.json_value, status=self.status, headers=self.headers)


class _Turn(_Strict):
    """The answers to one turn."""

    stream: tuple[_Reply, ...] = ()
    plain: tuple[_Reply, ...] = ()
    expected: JsonObject = Field(default_factory=dict)
    expected_stream: JsonObject = Field(default_factory=dict)
    expected_plain: JsonObject = Field(default_factory=dict)

    @field_validator("stream", "plain", mode="before")
    @classmethod
    def _one_alone(cls, raw: object) -> object:
        return [raw] if isinstance(raw, dict) else raw

    def made(self) -> Turn:
        """Return it with its answers framed."""
        return Turn(
            stream=[each.made() for each in self.stream],
            plain=[each.made() for each in self.plain],
            expected=self.expected,
            expected_stream=self.expected_stream,
            expected_plain=self.expected_plain,
        )


class _Scenario(_Strict):
    """One description."""

    scenario: str
    source: str = Field(min_length=1)
    date: dt.date
    model: str | None = None
    opaque: tuple[str, ...] = ()
    turns: tuple[_Turn, ...] = Field(min_length=1)

    def made(self) -> Description:
        """Return it."""
        turns = [turn.made() for turn in self.turns]
        return Description(self.scenario, self.source, self.date, turns, self.model, self.opaque)
