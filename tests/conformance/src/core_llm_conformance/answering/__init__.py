"""Model servers that behave well, one on each wire: what they answer to any request, made up and always the same.

For documentation that runs, and for demonstrations: a `FaultServer` with `answer_to` as its answer is all the providers
at once. A request that offers tools is answered by two calls, one that wants JSON by an object, one with a small bound
on tokens by half a sentence, and every other one by the same sentence. Shapes are after the providers' documentation
(checked 2026-11). `break_off` is what such a server sends before something goes wrong.
"""

from core_llm_conformance.answering._dispatch import answer_to, break_off

__all__ = ["answer_to", "break_off"]
