"""What a wire must not use, since the core does it: the network, the clock, chance, the environment, files, threads."""

from __future__ import annotations

MODULES = {
    **dict.fromkeys(
        "aiohttp ftplib grpc http.client http.server httpx httpx2 requests select selectors smtplib socket "
        "socketserver ssl urllib.request urllib3 websockets xmlrpc".split(),
        "the network; yield or return a WireRequest, and the core sends it",
    ),
    **dict.fromkeys(
        "anyio asyncio concurrent.futures multiprocessing queue sched signal threading trio _thread".split(),
        "threads and tasks; a wire is plain functions, and the core makes them sync and async",
    ),
    **dict.fromkeys(["time"], "the clock; the core holds limits, and hands `now` to Auth.sign"),
    **dict.fromkeys(
        "random secrets".split(), "chance; make what must be unique of the answer and the part's place in it"
    ),
    **dict.fromkeys(
        "os shutil glob fileinput tempfile dotenv".split(), "files and the environment; configuration has both"
    ),
    **dict.fromkeys(
        "anthropic cohere google.genai google.generativeai groq huggingface_hub langchain langchain_core litellm "
        "mistralai ollama openai replicate together vertexai xai_sdk".split(),
        "a vendor's own client; what it does is the core's",
    ),
    **dict.fromkeys("subprocess pty".split(), "other programs"),
}
"""Module → what it is for, and what to do without it."""
HARMLESS = frozenset({"os.path"})
"""Modules in a forbidden one that only compute."""
CALLS = {
    "datetime.now": "the clock",
    "datetime.utcnow": "the clock",
    "datetime.today": "the clock",
    "date.today": "the clock",
    "uuid.uuid1": "the clock",
    "uuid.uuid4": "chance",
    "builtins.open": "files",
    "io.open": "files",
    "builtins.input": "the terminal",
    "builtins.print": "the terminal",
    "builtins.id": "the memory's addresses, which are never the same again",
    "builtins.hash": "a seed that each process has its own of; zlib.crc32 gives the same everywhere",
}
"""Function → what it asks. They are of modules that may be used otherwise."""


def why_not(module: str) -> str | None:
    """Return what a module is for, if a wire must not use it."""
    if module in HARMLESS:
        return None
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        reason = MODULES.get(".".join(parts[:length]))
        if reason is not None:
            return reason
    return None
