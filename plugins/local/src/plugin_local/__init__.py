"""Models in this process for core-llm, by llama.cpp: ``local:smollm2``, or ``local:`` and a GGUF file's path."""
