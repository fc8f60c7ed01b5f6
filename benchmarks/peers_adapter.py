from adapters import KEY, Adapter

VENV = "core_llm"


class Core(Adapter):
    transport = "httpx"

    def _options(self, base):
        from core_llm import Provider
        from core_llm.wire import ChatCompletions

        class Bench(Provider):
            name = "bench"
            base_url = base + "/v1"
            wire_format = ChatCompletions

        return {"providers": [Bench], "api_keys": {"bench": KEY}, "transport": self.transport}

    async def aopen(self, base):
        from core_llm import AsyncClient

        self.c = AsyncClient(**self._options(base))

    async def aclose(self):
        await self.c.close()

    async def astream(self, model, cb=None):
        from core_llm import TextDelta

        n = chars = 0
        async with self.c.stream("bench:" + model, "Say hello.") as s:
            async for e in s:
                n += 1
                if type(e) is TextDelta:
                    chars += len(e.text)
                    if cb:
                        cb(e.text)
        return n, chars

    async def atool(self, model):
        from core_llm import ToolCallDelta

        args = []
        async with self.c.stream("bench:" + model, "Say hello.") as s:
            async for e in s:
                if type(e) is ToolCallDelta:
                    args.append(e.arguments_delta)
        return len("".join(args))

    async def acomplete(self, model):
        return (await self.c.generate("bench:" + model, "Say hello.")).text

    def open(self, base):
        from core_llm import Client

        self.s = Client(**self._options(base))

    def stream(self, model, cb=None):
        from core_llm import TextDelta

        n = chars = 0
        with self.s.stream("bench:" + model, "Say hello.") as s:
            for e in s:
                n += 1
                if type(e) is TextDelta:
                    chars += len(e.text)
        return n, chars


class Core2(Core):
    transport = "httpx2"


COLD = "import core_llm; c = core_llm.AsyncClient(api_keys={'openai': 'x'})"
CONTESTANTS = {
    "core-llm": {"cls": Core, "proto": "openai", "import": "import core_llm", "cold": COLD},
    "core-llm/httpx2": {"cls": Core2, "proto": "openai"},
}
