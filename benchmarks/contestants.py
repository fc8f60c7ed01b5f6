"""Who is measured: raw httpx with orjson (the limit), and core-llm as a user would write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

KEY = "sk-benchmark"
MESSAGES = [{"role": "user", "content": "Say hello."}]
Note = Callable[[str], None]


class Splitter:
    """Bytes in, payloads of ``data:`` lines out; linear; nothing of the grammar beyond what the server here sends."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes."""
        end = data.rfind(b"\n")
        if end < 0:
            self.parts.append(data)
            return []
        self.parts.append(data[:end])
        whole = b"".join(self.parts)
        self.parts = [data[end + 1 :]]
        return [line[6:] for line in whole.split(b"\n") if line.startswith(b"data: ")]


class Raw:
    """What a careful engineer writes by hand: one client, bytes as they come, split, orjson, a dict walk."""

    package = "httpx"
    kept: int | None = 100
    """As many connections as core-llm keeps."""

    def open(self, base: str) -> None:
        """Make the clients."""
        from importlib import import_module

        import orjson

        lib = import_module(self.package)
        self.loads = orjson.loads
        self.url = base + "/v1/chat/completions"
        self.headers = {"authorization": f"Bearer {KEY}"}
        limits = lib.Limits(max_connections=None, max_keepalive_connections=self.kept)
        self.client = lib.AsyncClient(limits=limits, timeout=600)
        self.sync_client = lib.Client(limits=limits, timeout=600)

    def body(self, model: str, *, is_stream: bool) -> dict[str, object]:
        """The request."""
        options = {"stream_options": {"include_usage": True}} if is_stream else {}
        return {"model": model, "messages": MESSAGES, "stream": is_stream, **options}

    async def objects(self, model: str) -> AsyncIterator[dict]:
        """The frames of a stream."""
        feed, loads = Splitter().feed, self.loads
        async with self.client.stream(
            "POST", self.url, headers=self.headers, json=self.body(model, is_stream=True)
        ) as r:
            async for data in r.aiter_bytes():
                for line in feed(data):
                    if line != b"[DONE]":
                        yield loads(line)

    async def stream(self, model: str, note: Note) -> None:
        """Call `note` with each text."""
        feed, loads = Splitter().feed, self.loads
        async with self.client.stream(
            "POST", self.url, headers=self.headers, json=self.body(model, is_stream=True)
        ) as r:
            async for data in r.aiter_bytes():
                for line in feed(data):
                    if line == b"[DONE]":
                        continue
                    choices = loads(line)["choices"]
                    text = choices[0]["delta"].get("content") if choices else None
                    if text:
                        note(text)

    def stream_sync(self, model: str, note: Note) -> None:
        """The same, sync."""
        feed, loads = Splitter().feed, self.loads
        body = self.body(model, is_stream=True)
        with self.sync_client.stream("POST", self.url, headers=self.headers, json=body) as r:
            for data in r.iter_bytes():
                for line in feed(data):
                    if line == b"[DONE]":
                        continue
                    choices = loads(line)["choices"]
                    text = choices[0]["delta"].get("content") if choices else None
                    if text:
                        note(text)

    async def tool(self, model: str) -> str:
        """Return the arguments of the one tool call, gathered as a user would."""
        pieces = []
        async for frame in self.objects(model):
            calls = frame["choices"][0]["delta"].get("tool_calls") if frame["choices"] else None
            if calls:
                pieces.append(calls[0]["function"]["arguments"])
        return "".join(pieces)

    async def generate(self, model: str) -> str:
        """Return a plain answer's text."""
        r = await self.client.post(self.url, headers=self.headers, json=self.body(model, is_stream=False))
        return self.loads(r.content)["choices"][0]["message"]["content"]


class RawMany(Raw):
    """The same with a client for each fifty streams: what the HTTP library costs without its pool's share."""

    def open(self, base: str) -> None:
        """Make the first clients."""
        super().open(base)
        self.base = base
        self.crowd: list[Raw] = []
        self.begun = 0

    async def stream(self, model: str, note: Note) -> None:
        """Stream with the client whose turn it is."""
        if self.begun % 50 == 0:
            self.crowd.append(Raw())
            self.crowd[-1].open(self.base)
        self.begun += 1
        await Raw.stream(self.crowd[-1], model, note)


class Raw2(Raw):
    """The same with httpx2."""

    package = "httpx2"


class Core:
    """core-llm, with a plugin whose hooks are asked and answer nothing."""

    transport = "httpx"

    def open(self, base: str) -> None:
        """Make the clients."""
        from core_llm import AsyncClient, Client, Provider, TextDelta, hookimpl
        from core_llm.wire import ChatCompletions

        class Bench(Provider):
            name = "bench"
            base_url = base + "/v1"
            wire_format = ChatCompletions

        class Quiet:
            @hookimpl
            def core_llm_observe_stream(self) -> None:
                return None

            @hookimpl
            def core_llm_transform_events(self) -> None:
                return None

        options = {
            "providers": [Bench],
            "plugins": [Quiet()],
            "api_keys": {"bench": KEY},
            "transport": self.transport,
        }
        self.text_delta = TextDelta
        self.client = AsyncClient(**options)
        self.sync_client = Client(**options)

    async def stream(self, model: str, note: Note) -> None:
        """Call `note` with each text."""
        text_delta = self.text_delta
        async with self.client.stream("bench:" + model, "Say hello.") as stream:
            async for event in stream:
                if isinstance(event, text_delta):
                    note(event.text)

    def stream_sync(self, model: str, note: Note) -> None:
        """The same, sync."""
        text_delta = self.text_delta
        with self.sync_client.stream("bench:" + model, "Say hello.") as stream:
            for event in stream:
                if isinstance(event, text_delta):
                    note(event.text)

    async def tool(self, model: str) -> str:
        """Return the arguments of the one tool call, as the response has them."""
        async with self.client.stream("bench:" + model, "Say hello.") as stream:
            response = await stream.finish()
        return response.tool_calls[0].raw_arguments

    async def generate(self, model: str) -> str:
        """Return a plain answer's text."""
        return (await self.client.generate("bench:" + model, "Say hello.")).text


class Core2(Core):
    """The same on httpx2."""

    transport = "httpx2"


CONTESTANTS: dict[str, type[Raw | Core]] = {
    "raw httpx + orjson": Raw,
    "raw httpx, many clients": RawMany,
    "raw httpx2 + orjson": Raw2,
    "core-llm": Core,
    "core-llm on httpx2": Core2,
}
