"""Local: models in this process, run by llama.cpp. From a request to events, by way of the engine's chunks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from core_llm import (
    Capabilities,
    InvalidSettingError,
    LocalChannel,
    LocalProvider,
    Provider,
    ProviderConfig,
    Request,
    hookimpl,
)
from core_llm.wire import GRAMMAR_SCHEMA, ChatCompletions, Exchange, JSONObject, ModelInfo
from plugin_local._engine import LocalEngine
from plugin_local._native import EngineOptions
from plugin_local._weights import KNOWN_MODELS, locate

KNOBS = "temperature top_p top_k max_tokens stop seed presence_penalty frequency_penalty logprobs top_logprobs".split()
NOT_ASKED = "the suite has no scenario of it for a model in this process; tests/test_settings.py shows it"
_NO_TOOLS = Capabilities(
    tools="unsupported",
    tool_choice="unsupported",
    parallel_tools="unsupported",
    reasoning="unsupported",
    settings=dict.fromkeys(("reasoning_effort", "parallel_tool_calls"), "unsupported"),
)


class LocalChat(ChatCompletions):
    """Chat Completions as llama.cpp has it."""

    schemas = GRAMMAR_SCHEMA

    settings_fields: Mapping[str, str] = {
        **{name: field for name, field in ChatCompletions.settings_fields.items() if name != "service_tier"},
        "max_tokens": "max_tokens",
    }


class Local(LocalProvider):
    """Models that llama.cpp runs in this process: the default one, ``local:smollm2``, or any GGUF file."""

    name = "local"
    options: ClassVar[Mapping[str, str]] = {
        "context_length": "tokens, prompt and answer together, of one call (default: the model's own, at most 8192)",
        "threads": "threads to compute with (default: half of the processors, at most 8)",
        "batch_size": "tokens of the prompt read in one go; a stop is seen after each (default: 64)",
        "parallel": "calls answered at the same time, each with a context of its own (default: 2)",
        "gpu_layers": "layers to put on a GPU, if xllamacpp has one; -1 for as many as fit (default), 0 for none",
        "cache_folder": "where fetched weights are kept (default: models in the platform's cache folder for core-llm)",
    }
    capabilities: ClassVar[Mapping[str, Capabilities]] = {
        "*": Capabilities(
            streaming="supported",
            system_prompt="supported",
            structured_output="supported",
            json_output="supported",
            image_input="unsupported",
            audio_input="unsupported",
            document_input="unsupported",
            video_input="unsupported",
            model_listing="supported",
            embeddings="unsupported",
            token_counting="unsupported",
            continuation="supported",
            usage="supported",
            cached_usage="supported",
            citations="unsupported",
            refusals="unsupported",
            settings={
                **dict.fromkeys(KNOBS, "supported"),
                **dict.fromkeys(("reasoning_budget", "service_tier", "cache_key", "cache_ttl"), "unsupported"),
            },
            untested=dict.fromkeys(
                ("system_prompt", "json_output", "continuation", "cached_usage", "model_listing"), NOT_ASKED
            )
            | {f"settings.{name}": NOT_ASKED for name in KNOBS if name != "max_tokens"},
        ),
        "": _NO_TOOLS,
        "default": _NO_TOOLS,
        "smollm2": _NO_TOOLS,  # its template has no place for tools, so that it would never hear of them
    }

    def __init__(self, config: ProviderConfig | None = None, *, name: str | None = None) -> None:
        super().__init__(config, name=name)
        self._chat = LocalChat(self.endpoint, self.config.options)
        self._engine_options = self._read_engine_options()
        folder = self.config.options.get("cache_folder")
        self._folder = None if folder is None else Path(str(folder)).expanduser()

    def prepare_local(self, request: Request, channel: LocalChannel) -> None:
        """Fetch the model if need be, and load it if need be."""
        self._engine(request, channel)

    def run_local(self, request: Request, channel: LocalChannel) -> None:
        """Answer."""

        def should_stop() -> bool:
            return channel.is_cancelled

        engine = self._engine(request, channel)
        decoder = self._chat.decoder(request)
        engine.chat(
            self._body(request),
            lambda chunk: not channel.emit(decoder.feed_object(chunk)),
            should_stop=should_stop,
        )
        channel.emit(decoder.close())
        if decoder.is_complete and decoder.finish_reason is not None:
            channel.finish(
                decoder.finish_reason,
                raw_finish_reason=decoder.raw_finish_reason,
                usage=decoder.usage,
                id=decoder.id,
                model=decoder.model,
                metadata=decoder.metadata,
            )

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models whose weights can be fetched; any GGUF file is one too."""
        yield from ()
        return tuple(
            ModelInfo(id=name, name=source.name, context_length=source.context_length)
            for name, source in KNOWN_MODELS.items()
        )

    def _engine(self, request: Request, channel: LocalChannel) -> LocalEngine:
        """Return the engine that has the model; loaded once in a process."""
        path = locate(request.model, folder=self._folder, should_stop=lambda: channel.is_cancelled)
        return LocalEngine.open(path, self._engine_options)

    def _body(self, request: Request) -> JSONObject:
        encoded = self._chat.encode_request(request).body
        body = encoded if isinstance(encoded, dict) else {}
        return {**body, **request.provider_options.get(self.endpoint, {})}

    def _read_engine_options(self) -> EngineOptions:
        numbers: dict[str, int] = {}
        for name in ("context_length", "threads", "batch_size", "parallel", "gpu_layers"):
            value = self.config.options.get(name)
            try:
                if value is not None:
                    numbers[name] = int(str(value))
            except ValueError:
                where = f"providers.{self.endpoint}.options.{name}"
                raise InvalidSettingError(f"{where} is {value!r}; it takes a whole number") from None
        return EngineOptions(**numbers)


@hookimpl
def core_llm_register_providers() -> list[type[Provider] | Provider]:
    """Offer the provider."""
    return [Local]
