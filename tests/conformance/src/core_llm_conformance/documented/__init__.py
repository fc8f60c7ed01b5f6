"""Descriptions of providers' answers whose wire is known, so that an author says only what their provider adds to it.

- `said`: what is said in one answer (`Said`, `Called`, `Failed`), in the words of no wire;
- `usual`: something to say in every scenario, and every error;
- `Bodies`: how a provider puts it into its own words; `ChatBodies`, `ResponsesBodies`, `MessagesBodies`,
  `ContentsBodies` are those of a wire, and a provider's are a subclass with what it adds, in the manner of its
  reference;
- `describe`: descriptions of every scenario that a plugin may show, for `core_llm_conformance.recording.compose`.

What comes of it is held against real recordings, place by place, by `core_llm_conformance.shapes`.
"""

from core_llm_conformance.documented.bodies import Bodies
from core_llm_conformance.documented.chat import ChatBodies
from core_llm_conformance.documented.contents import ContentsBodies
from core_llm_conformance.documented.describing import describe
from core_llm_conformance.documented.full import FullChatBodies, FullResponsesBodies
from core_llm_conformance.documented.messages import MessagesBodies
from core_llm_conformance.documented.responses import ResponsesBodies
from core_llm_conformance.documented.said import Called, Failed, Said

__all__ = [
    "Bodies",
    "Called",
    "ChatBodies",
    "ContentsBodies",
    "Failed",
    "FullChatBodies",
    "FullResponsesBodies",
    "MessagesBodies",
    "ResponsesBodies",
    "Said",
    "describe",
]
