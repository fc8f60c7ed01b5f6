"""PartialJSON: JSON read as it comes, in whatever pieces. Each character is read once; nothing is parsed again.

What is made of it is up to a `Builder`. A number or a word is handed on when it is whole, since half of it is another
one; a string while it grows, in steps of a fraction of its length, so that all the copying stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, Protocol

from core_llm._json import JSONValue

MAX_DEPTH = 200
"""Containers within containers; pydantic's own parser takes as many."""
SHOWN_FRACTION = 256
"""A growing string is shown anew when it has grown by one part in so many."""

_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_NUMERIC = re.compile(r"[0-9+\-.eE]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LETTERS = re.compile(r"[a-z]+")
_WORDS: dict[str, JSONValue] = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNICODE_DIGITS = 4
_HEX = frozenset("0123456789abcdefABCDEF")
_LONE = "\ufffd"
"""Stands for half of a surrogate pair, which no text can have."""
_OPENERS = {"{": "object", "[": "array"}


class Builder(Protocol):
    """Makes something of JSON that comes piece by piece."""

    def restart(self) -> None:
        """Forget everything: what came was no JSON, or is void."""

    def begin(self, kind: Literal["object", "array"]) -> None:
        """Begin a container, inside the innermost one that is open."""

    def key(self, name: str) -> None:
        """Take the name of the member whose value follows."""

    def grow(self, text: str) -> None:
        """Take a string as far as it has come."""

    def value(self, value: JSONValue) -> None:
        """Take a whole string, number, boolean or null."""

    def end(self) -> None:
        """End the innermost container."""


class NotJSONError(ValueError):
    """The text is not JSON, or not all of it has come.

    Attributes:
        position: Characters before the mistake.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class PartialJSON:
    """Reads one JSON value.

    Attributes:
        error: The first mistake; after it nothing more is read, unless words around the JSON are allowed.
        copied: Characters copied to show strings as they grow.
    """

    __slots__ = (
        "_builder",
        "_closers",
        "_digits",
        "_grown",
        "_high",
        "_is_key",
        "_pieces",
        "_position",
        "_shown",
        "_starts",
        "_state",
        "copied",
        "error",
    )

    def __init__(self, builder: Builder, *, starts: str = "") -> None:
        """Make a parser.

        Args:
            builder: Makes the value.
            starts: For text with words or a code fence around the JSON: the characters that it may start with, of
                ``{`` and ``[``. If empty, the text is JSON and nothing else.
        """
        self._builder = builder
        self._starts = starts
        self._state: State = PartialJSON._seek if starts else PartialJSON._value
        self._closers: list[str] = []
        self._pieces: list[str] = []
        self._grown = 0
        self._shown = 0
        self._digits = ""
        self._high = 0
        self._is_key = False
        self._position = 0
        self.error: NotJSONError | None = None
        self.copied = 0

    @property
    def is_complete(self) -> bool:
        """Whether the value has come to its end."""
        return self._state is PartialJSON._done

    def feed(self, text: str) -> None:
        """Read more. A mistake is noted in `error`, and raised by `close`."""
        at = 0
        while at < len(text):
            try:
                at = self._state(self, text, at)
            except NotJSONError as error:
                error.position += self._position
                self.error = self.error or error
                at = error.position - self._position
                self._give_up()
        self._position += len(text)
        if self._state is PartialJSON._string and not self._is_key and self._grown * SHOWN_FRACTION >= self._shown:
            self._show()

    def close(self) -> None:
        """Note that nothing more comes.

        Raises:
            NotJSONError: What came is not one whole JSON value.
        """
        if self._state is PartialJSON._number and not self._closers:
            try:
                self._end_number(0)
            except NotJSONError as error:
                self.error = self.error or error
        if self.is_complete:
            return
        if self.error is not None:
            raise self.error
        is_begun = self._state not in (PartialJSON._seek, PartialJSON._value) or bool(self._closers)
        raise NotJSONError("it ends before the JSON does" if is_begun else "there is no JSON in it", self._position)

    def _give_up(self) -> None:
        """Go on after a mistake: seek another beginning where words are allowed, and read nothing more where not."""
        if self.is_complete:
            self._state = PartialJSON._refused
            return
        self._closers.clear()
        self._pieces.clear()
        self._digits, self._high, self._is_key = "", 0, False
        self._builder.restart()
        self._state = PartialJSON._seek if self._starts else PartialJSON._refused

    def _show(self) -> None:
        if not self._grown:
            return
        text = "".join(self._pieces)
        self._pieces = [text]
        self.copied += len(text)
        self._shown, self._grown = len(text), 0
        self._builder.grow(text)

    def _add(self, piece: str) -> None:
        if self._high:  # the half of a pair before it stands alone
            self._high = 0
            self._pieces.append(_LONE)
            self._grown += 1
        self._pieces.append(piece)
        self._grown += len(piece)

    def _token(self) -> str:
        text = "".join(self._pieces)
        self._pieces = []
        return text

    def _scalar(self, value: JSONValue) -> None:
        self._builder.value(value)
        self._after_value()

    def _after_value(self) -> None:
        self._state = PartialJSON._more if self._closers else PartialJSON._done

    def _seek(self, text: str, at: int) -> int:
        """Skip words before the JSON."""
        found = [place for start in self._starts if (place := text.find(start, at)) >= 0]
        if not found:
            return len(text)
        self._state = PartialJSON._value
        return min(found)

    def _done(self, text: str, at: int) -> int:
        """Allow blanks after the value, and anything where words are allowed."""
        after = _blank(text, at)
        if self._starts or after == len(text):
            return len(text)
        raise NotJSONError(f"{_said(text[after])} follows the end of the JSON", after)

    def _refused(self, text: str, _: int) -> int:
        """Read nothing more."""
        return len(text)

    def _value(self, text: str, at: int) -> int:
        """Begin a value."""
        at = _blank(text, at)
        if at == len(text):
            return at
        character = text[at]
        if (kind := _OPENERS.get(character)) is not None:
            if len(self._closers) >= MAX_DEPTH:
                raise NotJSONError(f"there are more than {MAX_DEPTH} containers within each other", at)
            self._closers.append("}" if kind == "object" else "]")
            self._builder.begin("object" if kind == "object" else "array")
            self._state = PartialJSON._first_key if kind == "object" else PartialJSON._first_item
        elif character == '"':
            self._begin_string(is_key=False)
            self._builder.grow("")
        elif character in "-0123456789":
            self._state = PartialJSON._number
            return at
        elif character in "tfn":
            self._state = PartialJSON._word
            return at
        else:
            raise NotJSONError(f"{_said(character)} stands where a value is due", at)
        return at + 1

    def _first_item(self, text: str, at: int) -> int:
        at = _blank(text, at)
        if at == len(text):
            return at
        if text[at] == "]":
            return self._close(at)
        self._state = PartialJSON._value
        return at

    def _first_key(self, text: str, at: int) -> int:
        at = _blank(text, at)
        if at == len(text):
            return at
        if text[at] == "}":
            return self._close(at)
        self._state = PartialJSON._key
        return at

    def _key(self, text: str, at: int) -> int:
        at = _expected(text, at, '"', "the name of a member")
        if at < 0:
            return len(text)
        self._begin_string(is_key=True)
        return at

    def _colon(self, text: str, at: int) -> int:
        at = _expected(text, at, ":", "a colon")
        if at < 0:
            return len(text)
        self._state = PartialJSON._value
        return at

    def _more(self, text: str, at: int) -> int:
        """Go on after a value inside a container: another one, or the container's end."""
        at = _blank(text, at)
        if at == len(text):
            return at
        closer = self._closers[-1]
        if text[at] == closer:
            return self._close(at)
        if text[at] != ",":
            raise NotJSONError(f"{_said(text[at])} stands where a comma or {closer!r} is due", at)
        self._state = PartialJSON._key if closer == "}" else PartialJSON._value
        return at + 1

    def _close(self, at: int) -> int:
        self._closers.pop()
        self._builder.end()
        self._after_value()
        return at + 1

    def _begin_string(self, *, is_key: bool) -> None:
        self._is_key = is_key
        self._grown = self._shown = 0
        self._state = PartialJSON._string

    def _string(self, text: str, at: int) -> int:
        """Read a string up to an escape or its end."""
        plain = _PLAIN.match(text, at)
        if plain is not None:
            self._add(plain[0])
            return plain.end()
        if text[at] == "\\":
            self._state = PartialJSON._escape
        elif text[at] == '"':
            if self._high:
                self._add("")
            token = self._token()
            if self._is_key:
                self._is_key = False
                self._builder.key(token)
                self._state = PartialJSON._colon
            else:
                self._scalar(token)
        else:
            raise NotJSONError(f"{_said(text[at])} stands in a string and is not escaped", at)
        return at + 1

    def _escape(self, text: str, at: int) -> int:
        if text[at] == "u":
            self._digits = ""
            self._state = PartialJSON._unicode
        elif (character := _ESCAPES.get(text[at])) is not None:
            self._add(character)
            self._state = PartialJSON._string
        else:
            raise NotJSONError(f"there is no escape \\{text[at]}", at)
        return at + 1

    def _unicode(self, text: str, at: int) -> int:
        """Read the digits of an escape; halves of a surrogate pair are put together."""
        if text[at] not in _HEX:
            raise NotJSONError(f"{_said(text[at])} is no hexadecimal digit", at)
        self._digits += text[at]
        if len(self._digits) == _UNICODE_DIGITS:
            code = int(self._digits, 16)
            high, self._digits, self._state = self._high, "", PartialJSON._string
            if 0xDC00 <= code <= 0xDFFF:  # noqa: PLR2004  # the second halves
                self._high = 0
                self._add(chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00) if high else _LONE)
            elif 0xD800 <= code <= 0xDBFF:  # noqa: PLR2004  # the first
                self._add("")
                self._high = code
            else:
                self._add(chr(code))
        return at + 1

    def _number(self, text: str, at: int) -> int:
        digits = _NUMERIC.match(text, at)
        if digits is not None:
            self._pieces.append(digits[0])
            return digits.end()
        self._end_number(at)
        return at

    def _end_number(self, at: int) -> None:
        token = self._token()
        matched = _NUMBER.fullmatch(token)
        if matched is None:
            raise NotJSONError(f"{token[:40]!r} is no number", at)
        try:
            self._scalar(float(token) if matched[1] or matched[2] else int(token))
        except ValueError:  # Python refuses thousands of digits
            raise NotJSONError(f"a number of {len(token)} digits is too long", at) from None

    def _word(self, text: str, at: int) -> int:
        """Read ``true``, ``false`` or ``null``."""
        letters = _LETTERS.match(text, at)
        if letters is not None:
            self._pieces.append(letters[0])
            at = letters.end()
        token = self._token()
        if token in _WORDS:
            self._scalar(_WORDS[token])
        elif at == len(text) and any(word.startswith(token) for word in _WORDS):
            self._pieces.append(token)
        else:
            raise NotJSONError(f"{token[:40]!r} is no JSON", at)
        return at


State = Callable[[PartialJSON, str, int], int]
"""Reads from a position on, and returns the position to go on from, in the parser's next state."""


def _blank(text: str, at: int) -> int:
    matched = _BLANK.match(text, at)
    return at if matched is None else matched.end()


def _expected(text: str, at: int, character: str, what: str) -> int:
    """Return the position after a character that has to come next, or -1 if the text ends before it."""
    at = _blank(text, at)
    if at == len(text):
        return -1
    if text[at] != character:
        raise NotJSONError(f"{_said(text[at])} stands where {what} is due", at)
    return at + 1


def _said(character: str) -> str:
    return repr(character)
