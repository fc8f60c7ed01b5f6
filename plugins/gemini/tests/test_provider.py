"""Gemini and Vertex: where requests go, who signs them, what models are declared not to take, listing and counting."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator

import httpx
import pytest

from core_llm import (
    AsyncClient,
    Client,
    ConfigError,
    InvalidRequestError,
    MalformedResponseError,
    Message,
    Provider,
    ProviderConfig,
    Request,
    Response,
    ToolSpec,
    UnsupportedError,
)
from core_llm.wire import Exchange, JSONObject, JSONValue, WireResponse
from plugin_gemini import Gemini, Vertex

from .answers import USAGE, chunk, request

KEY = "made-up-key-0123"
ANSWER = chunk({"text": "Hello"}, finish="STOP", usage=USAGE)


def served(seen: list[httpx.Request]) -> httpx.MockTransport:
    """Return a socket that keeps what it is sent, and answers with a greeting in the form that was asked for."""

    def answer(asked: httpx.Request) -> httpx.Response:
        seen.append(asked)
        if asked.url.params.get("alt") == "sse":
            events = f"data: {json.dumps(ANSWER)}\r\n\r\n"
            return httpx.Response(200, text=events, headers={"content-type": "text/event-stream"})
        return httpx.Response(200, json=ANSWER)

    return httpx.MockTransport(answer)


def vertex(**options: JSONValue) -> Vertex:
    """Return the provider for a project."""
    return Vertex(ProviderConfig(options={"project": "p1", **options}))


def run(
    exchange: Exchange[object], *bodies: JSONObject
) -> tuple[list[tuple[str, str, dict[str, str], JSONValue]], object]:
    """Answer an exchange with bodies; return what it asked (method, path, query, body), and its value."""
    asked = []
    steps: Generator[object, WireResponse, object] = exchange
    wired = next(exchange)
    for body in bodies:
        assert not isinstance(wired.body, bytes)
        asked.append((wired.method, wired.path, wired.query, wired.body))
        try:
            wired = exchange.send(WireResponse(200, {}, json.dumps(body).encode()))
        except StopIteration as end:
            return asked, end.value
    steps.close()
    raise AssertionError("the exchange asks for more")


def test_both_providers_are_found() -> None:
    """The package offers two providers by name."""
    with Client() as client:
        assert [type(client.provider(name)) for name in ("gemini", "vertex")] == [Gemini, Vertex]


def test_a_plain_request_and_its_answer() -> None:
    """The model is in the address, the key in a header and nowhere else."""
    seen: list[httpx.Request] = []
    client = Client(providers=[Gemini], api_keys={"gemini": KEY}, http_client=httpx.Client(transport=served(seen)))
    response = client.generate("gemini:gemini-2.5-flash", "Hi", max_tokens=9)
    assert (response.text, response.model, response.provider) == ("Hello", "gemini-2.5-flash", "gemini")
    address = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    assert (seen[0].method, str(seen[0].url)) == ("POST", address)
    assert seen[0].headers["x-goog-api-key"] == KEY
    assert "authorization" not in seen[0].headers
    assert json.loads(seen[0].content) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"maxOutputTokens": 9},
    }


def test_a_streamed_request() -> None:
    """Streams have an address of their own, and are asked for as server-sent events."""
    seen: list[httpx.Request] = []
    client = Client(providers=[Gemini], api_keys={"gemini": KEY}, http_client=httpx.Client(transport=served(seen)))
    with client.stream("gemini:gemini-2.5-flash", "Hi") as stream:
        assert "".join(stream.iter_text()) == "Hello"
    assert seen[0].url.path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    assert dict(seen[0].url.params) == {"alt": "sse"}


def test_what_only_google_has() -> None:
    """Its own tools join the caller's; other fields go into the body, those of the configuration one by one."""
    seen: list[httpx.Request] = []
    client = Client(providers=[Gemini], api_keys={"gemini": KEY}, http_client=httpx.Client(transport=served(seen)))
    options: JSONObject = {
        "tools": [{"googleSearch": {}}],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]},
        "cachedContent": "cachedContents/c1",
    }
    tool = ToolSpec(name="now")
    client.generate("gemini:m", "Hi", top_k=3, tools=[tool], provider_options={"gemini": options})
    body = json.loads(seen[0].content)
    assert [list(item) for item in body["tools"]] == [["functionDeclarations"], ["googleSearch"]]
    assert body["generationConfig"] == {"topK": 3, "responseModalities": ["TEXT", "IMAGE"]}
    assert (body["safetySettings"], body["cachedContent"]) == (options["safetySettings"], "cachedContents/c1")


def test_vertex_signs_with_a_token_of_the_moment() -> None:
    """The callable is asked for each call, so that a token may expire."""
    seen: list[httpx.Request] = []
    tokens = iter(["token-number-1", "token-number-2"])
    client = Client(
        providers=[vertex(location="europe-west4")],
        api_keys={"vertex": lambda: next(tokens)},
        http_client=httpx.Client(transport=served(seen)),
    )
    for _ in range(2):
        assert client.generate("vertex:gemini-2.5-pro", "Hi").text == "Hello"
    assert [asked.headers["authorization"] for asked in seen] == ["Bearer token-number-1", "Bearer token-number-2"]
    assert str(seen[0].url) == (
        "https://europe-west4-aiplatform.googleapis.com"
        "/v1/projects/p1/locations/europe-west4/publishers/google/models/gemini-2.5-pro:generateContent"
    )


@pytest.mark.anyio
async def test_the_callable_may_be_async() -> None:
    """A token may come from the network."""
    seen: list[httpx.Request] = []

    async def token() -> str:
        return "token-number-1"

    given: Callable[[], Awaitable[str]] = token
    async with httpx.AsyncClient(transport=served(seen)) as http:
        client = AsyncClient(providers=[vertex()], api_keys={"vertex": given}, http_client=http)
        response: Response = await client.generate("vertex:gemini-2.5-pro", "Hi")
    assert (response.provider, seen[0].headers["authorization"]) == ("vertex", "Bearer token-number-1")


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
    ],
)
def test_where_a_location_is_served(location: str | None, host: str) -> None:
    """Each location has a host, and is in the path too."""
    provider = vertex() if location is None else vertex(location=location)
    path = provider.wire("m").encode_request(request(model="m")).path
    assert provider.url(path).startswith(f"https://{host}/v1/projects/p1/locations/{location or 'global'}/")


@pytest.mark.parametrize("location", ["evil.example/", "us-central1.evil.example", "US", 7])
def test_a_location_cannot_lead_elsewhere(location: JSONValue) -> None:
    """It becomes part of the host that is given a token."""
    with pytest.raises(ConfigError, match="location"):
        vertex(location=location)


def test_vertex_needs_a_project() -> None:
    """The error says which setting is missing."""
    with pytest.raises(ConfigError, match=r"providers\.vertex\.options\.project"):
        Vertex().wire("m").encode_request(request(model="m"))


@pytest.mark.parametrize(
    ("provider", "model", "path"),
    [
        (Gemini(), "tunedModels/mine", "/v1beta/tunedModels/mine:generateContent"),
        (Gemini(ProviderConfig(options={"api_version": "v1"})), "m", "/v1/models/m:generateContent"),
        (Gemini(), "a?b=c#d", "/v1beta/models/a%3Fb%3Dc%23d:generateContent"),
        (vertex(), "endpoints/77", "/v1/projects/p1/locations/global/endpoints/77:generateContent"),
        (
            vertex(),
            "meta/llama-4@001",
            "/v1/projects/p1/locations/global/publishers/meta/models/llama-4@001:generateContent",
        ),
        (
            vertex(),
            "projects/p2/locations/us/endpoints/7",
            "/v1/projects/p2/locations/us/endpoints/7:generateContent",
        ),
    ],
)
def test_names_of_models(provider: Provider, model: str, path: str) -> None:
    """A model may be named with its collection, its publisher, or in full."""
    asked = request(model=model, is_stream=False)
    assert provider.wire(model).encode_request(asked).path == path


@pytest.mark.parametrize("provider", [Gemini(), vertex()])
def test_a_name_cannot_climb(provider: Provider) -> None:
    """A model's name may come from outside, and stays within its folder."""
    with pytest.raises(InvalidRequestError, match="no name of a model"):
        provider.wire("m").encode_request(request(model="models/../cachedContents"))


def test_models_are_listed_page_by_page() -> None:
    """Each page says where the next one is."""
    first: JSONObject = {
        "models": [
            {
                "name": "models/gemini-2.5-flash",
                "displayName": "Gemini 2.5 Flash",
                "inputTokenLimit": 1048576,
                "outputTokenLimit": 65536,
            },
            {"displayName": "without a name"},
        ],
        "nextPageToken": "t2",
    }
    asked, models = run(Gemini().list_models(), first, {"models": [{"name": "tunedModels/mine"}]})
    assert [(method, path, query) for method, path, query, _ in asked] == [
        ("GET", "/v1beta/models", {"pageSize": "1000"}),
        ("GET", "/v1beta/models", {"pageSize": "1000", "pageToken": "t2"}),
    ]
    assert isinstance(models, tuple)
    assert [(one.id, one.name, one.context_length, one.max_output_tokens) for one in models] == [
        ("gemini-2.5-flash", "Gemini 2.5 Flash", 1048576, 65536),
        ("tunedModels/mine", None, None, None),
    ]


def test_vertex_lists_the_models_of_its_publisher() -> None:
    """The listing has another address and another field."""
    asked, models = run(vertex().list_models(), {"publisherModels": [{"name": "publishers/google/models/gemini-x"}]})
    assert asked[0][1] == "/v1beta1/publishers/google/models"
    assert isinstance(models, tuple)
    assert [(one.id, one.owned_by) for one in models] == [("gemini-x", "google")]


def test_a_listing_without_an_end_is_an_error() -> None:
    """A server that always has one more page is not followed for ever."""
    page: JSONObject = {"models": [], "nextPageToken": "again"}
    with pytest.raises(MalformedResponseError, match="without an end"):
        run(Gemini().list_models(), *[page] * 100)


COUNTED = Request(
    model="gemini-2.5-flash",
    messages=(Message.system("Be brief."), Message.user("Hi")),
    provider_options={
        "gemini": {"tools": [{"googleSearch": {}}]},
        "vertex": {"tools": [{"googleSearch": {}}], "safetySettings": []},
    },
)
SAID: JSONObject = {
    "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"googleSearch": {}}],
}


def test_tokens_are_counted() -> None:
    """The whole request is counted, instructions and tools included."""
    asked, total = run(Gemini().count_tokens(COUNTED), {"totalTokens": 31})
    path = "/v1beta/models/gemini-2.5-flash:countTokens"
    whole = {"generateContentRequest": {"model": "models/gemini-2.5-flash", **SAID}}
    assert (asked, total) == ([("POST", path, {}, whole)], 31)


def test_vertex_counts_what_it_can() -> None:
    """It takes the same fields side by side, and only those that can be counted."""
    asked, total = run(vertex().count_tokens(COUNTED), {"totalTokens": 31, "totalBillableCharacters": 9})
    path = "/v1/projects/p1/locations/global/publishers/google/models/gemini-2.5-flash:countTokens"
    assert (asked, total) == ([("POST", path, {}, SAID)], 31)


def test_no_count_is_an_error() -> None:
    """A missing figure is not 0."""
    with pytest.raises(MalformedResponseError, match="without a count"):
        run(Gemini().count_tokens(COUNTED), {})


@pytest.mark.parametrize(
    ("model", "feature", "support"),
    [
        ("gemini-2.5-flash", "tools", "supported"),
        ("gemini-2.5-flash", "settings.reasoning_effort", "supported"),
        ("gemini-2.5-flash", "settings.presence_penalty", "unsupported"),
        ("gemini-2.0-flash", "settings.presence_penalty", "supported"),
        ("gemini-2.0-flash", "settings.reasoning_effort", "unsupported"),
        ("gemini-2.5-flash-image", "tools", "unsupported"),
        ("gemma-3-27b-it", "system_prompt", "unsupported"),
        ("anything", "settings.parallel_tool_calls", "unsupported"),
        ("anything", "settings.cache_ttl", "unsupported"),
        ("anything", "token_counting", "supported"),
        ("anything", "tools", "unknown"),
    ],
)
def test_what_models_take_is_declared(model: str, feature: str, support: str) -> None:
    """What is documented is declared, for both services alike; the rest is unknown, and sent."""
    assert Gemini().capabilities_for(model).support(feature) == support
    assert Vertex().capabilities_for(model).support(feature) == support


def test_what_is_refused_is_not_sent() -> None:
    """A knob that the API does not have is an error before anything goes out."""
    seen: list[httpx.Request] = []
    client = Client(providers=[Gemini], api_keys={"gemini": KEY}, http_client=httpx.Client(transport=served(seen)))
    with pytest.raises(UnsupportedError, match="cache_key"):
        client.generate("gemini:gemini-2.5-flash", "Hi", cache_key="k")
    assert seen == []


def test_options_are_checked() -> None:
    """The schema language is one of two, and decides for every model."""
    with pytest.raises(ConfigError, match="schemas"):
        Gemini(ProviderConfig(options={"schemas": "openapi"}))
    reduced = Gemini(ProviderConfig(options={"schemas": "subset"})).wire("gemini-2.5-flash")
    tool = ToolSpec(name="f", parameters={"type": "object", "properties": {"a": {"type": "string"}}})
    body = reduced.encode_request(request(tools=(tool,))).body
    assert "parametersJsonSchema" not in json.dumps(body)


def test_the_address_may_be_another() -> None:
    """A proxy in front of either service is an address in the configuration."""
    config = ProviderConfig(base_url="https://proxy.example/google/", options={"project": "p1", "location": "us"})
    assert Vertex(config).url("/v1") == "https://proxy.example/google/v1"
