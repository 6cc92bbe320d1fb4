"""Which texts may stand on an invoice."""

from __future__ import annotations

import unicodedata
from typing import Final

from chassis.errors import Reason
from rating.domain.problems import InvalidEntryError

# They turn the direction of what follows, so that one text can look like another on paper and in logs.
_DIRECTION_MARKS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_text(field: str, text: str) -> str:
    """Give `text` back if it is printable: no control characters, surrogates, line breaks or direction marks."""
    for character in text:
        if character in _DIRECTION_MARKS or unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            message = f"holds the character U+{ord(character):04X}; use printable text on one line"
            raise InvalidEntryError(field, Reason.TEXT_INVALID, message)
    return text
