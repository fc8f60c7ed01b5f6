"""Whether a wire is pure: in its text, and while it encodes and decodes all that the cassettes have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import SecretStr

from core_llm import CoreLLMError, EmbedRequest, Message, OutgoingRequest, Request
from core_llm.wire import Decoder, Exchange, WireFormat, parse_object
from core_llm_conformance.contract.code import forbidden_in
from core_llm_conformance.contract.samples import Answer, answers, encodable
from core_llm_conformance.contract.sources import is_own, own_classes, own_files, wires_of
from core_llm_conformance.contract.watch import Watcher
from core_llm_conformance.failure import fail
from core_llm_conformance.target import Target

RULE = "a wire is pure: no network, no clock, no chance, no environment, no files, no threads; the core has all of it"
ERRORS = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)


def check_wire_imports_nothing_impure(target: Target) -> None:
    """Raise if a module of the provider or of its wires imports what a wire must not use.

    Raises:
        ConformanceFailure: One does.
    """
    for line, problem in forbidden_in(all_classes(target)):
        raise fail(RULE, f"it {problem}", look_at=line)


def check_wire_does_nothing_impure(target: Target) -> None:
    """Raise if the plugin's code calls what a wire must not use, while it encodes, decodes, signs.

    Raises:
        ConformanceFailure: It does; says at which line.
    """
    made = list(_decoders(target))
    watcher = Watcher(own_files(target, made))
    for what, run in runs(target, made_wires(target)):
        with watcher.watching():
            try:
                run()
            except CoreLLMError:
                pass
            except Exception:  # noqa: BLE001, S110  # what it should have come to is judged by other tests
                pass
        for line, called in watcher.seen.items():
            raise fail(RULE, f"while it {what}, the plugin calls {called}", look_at=line)


def made_wires(target: Target) -> list[WireFormat]:
    """Return every wire of the plugin: that of the model as the provider has it, the others new."""
    own = target.loaded.wire(target.model)
    others = [kind for kind in wires_of(target) if kind is not type(own)]
    return [own, *(kind(target.loaded.endpoint, target.loaded.config.options) for kind in others)]


def all_classes(target: Target) -> list[type]:
    """Return the classes that make up the plugin, those of its decoders too."""
    decoders = [base for decoder in _decoders(target) for base in type(decoder).__mro__ if is_own(base)]
    return list(dict.fromkeys([*own_classes(target), *decoders]))


def runs(target: Target, wires: list[WireFormat]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield everything that a plugin's code can be made to do without a client: what it is, and how to do it."""
    provider = target.loaded
    yield "says what its models can", lambda: provider.capabilities_for(target.model)
    for wire in wires:
        for request in encodable(wire, target.model):
            yield "encodes a request", lambda wire=wire, request=request: wire.encode_request(request)  # type: ignore[misc]
        for status in ERRORS:
            yield (
                "decodes an error",
                lambda wire=wire, status=status: wire.decode_error(status, {}, b'{"error": {"message": "no"}}'),  # type: ignore[misc]
            )
    for what, exchange in exchanges(target):
        yield what, lambda exchange=exchange: next(exchange())  # type: ignore[misc]
    for answer in answers(target, statuses=(200, *ERRORS)):
        yield f"decodes {answer.name}", lambda answer=answer: decode(target, answer)  # type: ignore[misc]
    outgoing = OutgoingRequest("POST", "https://api.example/v1", {"content-type": "application/json"}, b"{}")
    yield "signs a request", lambda: provider.auth.sign(outgoing, SecretStr("sk-conformance"), 0.0)


def exchanges(target: Target) -> Iterator[tuple[str, Callable[[], Exchange[object]]]]:
    """Yield the calls that are no chat, as sans-I/O generators: what each does, and what makes it."""
    provider = target.loaded
    text = Request(model=target.model_of("token_count"), messages=(Message.user("Hi"),))
    texts = EmbedRequest(model=target.model_of("embeddings"), inputs=("Hi",))
    yield "lists models", provider.list_models
    yield "counts tokens", lambda: provider.count_tokens(text)
    yield "embeds", lambda: provider.embed(texts)


def decode(target: Target, answer: Answer) -> object:
    """Decode an answer as the engine does, without it."""
    wire = target.loaded.wire(answer.request.model)
    if answer.status >= 400:  # noqa: PLR2004  # HTTP: from here on it is an error
        return wire.decode_error(answer.status, answer.headers, answer.body)
    if not answer.request.is_stream:
        return wire.decode_response(parse_object(answer.body, target.name), answer.request)
    decoder = wire.decoder(answer.request)
    for frame in answer.frames:
        decoder.feed(frame)
        if decoder.is_done:
            break
    return decoder.close()


def _decoders(target: Target) -> Iterator[Decoder]:
    """Yield a decoder of each wire."""
    for wire in made_wires(target):
        for request in encodable(wire, target.model)[:1]:
            yield wire.decoder(request)
