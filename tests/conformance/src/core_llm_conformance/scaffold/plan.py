"""What a new plugin is to be, and the text of each of its files. Nothing is written here."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from string import Template
from typing import Final

from core_llm_conformance.scaffold.describing import descriptions
from core_llm_conformance.scaffold.names import Names, checked_address, checked_variable, split_author
from core_llm_conformance.scaffold.wires import WIRES, Wire

FIRST_VERSION: Final = "0.1.0"
DESCRIPTIONS: Final = "tests/descriptions.yaml"
CASSETTES: Final = "tests/cassettes"
_TEMPLATES: Final = "templates"


class PlanRefusedError(ValueError):
    """What was asked for does not go together; says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plugin that does not exist yet.

    Attributes:
        names: All of its names.
        kind: The name of its wire in `WIRES`.
        url: Where its service is; empty for a model in this process.
        variable: The usual variable of its key; likewise.
        author: Name and mail address, the latter perhaps empty.
        today: For the licence, and the day of the made-up answers.
    """

    names: Names
    kind: str
    url: str
    variable: str
    author: tuple[str, str]
    today: dt.date

    @classmethod
    def of(
        cls,
        name: str,
        wire: str,
        *,
        url: str | None = None,
        variable: str | None = None,
        author: str | None = None,
        today: dt.date | None = None,
    ) -> Plan:
        """Return the plan of a plugin.

        Args:
            name: Of the service.
            wire: A name in `WIRES`.
            url: Its address; a made-up one if it is None.
            variable: The variable of its key; made of the name if it is None.
            author: ``Ada Lovelace <ada@example.org>``; the address may be left out.
            today: The date, if not today's.

        Raises:
            NameRefusedError: A name, the address or the variable cannot be that.
            PlanRefusedError: A model in this process was given an address or a key; who has the wire is not installed.
        """
        names, chosen = Names.of(name), WIRES[wire]
        if chosen.shape is None and (url or variable):
            raise PlanRefusedError(
                "a model in this process has neither an address nor a key; leave --url and --env out"
            )
        if chosen.requires is not None:
            bounds(chosen.requires)
        return cls(
            names=names,
            kind=wire,
            url=checked_address(url or f"https://api.{names.provider}.example{chosen.path}") if chosen.shape else "",
            variable=checked_variable(variable or names.variable) if chosen.shape else "",
            author=split_author(author or f"The authors of {names.distribution}"),
            today=today or dt.date.today(),  # noqa: DTZ011  # the author's own day
        )

    @property
    def wire(self) -> Wire:
        """What the wire brings."""
        return WIRES[self.kind]

    @property
    def model(self) -> str:
        """The model in examples."""
        return self.wire.model or f"{self.names.provider}-1"

    @property
    def summary(self) -> str:
        """The plugin in a sentence."""
        return f"{self.names.title} for core-llm, {self.wire.speaks}."

    @property
    def requirements(self) -> list[str]:
        """What it stands on, as pip has it."""
        needed = ["core-llm", *([self.wire.requires] if self.wire.requires else [])]
        return [name + bounds(name) for name in needed]

    def texts(self) -> dict[str, str]:
        """Return every file that is written of a template: path → text."""
        values = self._values()
        written = {
            Template(path).substitute(values): Template(_template(name)).substitute(values)
            for path, name in self.wire.files.items()
        }
        written[f"src/{self.names.package}/py.typed"] = ""
        if self.wire.shape is not None:
            written[DESCRIPTIONS] = descriptions(
                self.wire.shape(self.model),
                provider=self.names.provider,
                title=self.names.title,
                wire=self.wire.title,
                today=self.today,
            )
        return written

    def _values(self) -> dict[str, str]:
        name, address = self.author
        author = {"name": name, **({"email": address} if address else {})}
        table = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in author.items())
        names = self.names
        return {
            "provider": names.provider,
            "distribution": names.distribution,
            "package": names.package,
            "kind": names.kind,
            "title": names.title,
            "url": self.url,
            "variable": self.variable,
            "model": self.model,
            "framing": self.wire.framing,
            "speaks": self.wire.speaks,
            "summary": self.summary,
            "version": FIRST_VERSION,
            "author": name,
            "author_table": f"{{ {table} }}",
            "year": str(self.today.year),
            "dependencies": "\n".join(f'    "{requirement}",' for requirement in self.requirements),
            "suite_bounds": bounds("core-llm-conformance"),
        }


def bounds(distribution: str) -> str:
    """Return the bounds within which a new plugin takes a distribution: from what is here to the next contract.

    Raises:
        PlanRefusedError: It is not installed.
    """
    try:
        major, minor = version(distribution).split(".")[:2]
    except PackageNotFoundError:
        raise PlanRefusedError(f"{distribution} has the wire; install it first: pip install {distribution}") from None
    return f">={major}.{minor},<{major}.{int(minor) + 1}" if major == "0" else f">={major}.{minor},<{int(major) + 1}"


def _template(name: str) -> str:
    return files(__package__).joinpath(_TEMPLATES, f"{name}.tmpl").read_text(encoding="utf-8")
