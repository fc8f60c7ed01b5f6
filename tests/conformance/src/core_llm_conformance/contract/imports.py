"""What importing a plugin does, seen in a fresh interpreter once a run and judged by several tests."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core_llm_conformance.contract.lending import required_plugins
from core_llm_conformance.contract.sources import GROUP, PluginModule
from core_llm_conformance.failure import fail

MAX_MODULES = 60
"""How many modules a plugin may bring besides its own and the core's. One without a library brings none."""
SECONDS = 60
"""After which an import counts as one that does not return."""
HEAVY = frozenset(
    "IPython PIL aiohttp anthropic azure boto3 botocore cohere ctransformers datasets diffusers google.auth "
    "google.cloud google.genai google.generativeai grpc groq httpx httpx2 huggingface_hub jax keras langchain "
    "langchain_core litellm llama_cpp llama_index matplotlib mistralai mlx nltk numpy ollama onnxruntime openai "
    "pandas polars pyarrow pytest replicate requests scipy sentence_transformers sentencepiece sklearn spacy "
    "sqlalchemy tensorflow tiktoken together tokenizers torch transformers unittest urllib3 vertexai vllm "
    "websockets xai_sdk xllamacpp".split()
)
"""Libraries that take long to import, and vendors' own, which a provider of wires does without. A plugin that needs one
imports it where it is used."""
_PROGRAM = "from core_llm_conformance.contract.import_program import main; main()"


@dataclass(frozen=True, slots=True)
class Seen:
    """What an import did.

    Attributes:
        error: What it raised; empty if nothing.
        noted: Each thing that it did, with the plugin's line.
        modules: What it brought into ``sys.modules``, the core's own apart.
        output: What it printed.
    """

    error: str
    noted: tuple[tuple[str, str], ...]
    modules: tuple[str, ...]
    output: str


def seen_importing(module: PluginModule) -> Seen:
    """Return what importing a plugin does; an interpreter is started once for each module in a run."""
    return _seen(module.name, str(module.file or ""), tuple(sys.path))


@cache
def _seen(name: str, file: str, path: tuple[str, ...]) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in path if entry)}
        command = [sys.executable, "-B", "-c", _PROGRAM, name, file, str(report)]
        try:
            run = subprocess.run(  # noqa: S603  # this interpreter
                command, capture_output=True, text=True, cwd=folder, env=environment, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return Seen(f"it had not returned after {SECONDS} seconds", (), (), "")
        output = (run.stdout + run.stderr).strip()
        if not report.is_file():
            return Seen(f"the interpreter ended with status {run.returncode}: {output[-500:]}", (), (), output)
        told = json.loads(report.read_text(encoding="utf-8"))
    noted = tuple((entry["what"], entry["where"]) for entry in told["seen"])
    return Seen(told["error"], noted, tuple(told["modules"]), output)


def check_imports_lightly(module: PluginModule) -> None:
    """Raise unless importing the plugin works, and brings neither a heavy library nor many modules nor a plugin.

    Raises:
        ConformanceFailure: It does not.
    """
    rule = "importing a plugin costs next to nothing: who only asks for one provider shall not wait for a library"
    seen = seen_importing(module)
    if seen.error and not seen.noted:  # what it did is said by the other test
        raise fail(rule, f"importing {module.name} raises {seen.error}", look_at=module.name)
    heavy = sorted(name for name in seen.modules if name in HEAVY)
    if heavy:
        advice = "import it inside the function that needs it; the core does all HTTP, so no client library is needed"
        raise fail(rule, f"importing {module.name} imports {', '.join(heavy)}", look_at=advice)
    imported = {name.partition(".")[0] for name in seen.modules}
    others = sorted(imported & _other_plugins(module) - required_plugins(module))
    if others:
        advice = "a plugin stands on another only for its wire; then it requires it, and subclasses the wire"
        raise fail(rule, f"importing {module.name} imports another plugin: {', '.join(others)}", look_at=advice)
    own = module.name.partition(".")[0]
    known = {own, "core_llm", *required_plugins(module)}
    brought = [name for name in seen.modules if name.partition(".")[0] not in known]
    if len(brought) > MAX_MODULES:
        tops = sorted({name.partition(".")[0] for name in brought})
        found = f"importing {module.name} brings {len(brought)} modules, {MAX_MODULES} at most: {', '.join(tops)}"
        raise fail(rule, found, look_at="import what is large inside the function that needs it")


def _other_plugins(module: PluginModule) -> set[str]:
    own = module.name.partition(".")[0]
    return {entry.module.partition(".")[0] for entry in importlib.metadata.entry_points(group=GROUP)} - {own}


def check_import_has_no_side_effects(module: PluginModule) -> None:
    """Raise unless importing the plugin leaves everything as it was.

    Raises:
        ConformanceFailure: It uses the network, starts something, writes, prints, warns, or changes the process.
    """
    rule = "importing a plugin does nothing: no network, no files, no threads, no output, nothing changed"
    seen = seen_importing(module)
    if seen.noted:
        what = "; ".join(f"{what}{f' at {where}' if where else ''}" for what, where in seen.noted[:5])
        more = f"; and {len(seen.noted) - 5} things more" if len(seen.noted) > 5 else ""  # noqa: PLR2004  # those shown
        raise fail(rule, what + more, look_at=seen.noted[0][1] or module.name)
    if seen.output:
        raise fail(rule, f"it prints: {seen.output[:500]}", look_at=module.name)
