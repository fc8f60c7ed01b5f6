"""A caller's own fields in a body: what merges, what is added, what replaces."""

from __future__ import annotations

from core_llm.wire import JSONObject, merged_options


def test_objects_merge_and_the_rest_is_replaced() -> None:
    """A field deep in an object is set without losing those beside it; a list gives way to the caller's."""
    body: JSONObject = {"config": {"top": 1, "stop": ["a"]}, "model": "m"}
    merged = merged_options(body, {"config": {"stop": ["b"], "more": True}, "seed": 7})
    assert merged == {"config": {"top": 1, "stop": ["b"], "more": True}, "model": "m", "seed": 7}
    assert body == {"config": {"top": 1, "stop": ["a"]}, "model": "m"}


def test_tools_are_added() -> None:
    """A provider's own tools join those of the caller, in whose list they stand."""
    merged = merged_options({"tools": [{"name": "mine"}]}, {"tools": [{"type": "web_search"}]})
    assert merged == {"tools": [{"name": "mine"}, {"type": "web_search"}]}


def test_tools_alone_are_taken_as_they_are() -> None:
    """Without tools of the caller, or with anything but a list, what is given stands."""
    assert merged_options({}, {"tools": [{"type": "web_search"}]}) == {"tools": [{"type": "web_search"}]}
    assert merged_options({"tools": [{"name": "mine"}]}, {"tools": None}) == {"tools": None}
