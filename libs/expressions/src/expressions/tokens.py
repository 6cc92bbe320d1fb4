"""The words of an expression: one pass over its text, linear in its length."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from expressions.errors import ExpressionError, Position
from expressions.limits import LITERAL_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    TEXT = "text"
    WORD = "word"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A number, a text without its quotes, a word or a sign."""

    kind: Kind
    text: str
    at: Position

    def __str__(self) -> str:
        """Return it as messages name it."""
        return "the end" if self.kind is Kind.END else ascii(self.text[:40])


_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>[0-9][0-9A-Za-z_]*(?:\.[0-9A-Za-z_]*)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|'(?P<single>(?:[^']|'')*)'"
    r'|"(?P<double>(?:[^"]|"")*)"'
    r"|(?P<sign><=|>=|!=|[-+*<>=().,\[\]])"
)
_HINTS: Final = {
    "/": "a quotient says how it is rounded: write quotient(a, b, places, 'half_up')",
    "'": "the text has no end; close it with ', and write a quote within it twice",
    '"': 'the text has no end; close it with ", and write a quote within it twice',
    "!": "write != for unequal, and not for the contrary",
    "&": "write and",
    "|": "write or, or concat(a, b) to join texts",
    "%": "there is no remainder; write x - floor(x, step)",
}
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
# They can't be kept or sent by everyone who comes across the text.
_NOT_IN_SOURCE: Final = re.compile("[\x00\ud800-\udfff]")


def tokens_of(source: str) -> Iterator[Token]:
    """Yield the tokens of a text, the end as the last. Raises ExpressionError."""
    if len(source) > SOURCE_CHARACTERS_MAX:
        message = f"the expression has {len(source)} characters; at most {SOURCE_CHARACTERS_MAX} are allowed"
        raise ExpressionError(message, Position())
    forbidden = _NOT_IN_SOURCE.search(source)
    if forbidden:
        raise ExpressionError("this character may not be in a text; remove it", _place(source, forbidden.start()))
    place = 0
    while place < len(source):
        match = _TOKEN.match(source, place)
        at = _place(source, place)
        if match is None:
            raise ExpressionError(_HINTS.get(source[place], f"{source[place]!r} means nothing here; remove it"), at)
        place = match.end()
        if match.lastgroup != "space":
            yield _token(match, at)
    yield Token(Kind.END, "", _place(source, place))


def _token(match: re.Match[str], at: Position) -> Token:
    text = match[match.lastgroup or 0]
    if match.lastgroup == "single":
        return Token(Kind.TEXT, _measured(text.replace("''", "'"), at), at)
    if match.lastgroup == "double":
        return Token(Kind.TEXT, _measured(text.replace('""', '"'), at), at)
    return Token(Kind(match.lastgroup), text, at)


def _measured(text: str, at: Position) -> str:
    if len(text) > LITERAL_CHARACTERS_MAX:
        message = f"the text has {len(text)} characters; at most {LITERAL_CHARACTERS_MAX} are allowed"
        raise ExpressionError(message, at)
    if _CONTROL.search(text):
        raise ExpressionError("the text holds a line end or another control character; no event does, so remove it", at)
    return text


def _place(source: str, index: int) -> Position:
    start = source.rfind("\n", 0, index) + 1
    return Position(source.count("\n", 0, index) + 1, index - start + 1)
