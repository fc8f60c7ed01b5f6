"""Cassettes are recorded from a real server, llama.cpp with a small model, and played back without it."""

from __future__ import annotations

from pathlib import Path

from core_llm import Config
from core_llm_conformance.llama import llama_server
from core_llm_conformance.recording import check_cassette_is_clean, record
from core_llm_conformance.target import Target
from plugin_openai import OpenAI


def test_a_real_server_is_recorded(tmp_path: Path) -> None:
    """Both modes, a listing and a refusal: what is written is the plugin's request and the server's answer."""
    target = Target(OpenAI, "gpt-5-mini", config={"options": {"wire": "chat"}}, cassettes=tmp_path)
    with llama_server() as server:
        config = Config(
            path=Path("none.toml"),
            file={},
            environ={"OPENAI_API_KEY": server.api_key},
            arguments=[{"providers": {"openai": {"base_url": f"{server.url}/v1"}}}],
        )
        scenarios = ["max_tokens", "model_listing", "error_401"]
        made = record(target, scenarios, source="llama.cpp", model=server.model, config=config)
    assert [(one.scenario, one.problems) for one in made] == [(name, ()) for name in scenarios]
    for name in scenarios:
        cassette = target.cassette(name)
        check_cassette_is_clean(cassette, target)
        assert (cassette.head.origin, cassette.head.source) == ("recorded", "llama.cpp")
    stream, plain = target.cassette("max_tokens").interactions
    assert stream.url == plain.url == "https://api.openai.com/v1/chat/completions"
    assert stream.body.endswith(b"data: [DONE]\n\n")
    assert plain.head.expected is not None
    assert plain.head.expected.finish_reason == "length"
    assert server.api_key.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
