"""What requests become: contents, tools, knobs, and the form of the answer."""

from __future__ import annotations

import pytest

from core_llm import (
    FilePart,
    InvalidRequestError,
    Message,
    NamedToolChoice,
    OutputSchema,
    ProviderPart,
    ReasoningPart,
    RefusalPart,
    Settings,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
    UnsupportedError,
)
from core_llm.wire import JSONObject, JSONValue, as_objects

from .answers import encoded, request

PNG = FilePart(media_type="image/png", data=b"\x89PNG")
WEATHER = ToolSpec(
    name="weather",
    description="Weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)


def call(call_id: str, name: str = "weather", **arguments: JSONValue) -> ToolCallPart:
    """Return a call that was made by another provider's model."""
    return ToolCallPart(id=call_id, name=name, arguments=arguments)


def contents(*messages: Message, model: str = "gemini-2.5-flash") -> list[JSONObject]:
    """Return the contents that messages become."""
    return as_objects(encoded(request(*messages, model=model))["contents"])


def test_the_smallest_request() -> None:
    """One text is one content of the user, and nothing else is sent."""
    assert encoded(request(Message.user("Hi"))) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_instructions_have_a_place_of_their_own() -> None:
    """Messages of the system are one instruction, wherever they stand."""
    body = encoded(request(Message.system("Be brief."), Message.user("Hi"), Message.system("Be kind.")))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_instructions_are_texts_and_not_all() -> None:
    """A picture has no place in an instruction, and without a message of the user there is nothing to answer."""
    with pytest.raises(InvalidRequestError, match="texts only"):
        encoded(request(Message.system("See:", PNG), Message.user("Hi")))
    with pytest.raises(InvalidRequestError, match="message of the user"):
        encoded(request(Message.system("Be brief.")))


def test_neighbours_of_one_role_are_one_content() -> None:
    """The API wants roles by turns; empty texts are left out."""
    assert contents(
        Message.user("a"), Message.user("b", ""), Message.assistant("c"), Message.assistant(RefusalPart(text="d"))
    ) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
    ]


def test_files_by_bytes_address_and_id() -> None:
    """Bytes go inline; an address as it is; an id is the name of an uploaded file, or a whole address."""
    files = [
        PNG,
        FilePart.from_url("https://a.example/b.pdf"),
        FilePart.from_url("https://youtu.be/x"),
        FilePart.from_url("data:image/gif;base64,R0lG"),
        FilePart(media_type="video/mp4", file_id="files/abc"),
        FilePart(media_type="video/mp4", file_id="gs://bucket/v.mp4"),
    ]
    base = "https://generativelanguage.googleapis.com/v1beta/files/"
    assert contents(Message.user(*files)) == [
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a.example/b.pdf"}},
                {"fileData": {"fileUri": "https://youtu.be/x"}},
                {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": f"{base}abc"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/v.mp4"}},
            ],
        }
    ]


def test_bytes_need_an_exact_media_type() -> None:
    """The API refuses a pattern."""
    with pytest.raises(InvalidRequestError, match="exact media type"):
        contents(Message.user(FilePart(media_type="image/*", data=b"x")))


def test_what_belongs_to_a_part_goes_with_it() -> None:
    """How a video is sampled is said in the part's state."""
    sampled: dict[str, JSONValue] = {"gemini": {"videoMetadata": {"fps": 0.5}}}
    video = FilePart(media_type="video/mp4", url="gs://b/v.mp4", provider_state=sampled)
    data: JSONObject = {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}
    assert contents(Message.user(video)) == [
        {"role": "user", "parts": [{"fileData": data, "videoMetadata": {"fps": 0.5}}]}
    ]


def test_results_stand_alone_and_in_the_order_of_their_calls() -> None:
    """All results of a turn are one content, what follows is another, and ids made up elsewhere are not sent."""
    conversation = (
        Message.user("Hi"),
        Message.assistant(call("c1", city="Oslo"), call("c2", city="Rome")),
        Message.tool(ToolResultPart(tool_call_id="c2", content="12 C")),
        Message.tool(ToolResultPart(tool_call_id="c1", content="no such city", is_error=True)),
        Message.user("Well?"),
    )
    assert contents(*conversation)[1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}},
                {"functionCall": {"name": "weather", "args": {"city": "Rome"}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"error": "no such city"}}},
                {"functionResponse": {"name": "weather", "response": {"output": "12 C"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "Well?"}]},
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("12 C", {"output": "12 C"}),
        ('{"temp": 12}', {"output": {"temp": 12}}),
        (' [1, "a"]', {"output": [1, "a"]}),
        ("12", {"output": "12"}),
        ("{broken", {"output": "{broken"}),
        ('{"$ref": "#/x"}', {"output": '{"$ref": "#/x"}'}),
        ((TextPart(text="a"), TextPart(text="b")), {"output": "a\nb"}),
        ("", {"output": ""}),
    ],
)
def test_what_a_tool_answered(content: str | tuple[TextPart, ...], response: JSONObject) -> None:
    """An object or a list is sent as such, unless the API would take a key in it for a reference to a file."""
    result = ToolResultPart(tool_call_id="c1", name="weather", content=content)
    assert contents(Message.tool(result)) == [
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": response}}]}
    ]


def test_a_result_needs_the_name_of_its_tool() -> None:
    """Without the call and without a name the API could not tell whose result it is."""
    with pytest.raises(InvalidRequestError, match="'c9'"):
        contents(Message.tool(ToolResultPart(tool_call_id="c9", content="12")))


def test_files_of_results() -> None:
    """Gemini 3 takes pictures inside the result; older models have them after it."""
    answered = Message.tool(ToolResultPart(tool_call_id="c1", name="draw", content=(PNG,)))
    inline: JSONObject = {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}
    inside: JSONObject = {"name": "draw", "response": {}, "parts": [inline]}
    assert contents(answered, model="gemini-3-flash") == [{"role": "user", "parts": [{"functionResponse": inside}]}]
    assert contents(answered) == [
        {"role": "user", "parts": [{"functionResponse": {"name": "draw", "response": {}}}]},
        {"role": "user", "parts": [{"text": "Files returned by the call of draw:"}, inline]},
    ]


def test_gemini_3_is_told_that_a_call_was_never_signed() -> None:
    """Calls of another provider have no signature, which Gemini 3 wants of the first of a turn."""
    foreign = Message.assistant(call("c1"), call("c2"))
    [_, answer] = contents(Message.user("Hi"), foreign, model="models/gemini-3.1-pro-preview")
    assert answer["parts"] == [
        {"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"},
        {"functionCall": {"name": "weather", "args": {}}},
    ]


def test_what_has_no_place_is_left_out() -> None:
    """Thoughts without a signature, what other providers made opaque, and calls that were cut off."""
    parts = (
        ReasoningPart(text="Hm", provider_state={"other": {"signature": "x"}}),
        ProviderPart(provider="other", type="item", data={"x": 1}),
        ToolCallPart(id="c1", name="weather", raw_arguments='{"ci', is_complete=False),
    )
    assert contents(Message.user("Hi"), Message(role="assistant", parts=parts), Message.user("So?")) == [
        {"role": "user", "parts": [{"text": "Hi"}, {"text": "So?"}]}
    ]


def test_every_knob_has_its_field() -> None:
    """Sampling and bounds are in the generation config, the tier beside it."""
    settings = Settings(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_tokens=100,
        stop=("END",),
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        top_logprobs=3,
        service_tier="flex",
    )
    body = encoded(request(settings=settings))
    assert body["serviceTier"] == "flex"
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 100,
        "stopSequences": ["END"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_a_knob_without_a_field_is_an_error() -> None:
    """Nothing that is asked for is silently lost."""
    with pytest.raises(UnsupportedError, match="parallel_tool_calls"):
        encoded(request(settings=Settings(parallel_tool_calls=False)))


@pytest.mark.parametrize(
    ("model", "settings", "thinking"),
    [
        ("gemini-2.5-flash", Settings(reasoning_effort="low"), {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", Settings(reasoning_effort="none"), {"thinkingBudget": 0}),
        ("gemini-2.5-flash", Settings(reasoning_effort="xhigh"), {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", Settings(reasoning_effort="xhigh"), {"thinkingBudget": 32768, "includeThoughts": True}),
        ("gemini-2.5-pro", Settings(reasoning_budget=512), {"thinkingBudget": 512, "includeThoughts": True}),
        (
            "gemini-3-flash-preview",
            Settings(reasoning_effort="minimal"),
            {"thinkingLevel": "MINIMAL", "includeThoughts": True},
        ),
        (
            "gemini-3.1-pro-preview",
            Settings(reasoning_effort="minimal"),
            {"thinkingLevel": "LOW", "includeThoughts": True},
        ),
        ("gemini-flash-latest", Settings(reasoning_effort="high"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3-flash-preview", Settings(reasoning_budget=512), {"thinkingBudget": 512, "includeThoughts": True}),
    ],
)
def test_how_much_to_think(model: str, settings: Settings, thinking: JSONObject) -> None:
    """From Gemini 3 on an effort is a level, before it a number of tokens; summaries come with it."""
    assert encoded(request(model=model, settings=settings))["generationConfig"] == {"thinkingConfig": thinking}


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash-preview"])
@pytest.mark.parametrize("settings", [Settings(reasoning_effort="none"), Settings(reasoning_budget=0)])
def test_some_models_cannot_but_think(model: str, settings: Settings) -> None:
    """Asking them not to is an error before anything is sent."""
    with pytest.raises(UnsupportedError, match="cannot be kept from thinking"):
        encoded(request(model=model, settings=settings))


def test_effort_or_budget() -> None:
    """The API takes one of both."""
    with pytest.raises(InvalidRequestError, match="not both"):
        encoded(request(settings=Settings(reasoning_effort="low", reasoning_budget=9)))


def test_tools_are_declared_with_their_json_schema() -> None:
    """Newer models take JSON schema as it is."""
    assert encoded(request(tools=(WEATHER,)))["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Weather of a city.",
                    "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
                }
            ]
        }
    ]


def test_tools_of_older_models_are_declared_in_their_language() -> None:
    """A tool without parameters has no schema there, for an empty object is refused."""
    body = encoded(request(model="gemini-2.0-flash", tools=(WEATHER, ToolSpec(name="now"))))
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "propertyOrdering": ["city"]}
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Weather of a city.", "parameters": schema},
                {"name": "now", "description": ""},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (NamedToolChoice(name="weather"), {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_whether_tools_are_called(choice: object, calling: JSONObject) -> None:
    """Each choice is a mode."""
    body = encoded(request(tools=(WEATHER,), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": calling}


def test_strict_tools_are_validated() -> None:
    """The API has one mode for all tools, in which it holds calls to their schemas."""
    strict = WEATHER.model_copy(update={"is_strict": True})
    assert encoded(request(tools=(strict,)))["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert "toolConfig" not in encoded(request(tools=(WEATHER,)))


def test_json_as_the_form_of_the_answer() -> None:
    """Any JSON, or JSON after a schema, in the language that the model takes."""
    schema: JSONObject = {"type": "object", "properties": {"n": {"type": "integer"}}}
    output = OutputSchema(json_schema=schema, description="A number.")
    described = {"description": "A number."}
    assert encoded(request(output="json"))["generationConfig"] == {"responseMimeType": "application/json"}
    assert encoded(request(output=output))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema | described,
    }
    own = OutputSchema(json_schema=schema | {"description": "Its own."}, description="Another.")
    assert encoded(request(output=own))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": own.json_schema,
    }
    reduced = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "propertyOrdering": ["n"]}
    assert encoded(request(model="gemini-2.0-flash", output=output))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseSchema": reduced | described,
    }
