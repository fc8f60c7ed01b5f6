"""A server for the tests, on the framework of the SDK; run as a program: ``server.py [stdio | http PORT]``."""

import os
import sys
from typing import Annotated

import anyio
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Image, MCPServer, Resolve, Sample
from mcp_types import CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("for tests", log_level="ERROR")
PIXEL = bytes.fromhex("89504e470d0a1a0a")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def picture() -> Image:
    """Show a picture."""
    return Image(data=PIXEL, format="png")


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@server.tool()
def long(size: int) -> str:
    """Say much."""
    return "x" * size


@server.tool()
def environment() -> list[str]:
    """List the names of the environment."""
    return sorted(os.environ)


@server.tool()
def process() -> int:
    """Tell the process."""
    return os.getpid()


@server.tool()
def die() -> str:
    """End the process in the middle of a call."""
    sys.stderr.write("out of cheese\n")
    sys.stderr.flush()
    os._exit(3)


@server.tool()
async def steps(context: Context) -> str:
    """Say how far it has come."""
    for done in (1, 2):
        await context.report_progress(done, 2, f"step {done}")
    return "done"


@server.tool()
async def hang(note: str) -> str:
    """Never answer, and note when that is stopped."""
    await anyio.Path(note).write_text("running", encoding="utf-8")
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.Path(note).write_text("stopped", encoding="utf-8")
    return "never"


async def tell(context: Context) -> None:
    """Say that the tools have changed, to clients of both kinds."""
    await context.notify_tools_changed()
    await context.session.send_tool_list_changed()


@server.tool()
async def learn(context: Context, name: str, description: str = "A new one.") -> str:
    """Learn a tool, or another word for it."""

    def new(word: str) -> str:
        return f"{name}: {word}"

    if name in {tool.name for tool in await server.list_tools()}:
        server.remove_tool(name)
    server.add_tool(new, name=name, description=description)
    await tell(context)
    return "learned"


@server.tool()
async def forget(context: Context, name: str) -> str:
    """Forget a tool."""
    server.remove_tool(name)
    await tell(context)
    return "forgotten"


class Age(BaseModel):
    """What the user is asked."""

    age: int


def how_old() -> Elicit[Age]:
    """Make the question."""
    return Elicit("How old are you?", Age)


@server.tool()
def ask_user(age: Annotated[ElicitationResult[Age], Resolve(how_old)]) -> str:
    """Ask the user."""
    return f"{age.action} {getattr(age, 'data', None)}"


def question(text: str) -> Sample:
    """Make the request."""
    return Sample(
        [SamplingMessage(role="user", content=TextContent(text=text))], max_tokens=5000, system_prompt="Be brief."
    )


@server.tool()
def ask_model(text: str, answer: Annotated[CreateMessageResult, Resolve(question)]) -> str:
    """Ask the client's model."""
    return f"{answer.model} says {getattr(answer.content, 'text', '')!r} to {text!r}"


@server.resource("note://hello")
def note() -> str:
    """A note."""
    return "hello"


@server.resource("note://pixel", mime_type="image/png")
def pixel() -> bytes:
    """A picture."""
    return PIXEL


@server.prompt()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Greet {name}."


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run("stdio")
