"""Broken as packages: at import, in their entry points, in what a wheel must hold. Each is installed into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .bugs import package_bug

METADATA = """\
Metadata-Version: 2.4
Name: plugin-{name}
Version: 1.0
Summary: Acme for core-llm.
License-Expression: MIT
Requires-Python: >=3.11
Requires-Dist: core-llm<0.2,>=0.1

# plugin-{name}

Set `ACME_API_KEY`.
"""
TWIN = Path(__file__).parent.parent / "twin" / "acme.py"


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is Acme's with something else in it.

    Attributes:
        name: Of the provider, its entry point and its distribution.
        first: Lines before the module's own, and `last` those after it.
        replaced: Text of the module → another.
        metadata: Text of the metadata → another.
        entry: What the entry point names; the module, if empty.
        has_types: Whether there is a py.typed.
    """

    name: str
    first: str = ""
    last: str = ""
    replaced: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""
    has_types: bool = True

    @property
    def module(self) -> str:
        """The name of the package that is imported."""
        return f"plugin_{self.name.replace('-', '_')}"

    def install(self, site: Path) -> None:
        """Write package and metadata into a folder of the path."""
        package, told = site / self.module, site / f"{self.module}-1.0.dist-info"
        package.mkdir(parents=True)
        told.mkdir()
        source = TWIN.read_text(encoding="utf-8").replace('name = "acme"', f'name = "{self.name}"')
        for old, new in self.replaced.items():
            assert old in source, old
            source = source.replace(old, new)
        head, mark, rest = source.partition("from __future__ import annotations\n")
        (package / "__init__.py").write_text(f"{head}{mark}{self.first}\n{rest}\n{self.last}\n", encoding="utf-8")
        if self.has_types:
            (package / "py.typed").touch()
        metadata = METADATA.format(name=self.name)
        for old, new in self.metadata.items():
            metadata = metadata.replace(old, new)
        (told / "METADATA").write_text(metadata, encoding="utf-8")
        entry = self.entry or f"{self.name} = {self.module}"
        (told / "entry_points.txt").write_text(f"[core_llm.providers]\n{entry}\n", encoding="utf-8")


GOOD = Package("acme-good")
"""The twin itself as a package: it passes everything."""
_HOOK = "@hookimpl\ndef core_llm_register_providers() -> list[type[Provider] | Provider]:"
_bug: Callable[..., None] = package_bug

_bug(
    Package(
        "acme-network",
        'import socket\n\ntry:\n    socket.create_connection(("127.0.0.1", 9), 0.01)\nexcept OSError:\n    pass',
    ),
    "NetworkAtImport",
    "The price map is fetched when the plugin is imported.",
    "users-pains 42: litellm#1434",
    "test_import_has_no_side_effects",
    says="socket",
)
_bug(
    Package("acme-thread", "import threading\n\nthreading.Thread(target=print, daemon=True).start()"),
    "ThreadAtImport",
    "A thread is started when the plugin is imported.",
    "users-pains 41: what an import must not do",
    "test_import_has_no_side_effects",
    says="thread",
)
_bug(
    Package("acme-logging", "import logging\n\nlogging.basicConfig(level=logging.DEBUG)"),
    "LoggingAtImport",
    "Logging is configured for the whole application.",
    "users-pains 41: what an import must not do",
    "test_import_has_no_side_effects",
    says="log",
)
_bug(
    Package("acme-environ", 'import os\n\nos.environ.setdefault("TOKENIZERS_PARALLELISM", "false")'),
    "EnvironmentAtImport",
    "A variable of the environment is set when the plugin is imported.",
    "users-pains 41: what an import must not do",
    "test_import_has_no_side_effects",
    says="environ",
)
_bug(
    Package("acme-print", 'print("Acme 1.0")'),
    "PrintsAtImport",
    "The plugin greets whoever imports it.",
    "users-pains 41: `llm --help`",
    "test_import_has_no_side_effects",
    says="Acme 1.0",
)
_bug(
    Package("acme-heavy", "import httpx\nimport unittest"),
    "HeavyImport",
    "A library that takes long to import is imported for everybody.",
    "users-pains 41: llm#915, torch imported at load",
    "test_imports_lightly",
    says="httpx",
)
_bug(
    Package("acme-entry", entry="acme = plugin_acme_entry"),
    "EntryPointOfAnotherName",
    "The entry point is called otherwise than the provider, so nobody finds it.",
    "users-pains 47: users cannot tell which package to fix",
    "test_registers_through_its_entry_point",
    says="no installed distribution has an entry point 'acme-entry'",
)
_bug(
    Package("acme-class", entry="acme-class = plugin_acme_class:Acme"),
    "EntryPointIsTheClass",
    "The entry point names the class, where a module is due.",
    "users-pains 47: users cannot tell which package to fix",
    "test_registers_through_its_entry_point",
    says="is the provider",
)
_bug(
    Package("acme-untyped", has_types=False),
    "NoPyTyped",
    "The marker that the package is typed was left out of the wheel.",
    "users-pains 15 of the recommendations: typing",
    "test_is_typed",
    says="has no py.typed",
)
_bug(
    Package("acme-any", last="\ndef ask(city, **more):\n    return city, more"),
    "NoAnnotations",
    "A public function says nothing of what it takes.",
    "the house rules: strict typing",
    "test_is_typed",
    says="ask does not say what city",
)
_bug(
    Package("acme-async", replaced={_HOOK: _HOOK.replace("def ", "async def ")}),
    "AsyncHook",
    "A hook is async, and pluggy cannot await it.",
    "the design: no `async def` hooks",
    "test_hooks_match_their_specs",
    says="async",
)
_bug(
    Package("acme-argument", replaced={_HOOK: _HOOK.replace("providers()", "providers(config: object)")}),
    "HookWithAnotherArgument",
    "A hook wants an argument that its specification does not have.",
    "users-pains 47: spec bumps",
    "test_hooks_match_their_specs",
    says="config",
)
_bug(
    Package("acme-unmarked", replaced={_HOOK: _HOOK.replace("@hookimpl\n", "")}),
    "HookNotMarked",
    "The hook is not marked, and never called.",
    "users-pains 43: plugins that half register",
    "test_hooks_match_their_specs",
    says="is not marked",
)
_bug(
    Package(
        "acme-misspelt", last='\n@hookimpl\ndef core_llm_transform_event(provider: str) -> None:\n    """Nothing."""'
    ),
    "HookMisspelt",
    "A hook has a name that no specification has.",
    "users-pains 43: plugins that half register",
    "test_hooks_match_their_specs",
    says="core_llm_transform_event",
)
_bug(
    Package("acme-anycore", metadata={"core-llm<0.2,>=0.1": "core-llm"}),
    "AnyCore",
    "The plugin installs beside any version of the core, also those that it was never built for.",
    "users-pains 45: pin wars; 47: spec bumps",
    "test_distribution_says_what_it_is",
    says="core-llm of any version",
)
_bug(
    Package("acme-pytest", metadata={"Requires-Dist: core-llm": "Requires-Dist: pytest\nRequires-Dist: core-llm"}),
    "TestsForUsers",
    "Whoever uses the plugin has to install what only its tests need.",
    "users-pains 22, 45: heavy dependencies",
    "test_distribution_says_what_it_is",
    says="pytest",
)
_bug(
    Package("acme-raises", 'raise RuntimeError("no GPU")'),
    "RaisesAtImport",
    "The plugin cannot be imported here.",
    "users-pains 43: llm#1280, one plugin bricks all",
    "test_imports_lightly",
    says="no GPU",
)
_bug(
    Package(
        "acme-option",
        replaced={
            "    wire_format = AcmeWire": '    wire_format = AcmeWire\n    options = {"region": "Where it is served."}'
        },
    ),
    "OptionIgnored",
    "An option is declared that changes nothing.",
    "users-pains 30: ellmer#688, an option ignored",
    "test_options_are_used",
    says="options.region changes no request",
)
_bug(
    Package("acme-readme", metadata={"ACME_API_KEY": "the key"}),
    "KeyNotInReadme",
    "The README does not say which variable holds the key.",
    "users-pains 47: users cannot tell what to do",
    "test_readme_names_what_users_set",
    says="does not name ACME_API_KEY",
)
