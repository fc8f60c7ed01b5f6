"""Shapes of JSON: which keys there are, and of which types. What nobody ever sent cannot be composed in good faith.

A shape is a set of places with the types that were seen there. A place is a path with the numbers of lists starred, and
with the object's own word for its kind (`type`, `role`) in it, as in
``${response}.output[*]{message}.content[*]{output_text}``.
So a field of one kind of object does not excuse it in another. An object that says which of the API's objects it is
(`object`) has the same places wherever it stands. What a caller puts in (schemas, arguments) has no shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from core_llm_conformance.recording.texts import frames_of
from core_llm_conformance.walk.json_values import JsonObject

KINDS = ("type", "role", "object")
"""Fields by which an object says what it is; the first that it has counts."""
FREE = frozenset(
    "parameters parametersJsonSchema schema input_schema inputSchema responseSchema responseJsonSchema args input "
    "metadata partialArgs properties attributes model_info".split()
)
"""Fields whose objects have keys of the caller's, or of a single model's. A list of that name has a shape as usual."""
WITHOUT_KIND = frozenset(("error",))
"""Fields whose object is of one kind, whatever it says its type is: the kinds of errors have no end."""
_TYPES = ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object"))


@dataclass(slots=True)
class Shape:
    """Places and the types that were seen there."""

    places: dict[str, set[str]] = field(default_factory=dict)

    def add(self, body: bytes) -> None:
        """Add a body: JSON, a stream of it, or none."""
        for place, kind in places_of(body):
            self.places.setdefault(place, set()).add(kind)

    def update(self, other: Shape) -> None:
        """Add what another shape has."""
        for place, kinds in other.places.items():
            self.places.setdefault(place, set()).update(kinds)

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Whether a type was seen at a place; a number without a fraction is one with a fraction, too."""
        seen = self.places.get(place[0], ())
        return place[1] in seen or (place[1] == "integer" and "number" in seen)


def places_of(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the places of a body, or of each frame of a stream, each with its type: ``null``, ``string`` and so on."""
    for frame in frames_of(body):
        yield from _places(frame, "$")


def unseen(body: bytes, *shapes: Shape) -> list[tuple[str, str]]:
    """Return what of a body is in none of some shapes, each once."""
    return [*dict.fromkeys(place for place in places_of(body) if not any(place in shape for shape in shapes))]


def shape_of(bodies: Iterable[bytes]) -> Shape:
    """Return the shape of some bodies together."""
    shape = Shape()
    for body in bodies:
        shape.add(body)
    return shape


def _places(value: JsonValue, path: str, name: str = "") -> Iterator[tuple[str, str]]:
    kind = "null" if value is None else next(word for of, word in _TYPES if isinstance(value, of))
    if isinstance(value, dict):
        is_free = name in FREE
        if path != "$" and isinstance(whole := value.get("object"), str):
            yield f"{path}{{{whole}}}", kind
            path = "$"
        at = path if is_free or name in WITHOUT_KIND else path + _kind_of(value)
        yield at, kind
        if not is_free:
            for key, item in value.items():
                yield from _places(item, f"{at}.{key}", key)
        return
    yield path, kind
    if isinstance(value, list):
        for item in value:
            yield from _places(item, f"{path}[*]")


def _kind_of(value: JsonObject) -> str:
    said = next((value[name] for name in KINDS if isinstance(value.get(name), str)), None)
    return "" if said is None else f"{{{said}}}"
