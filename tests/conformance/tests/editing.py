"""Plugins whose requests are wrong in one way, made of the good twin."""

from __future__ import annotations

from core_llm import Request
from core_llm.wire import JSONObject, WireRequest
from core_llm_conformance.target import Target

from .probing import of
from .twin.acme import Acme, AcmeWire


def wired(wire: type[AcmeWire], **attributes: object) -> Target:
    """Return the good twin with another wire."""
    return of(type("Changed", (Acme,), {"wire_format": wire, **attributes}))


def with_fields(**fields: str | None) -> Target:
    """Return the good twin with a table of settings in which some have other fields, or none."""
    table = {**AcmeWire.settings_fields, **fields}
    kept = {name: field for name, field in table.items() if field is not None}
    return wired(type("Wire", (AcmeWire,), {"settings_fields": kept}))


class Editing(AcmeWire):
    """A wire that changes its body at the end."""

    def encode_request(self, request: Request) -> WireRequest:
        """Return the request, edited."""
        wired = super().encode_request(request)
        assert isinstance(wired.body, dict)
        self.edit(wired.body)
        return wired

    def edit(self, body: JSONObject) -> None:
        """Change the body."""


def edited(edit: object) -> Target:
    """Return the good twin whose bodies are edited."""
    return wired(type("Wire", (Editing,), {"edit": lambda self, body: edit(body)}))  # type: ignore[operator]  # noqa: ARG005
