"""ServerSettings: how one server is reached and what it may do; from code, or from the configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from core_llm import InvalidSettingError

ApprovalWord = Literal["always", "never"]
RELAYED_RESULT = 1_000_000
SERVERS = "plugins.mcp.servers"
"""Where the configuration has them."""


class ServerSettings(BaseModel):
    """How one server is reached, and what it may do. Either a command or an address; the rest has careful defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str | None = None
    """The program to start; it is never given to a shell."""
    args: tuple[str, ...] = ()
    """Its arguments, one by one."""
    env: dict[str, SecretStr] = Field(default_factory=dict)
    """Its environment, besides HOME, LOGNAME, PATH, SHELL, TERM and USER; nothing else is inherited."""
    env_from: tuple[str, ...] = ()
    """Names of variables that it inherits too."""
    cwd: str | None = None
    """The folder it runs in."""
    url: str | None = None
    """The address of a server that speaks streamable HTTP."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every request."""
    headers_from: dict[str, str] = Field(default_factory=dict)
    """Header → the variable that has its value."""
    protocol: Literal["auto", "legacy"] = "auto"
    """``legacy`` for a server that the question for the newer protocol (2026-07-28) would disturb."""
    tools: tuple[str, ...] | None = None
    """The tools that are offered, by the server's names; all of them if not set."""
    prefix: str | None = None
    """What their names begin with, so that those of two servers differ; ``<name>_`` if not set."""
    approval: ApprovalWord = "always"
    """Whether calls have to be approved."""
    trusted_tools: tuple[str, ...] = ()
    """Tools whose calls need no approval, by the server's names."""
    timeout: float = Field(default=60.0, gt=0, lt=float("inf"))
    """Seconds that an answer may take."""
    connect_timeout: float = Field(default=30.0, gt=0, lt=float("inf"))
    """Seconds that starting and greeting it may take, and that a call waits for a lost server to come back."""
    max_result: int = Field(default=RELAYED_RESULT, gt=0)
    """Bytes that a result, resource or prompt may have; more is an error."""
    reconnects: int = Field(default=5, ge=0)
    """How often in a row a lost server is started or called anew; then it waits until a tool is called."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.url is None):
            msg = "give either command, to start a server, or url, to reach one"
            raise ValueError(msg)
        if self.command is not None and (self.headers or self.headers_from):
            msg = "headers are for servers with a url; a command is given env"
            raise ValueError(msg)
        if self.url is not None:
            if self.args or self.env or self.env_from or self.cwd:
                msg = "args, env, env_from and cwd are for servers with a command; one with a url is given headers"
                raise ValueError(msg)
            _check_address(self.url, has_headers=bool(self.headers or self.headers_from))
            _check_headers(self.headers)
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be in a message."""
        env, headers = ([value.get_secret_value() for value in table.values()] for table in (self.env, self.headers))
        after_scheme = (value.rpartition(" ")[2] for value in headers)  # of "Bearer abc", a server echoes "abc" alone
        return (*env, *headers, *after_scheme)


def checked(settings: Mapping[str, object], where: str) -> ServerSettings:
    """Return settings, checked.

    Raises:
        InvalidSettingError: One is unknown or wrong; says which and `where`, and shows no value.
    """
    try:
        return ServerSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join([where, *map(str, first["loc"])])
        wrong = InvalidSettingError(f"{name}: {first['msg'].removeprefix('Value error, ')}")
    # Not inside the block, so that nothing leads to pydantic's error, which holds the values.
    raise wrong


def configured(plugins: Mapping[str, object]) -> dict[str, ServerSettings]:
    """Return the servers of the configuration by name: the tables ``plugins.mcp.servers.<name>``.

    The variables that they name are not looked up: one that is not set concerns only who wants that server.

    Args:
        plugins: The settings of all plugins.

    Raises:
        InvalidSettingError: Something is wrong; says what.
    """
    section = plugins.get("mcp", {})
    if not isinstance(section, Mapping) or set(section) - {"servers"}:
        raise InvalidSettingError("plugins.mcp takes the table servers, and nothing else")
    servers = section.get("servers", {})
    if not isinstance(servers, Mapping):
        raise InvalidSettingError(f"{SERVERS} must be a table: server → its settings")
    found: dict[str, ServerSettings] = {}
    for name, given in servers.items():
        where = f"{SERVERS}.{name}"
        if not isinstance(given, Mapping):
            raise InvalidSettingError(f"{where} must be a table")
        found[str(name)] = checked(given, where)
    return found


def with_variables(settings: ServerSettings, variable: Callable[[str], str | None], where: str) -> ServerSettings:
    """Return settings with the values of the variables that they name.

    Args:
        settings: Those of one server.
        variable: Looks a variable of the environment up.
        where: What messages call the settings.

    Raises:
        InvalidSettingError: A variable is not set, or holds what cannot be sent.
    """
    env, headers = dict(settings.env), dict(settings.headers)
    for table, wanted in ((env, {name: name for name in settings.env_from}), (headers, settings.headers_from)):
        for name, source in wanted.items():
            value = variable(source)
            if value is None:
                raise InvalidSettingError(f"{where} names the variable {source}, which is not set")
            table[name] = SecretStr(value)
    given = settings.model_dump(exclude_unset=True)
    return checked({**given, "env": env, "headers": headers, "env_from": (), "headers_from": {}}, where)


def _check_address(url: str, *, has_headers: bool) -> None:
    """Refuse an address that is none, and one that would show headers to everybody on the way."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = "url must be an address such as https://example.com/mcp"
        raise ValueError(msg)
    if parts.username or parts.password:
        msg = "url must hold no user and password; put them into headers"
        raise ValueError(msg)
    if has_headers and parts.scheme == "http" and not is_loopback(parts.hostname):
        msg = "headers are sent over https only, or to this machine"
        raise ValueError(msg)


def _check_headers(headers: Mapping[str, SecretStr]) -> None:
    """Refuse what no header may hold, such as a line break: the transport would refuse it, and show the value."""
    for name, value in headers.items():
        text = value.get_secret_value()
        if not (text.isascii() and text.isprintable()):
            msg = f"the header {name} holds a character that cannot be sent, such as a line break at its end"
            raise ValueError(msg)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
