"""Link: one server, connected as long as it is open: called anew when it is lost, with growing pauses.

A request that was under way is never repeated: nobody knows what it did.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from core_llm import CoreLLMError, ToolSource
from plugin_mcp._errors import MCPConnectionError, MCPServerError
from plugin_mcp._questions import Elicit, Sampling, asks_model, asks_user
from plugin_mcp._settings import ServerSettings

if TYPE_CHECKING:
    from plugin_mcp._session import Callbacks, Session

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0
"""Seconds before a lost server is called anew; doubled each time."""
HEALTHY = 60.0
"""Seconds after which a connection counts as a good one, so that the pauses begin anew."""
MASKED = "[secret]"
SHORTEST_SECRET = 4
logger = logging.getLogger("core_llm.mcp")


class Link(ToolSource):
    """One server.

    Attributes:
        settings: How it is reached.
    """

    def __init__(
        self, name: str, settings: ServerSettings, *, sampling: Sampling | None, elicit: Elicit | None
    ) -> None:
        super().__init__(name)
        self.settings = settings
        self._sampling = sampling
        self._elicit = elicit
        self._session: Session | None = None
        self._failure: MCPServerError | None = None
        self._has_begun = False
        self._connected: anyio.Event
        self._wanted: anyio.Event
        self._changed: anyio.Event

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._session is not None

    @abstractmethod
    async def _refresh(self, session: Session) -> None:
        """List the tools and offer them."""

    async def serve(self, started: Callable[[], None]) -> None:
        """Be connected until cancelled.

        Raises:
            MCPServerError: The first connection failed; says why.
        """
        self._connected, self._wanted, self._changed = anyio.Event(), anyio.Event(), anyio.Event()
        failure: MCPServerError
        self._failure, self._has_begun, tries = None, False, 0
        while True:
            since = anyio.current_time()
            try:
                await self._connection(started)
                failure = MCPConnectionError("the connection was lost", server=self.name)
            except MCPServerError as error:
                if not self._has_begun:
                    raise
                failure = error
            tries = 1 if anyio.current_time() - since > HEALTHY else tries + 1
            self._failure = failure
            logger.warning("%s", failure.message)
            if tries > self.settings.reconnects:
                self._wanted = anyio.Event()
                await self._wanted.wait()
                tries = 0
            else:
                await anyio.sleep(min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE))

    async def _connection(self, started: Callable[[], None]) -> None:
        """Connect, and return when the connection is lost.

        Raises:
            MCPServerError: There was none.
        """
        from plugin_mcp import _session  # noqa: PLC0415  # the SDK is heavy, and needed only now

        failure: MCPServerError
        try:
            async with _session.opened(self.name, self.settings, self._callbacks(), self.scrubbed) as session:
                await self._refresh(session)
                self._session = session
                session.gone.then = self._forget
                self._connected.set()
                if not self._has_begun:
                    self._has_begun = True
                    started()
                await self._follow(session)
        except Exception as error:  # noqa: BLE001  # the SDK may raise anything, and in groups
            failure = _session.translated(error, self.name, self.scrubbed)
        else:
            return
        finally:
            self._forget()
        raise failure

    def _forget(self) -> None:
        """Let requests wait for the next connection."""
        if self._session is not None:
            self._session, self._connected = None, anyio.Event()

    async def _follow(self, session: Session) -> None:
        """List the tools again whenever they change, until the connection is lost."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_listing, session)
            await session.gone.wait()
            group.cancel_scope.cancel()

    async def _keep_listing(self, session: Session) -> None:
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            try:
                await self._refresh(session)
            except CoreLLMError as error:  # of the server, or of the file of pins
                logger.warning("%s", error.message)

    async def _opened_session(self) -> Session:
        """Return the connection; a lost one is waited for.

        Raises:
            MCPConnectionError: There is none, and none comes.
        """
        if self._session is None:
            self._wanted.set()
            with anyio.move_on_after(self.settings.connect_timeout):
                await self._connected.wait()
        if self._session is None:
            raise self._failure or MCPConnectionError("it is not connected", server=self.name)
        return self._session

    def _callbacks(self) -> Callbacks:
        from plugin_mcp._session import Callbacks  # noqa: PLC0415  # as above

        return Callbacks(
            None if self._sampling is None else asks_model(self.name, self._sampling),
            None if self._elicit is None else asks_user(self.name, self._elicit),
            lambda: self._changed.set(),  # noqa: PLW0108  # another event each time
        )

    def scrubbed(self, text: str) -> str:
        """Return a text without what is secret of this server."""
        for secret in self.settings.secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, MASKED)
        return text
