"""The documentation is whole and says what the code says: links lead somewhere, and nothing public is left out.

That its code runs is tested in `test_docs_code`. Blocks marked ``py`` in the reference are declarations: they say what
the source says, which is compared here, however it is laid out.
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from core_llm import Capabilities, Client, ConfigValues, Provider, ProviderConfig, Settings, Stream, hookspecs
from core_llm._calls import ClientOptions
from core_llm._config_model import DEFAULT_LIMITS
from core_llm._errors import SAFE_HEADERS
from core_llm._offers import known_providers
from core_llm._options import CallOptions
from core_llm._retries import DEFAULT_RETRIES
from core_llm._stream import grammar
from core_llm.wire.errors import STATUS_ERRORS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKING = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
REFERENCE = DOCS / "reference"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def shown(page: Path) -> str:
    """Return a page's name."""
    return page.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    """Return a page of the reference."""
    return (REFERENCE / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return what a link may point to within a page, after GitHub's rule."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {word.strip().replace(" ", "-") for word in words}


def first_cells(text: str) -> set[str]:
    """Return the code in the first column of all tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


# Pages


@pytest.mark.parametrize("page", LINKING, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of this repository, and to a heading in it, is good."""
    broken = []
    for _, target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", LINKING, ids=shown)
def test_a_test_that_is_named_exists(page: Path) -> None:
    """Where a page names the test that proves it, the test is in the file that the link leads to."""
    missing = []
    for text, target in LINK.findall(prose(page)):
        name = text.strip("`")
        if name.startswith("test_") and f"def {name}(" not in (page.parent / target).read_text(encoding="utf-8"):
            missing.append(text)
    assert missing == []


def test_every_page_is_reached_from_the_index() -> None:
    """Who begins at the index finds every page."""
    index = DOCS / "index.md"
    linked = {(DOCS / target.partition("#")[0]).resolve() for _, target in LINK.findall(prose(index))}
    assert [shown(page) for page in PAGES if page != index and page not in linked] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_a_page_has_one_title(page: Path) -> None:
    """A page begins with its only title."""
    text = prose(page)
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_no_page_names_a_machine() -> None:
    """No page has a path of the machine that it was written on."""
    named = re.compile(r"/(?:hom[e]|User[s]|tm[p]|roo[t]|wor[k])/\w")
    found = [f"{shown(page)}: {hit[0]}" for page in PAGES for hit in named.finditer(page.read_text(encoding="utf-8"))]
    assert found == []


def test_every_room_is_on_the_map() -> None:
    """The page about the architecture has every room of the core, in the order in which they may import each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [room.strip("()") for layer in layers for room in layer.split(" | ")]
    map_ = (DOCS / "explanation/architecture.md").read_text(encoding="utf-8").partition("## Rooms")[2]
    places = [map_.find(f"`{room}`") if f"`{room}`" in map_ else map_.find(f"`{room}/`") for room in rooms]
    assert [room for room, place in zip(rooms, places, strict=True) if place < 0] == []
    assert places == sorted(places)


# Words


def test_the_grammar_s_rules_are_told() -> None:
    """Every rule that the validator may name is explained."""
    rules = set(re.findall(r'self\.broken\("(\w+)"', inspect.getsource(grammar))) | {"finished"}
    assert rules <= first_cells(read("events.md"))


def test_statuses_are_told() -> None:
    """The table of statuses is that of the code."""
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", read("errors.md"), re.MULTILINE)
    assert dict(rows) == {str(status): error.__name__ for status, error in STATUS_ERRORS.items()}


def test_safe_headers_are_told() -> None:
    """The headers that an error may carry are listed."""
    assert [name for name in SAFE_HEADERS if f"`{name}`" not in read("errors.md")] == []


# Hooks, settings, configuration


def hooks() -> list[ast.FunctionDef]:
    """Return the hooks."""
    tree = ast.parse(inspect.getsource(hookspecs))
    return [n for n in tree.body if isinstance(n, ast.FunctionDef) and "hookspec" in map(ast.unparse, n.decorator_list)]


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook.name)
def test_a_hook_has_a_heading_with_its_signature(hook: ast.FunctionDef) -> None:
    """Every hook has a section, whose heading is its exact signature."""
    assert hook.returns is not None
    signature = f"`{hook.name}({ast.unparse(hook.args)}) -> {ast.unparse(hook.returns)}`"
    assert signature in HEADING.findall(read("hooks.md"))


def test_settings_and_capabilities_are_listed() -> None:
    """Every knob and every capability has a row."""
    listed = first_cells(read("settings.md"))
    assert set(Settings.model_fields) <= listed
    assert set(Capabilities.model_fields) - {"version", "settings", "untested"} <= listed


@pytest.mark.parametrize("cls", [Client, Stream], ids=lambda cls: cls.__name__)
def test_members_are_explained(cls: type) -> None:
    """Everything that a client and a stream can do has a row."""
    told = {cell.partition("(")[0] for cell in first_cells(read("api.md"))}
    assert {name for name in dir(cls) if not name.startswith("_")} - told == set()


def test_options_are_listed() -> None:
    """Everything that a client and a call take is in the API reference."""
    options = {*ClientOptions.__annotations__, *CallOptions.__annotations__} - set(Settings.model_fields)
    assert sorted(options - first_cells(read("api.md"))) == []


def settings_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and the default of each setting of the configuration; a name of the user's own is in brackets."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from settings_of(annotation, f"{path}{name}.")
        elif name == "providers":
            yield from settings_of(ProviderConfig, f"{path}providers.<name>.")
        elif str(annotation).startswith("dict["):
            yield f"{path}{name}.<name>", None
        else:
            yield f"{path}{name}", field.default


def variable(path: str) -> str:
    """Return the environment variable of a setting."""
    if path == "disabled_plugins":
        return "CORE_LLM_DISABLE_PLUGINS"
    return "CORE_LLM_" + path.replace("<name>", "<NAME>").upper().replace(".", "__")


def test_every_setting_is_listed_with_its_variable() -> None:
    """Every setting of the configuration file has a row with its environment variable."""
    rows = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", read("configuration.md"), re.MULTILINE))
    settings = {path: variable(path) for path, _ in settings_of(ConfigValues) if "settings." not in path}
    assert {path: rows.get(path) for path in settings} == settings


def test_defaults_are_those_of_the_code() -> None:
    """The table's defaults hold."""
    rows = dict(re.findall(r"^\| `([^`]+)` \| `[^`]+` \| ([^|]+) \|", read("configuration.md"), re.MULTILINE))
    limits = {f"limits.{name}": f"{seconds:g}" for name, seconds in DEFAULT_LIMITS}
    retries = {f"retries.{name}": f"{figure:g}" for name, figure in DEFAULT_RETRIES if figure is not None}
    plain = {path: str(value) for path, value in settings_of(ConfigValues) if isinstance(value, str | int)}
    expected = {name: f"`{value}`" for name, value in (limits | retries | plain).items()}
    assert {name: rows.get(name) for name in expected} == expected


# Providers


def test_what_a_provider_sets_is_explained() -> None:
    """The guide has a row for every attribute that an author sets; the version of the contract is not one."""
    text = (DOCS / "how-to/write-a-provider.md").read_text(encoding="utf-8")
    assert set(Provider.__annotations__) - {"contract_version"} <= first_cells(text)


def names(text: str) -> set[str]:
    """Return the code in a cell."""
    return set(re.findall("`([^`]+)`", text))


def as_names(variables: str | tuple[str, ...] | None) -> set[str]:
    """Return the names of the variables that a provider declares."""
    return {variables} if isinstance(variables, str) else set(variables or ())


def test_every_provider_is_listed_with_its_variables_and_options() -> None:
    """The table of providers is what the plugins declare, and none of the known ones is left out."""
    row = r"^\| `([a-z-]+)` \| `(plugin-[a-z-]+)` \|([^|]*)\|([^|]*)\|([^|]+)\|$"
    rows = re.findall(row, read("configuration.md"), re.MULTILINE)
    assert {name: package for name, package, *_ in rows} == known_providers()
    for name, _, key, address, options in rows:
        kind = type(Client(config={"providers": {name: {"base_url": "http://127.0.0.1:1"}}}).provider(name))
        assert names(options) == {*kind.options, *({"wire"} if kind.wire_choices else ())}, name
        assert (names(key), names(address)) == (as_names(kind.api_key_env), as_names(kind.base_url_env)), name


def test_every_provider_has_a_page() -> None:
    """The guide has every known provider with its package and its key, and a model to begin with."""
    text = (DOCS / "how-to/use-a-provider.md").read_text(encoding="utf-8")
    rows = {row[2].partition(":")[0]: row for row in re.findall(r"`(plugin-\S+)` \| (.*?) \| `(\S+)` \|", text)}
    rows["openai-compatible"] = rows.pop("lmstudio")  # a named endpoint, as they all are
    assert {name: package for name, (package, *_) in rows.items()} == known_providers()


def test_what_a_provider_lists_and_counts_is_told() -> None:
    """The guide about models and tokens says of each provider what it declares."""
    text = (DOCS / "how-to/count-tokens-and-list-models.md").read_text(encoding="utf-8")
    table = dict(
        re.findall(r"^\| ([A-Z][\w ]+|a compatible server|local) \| [^|]+ \| (yes|no) \|$", text, re.MULTILINE)
    )
    providers = {name.lower().partition(" ")[0]: told == "yes" for name, told in table.items()}
    providers["openai-compatible"] = providers.pop("a")
    assert set(providers) == set(known_providers())
    for name, is_told in providers.items():
        provider = Client(config={"providers": {name: {"base_url": "http://127.0.0.1:1"}}}).provider(name)
        assert (provider.capabilities_for("any").token_counting == "supported") == is_told, name
