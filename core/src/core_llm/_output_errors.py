"""The branch of the tree of errors that is about structured output: answers that do not fit, and schemas.

    CoreLLMError
    ├── OutputError                 an answer has no value of the type that was asked for (.response, .text)
    │   ├── InvalidOutputError      it does not fit, and neither did its corrections (.mistakes, .tries)
    │   ├── OutputRefusedError      the model declined, or a filter stopped it
    │   └── OutputCutError          the limit on tokens cut it off
    └── UnsupportedError
        └── UnsupportedSchemaError  a provider's schema language cannot say it (.path, .keyword)

The first four are about an answer, the last about a request that was not sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core_llm._errors import CoreLLMError, UnsupportedError

if TYPE_CHECKING:
    from core_llm._response import Response


class OutputError(CoreLLMError):
    """An answer has no value of the type that was asked for.

    Attributes:
        response: The whole answer.
        text: What should have been the value: the answer's text, or the arguments of the call that gives it.
    """

    def __init__(self, message: str, *, response: Response, text: str = "") -> None:
        super().__init__(message)
        self.response = response
        self.text = text


class InvalidOutputError(OutputError):
    """An answer does not fit its type.

    Attributes:
        mistakes: What is wrong with it, each with its place.
        tries: How many answers there were, this one included.
    """

    def __init__(
        self, message: str, *, response: Response, text: str = "", mistakes: tuple[str, ...] = (), tries: int = 1
    ) -> None:
        super().__init__(message, response=response, text=text)
        self.mistakes = mistakes
        self.tries = tries


class OutputRefusedError(OutputError):
    """The model declined to answer, or a filter stopped it; asking again would not help."""


class OutputCutError(OutputError):
    """The limit on tokens cut the answer off before its value was whole."""


class UnsupportedSchemaError(UnsupportedError):
    """A provider's schema language cannot say what a schema says; raised before anything is sent.

    Attributes:
        path: Where in the schema: ``$.properties.city``.
        keyword: Which keyword it is.
    """

    def __init__(self, message: str, *, path: str, keyword: str, feature: str, provider: str | None = None) -> None:
        super().__init__(message, feature=feature, provider=provider)
        self.path = path
        self.keyword = keyword
