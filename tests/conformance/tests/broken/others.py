"""Broken in calls that are no chat: listing, counting, embedding."""

from __future__ import annotations

from core_llm import EmbedRequest, Request
from core_llm.wire import EmbedAnswer, Exchange, JSONObject, ModelInfo, WireRequest, as_objects, as_text, parse_object

from ..twin.acme import AcmeWire
from ..twin.zenith import ZenithWire
from .bugs import bug


@bug("the scenarios: model listing, page by page", "test_scenario[model_listing-plain]", says="were not asked for")
class FirstPageOnly(ZenithWire):
    """The listing is its first page."""

    def list_models(self) -> Exchange[tuple[ModelInfo, ...]]:
        """List the models."""
        response = yield WireRequest("GET", "/v2/engines")
        page = parse_object(response.body, self.provider)
        return tuple(ModelInfo(id=as_text(engine.get("id")), raw=engine) for engine in as_objects(page.get("engines")))


@bug("the scenarios: embeddings", "test_scenario[embeddings-plain]", says="what a call returns")
class VectorsAsTheyCome(AcmeWire):
    """Vectors are taken in the order in which they came, though each says whose it is."""

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:
        """Return the vectors."""
        data = [{**item, "index": number} for number, item in enumerate(as_objects(body.get("data")))]
        return super().decode_embed({**body, "data": [*data]}, request)


@bug("the scenarios: embeddings, their usage", "test_scenario[embeddings-plain]", says="what a call returns")
class VectorsWithoutUsage(ZenithWire):
    """What the vectors cost is passed over."""

    def decode_embed(self, body: JSONObject, request: EmbedRequest) -> EmbedAnswer:
        """Return the vectors."""
        return super().decode_embed({**body, "count": {}}, request)


@bug("the measured field: figures are invented", "test_scenario[token_count-plain]", says="were not asked for")
class CountMadeUp(ZenithWire):
    """Tokens are estimated, and nobody is asked."""

    def count_tokens(self, request: Request) -> Exchange[int]:
        """Count the input tokens."""
        if False:  # a generator that yields nothing
            yield WireRequest("POST", "/v2/measure")
        return sum(len(message.text) for message in request.messages) // 4
