"""Which texts and currencies may stand on an invoice."""

from __future__ import annotations

import unicodedata
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import UnknownCurrencyError
from money import currency as find_currency

# They turn the direction of what follows, so that one text can look like another on paper and in logs.
_DIRECTION_MARKS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_text(field: str, text: str) -> str:
    """Return `text` back if it is printable: no control characters, surrogates, line breaks or direction marks."""
    for character in text:
        if character in _DIRECTION_MARKS or unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            message = f"holds the character U+{ord(character):04X}; use printable text on one line"
            raise Refused(field, Reason.TEXT_INVALID, message)
    return text


def check_currency(path: str, code: str) -> None:
    """Refuse a code that is not a currency one can bill in."""
    try:
        find_currency(code)
    except UnknownCurrencyError as error:
        raise Refused(path, Reason.CURRENCY_UNKNOWN, str(error)) from error
