"""Any OpenAI-compatible server for core-llm. Name one in the configuration and its models are ``<name>:<model>``."""

from plugin_openai_compatible._provider import OpenAICompatible

__all__ = ["OpenAICompatible"]
