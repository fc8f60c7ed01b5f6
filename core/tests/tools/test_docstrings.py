"""What a docstring says of a function and its parameters."""

from __future__ import annotations

import pytest

from core_llm._tools.docstrings import read_docstring

GOOGLE = """Look a word up.

    In a dictionary.

    Args:
        word: The word,
            as it is spelled.
        language (str, optional): Two letters: ``en``.

    Returns:
        count: not a parameter
    """
NUMPY = """Look a word up.

    In a dictionary.

    Parameters
    ----------
    word : str
        The word,
        as it is spelled.
    language : {'en', 'no'}, optional
        Two letters: ``en``.

    Returns
    -------
    count : int
        not a parameter
    """
REST = """Look a word up.

    In a dictionary.

    :param word: The word,
        as it is spelled.
    :type word: str
    :param str language: Two letters: ``en``.
    :returns: not a parameter
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_each_form_says_the_same(docstring: str) -> None:
    """Google's, NumPy's and the reST form give one summary and the same parameters."""
    described = read_docstring(docstring)

    assert described.summary == "Look a word up.\n\nIn a dictionary."
    assert described.parameters == {"word": "The word, as it is spelled.", "language": "Two letters: ``en``."}


@pytest.mark.parametrize("docstring", [None, "", "   \n  "])
def test_no_docstring_says_nothing(docstring: str | None) -> None:
    """A function without a docstring is described by nothing."""
    assert read_docstring(docstring).summary == ""


def test_text_with_colons_stays_text() -> None:
    """A colon at the end of a line begins no section unless the line names one."""
    described = read_docstring("Rules:\n\nNote the following: nothing.\n\nArgs:\n    a: One.")

    assert described.summary == "Rules:\n\nNote the following: nothing."
    assert described.parameters == {"a": "One."}


def test_starred_and_joined_parameters_are_found_by_name() -> None:
    """Stars are no part of a name, and NumPy may describe several at once."""
    assert read_docstring("F.\n\nArgs:\n    *rest: More.").parameters == {"rest": "More."}
    assert read_docstring("F.\n\nParameters\n----------\nx, y : int\n    A place.").parameters == {
        "x": "A place.",
        "y": "A place.",
    }
