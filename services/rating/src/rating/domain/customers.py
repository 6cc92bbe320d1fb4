"""Customers: who pays, in which currency."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.currencies import check_currency


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays, in which currency."""

    display_name: str
    currency: str
    parent: str = ""
    """The customer that it belongs to; empty: none."""

    def __post_init__(self) -> None:
        """Refuse an unknown currency."""
        check_currency("currency", self.currency)


def search_words(text: str) -> tuple[frozenset[str], ...]:
    """Return the words of a search, each in the spellings that stand for it, for letters whose case the database keeps.

    Words are letters and digits alone. Raises Refused for a text without any.
    """
    words = "".join(letter if letter.isalnum() else " " for letter in text).split()
    if text and not words:
        raise Refused("search", Reason.FIELD_INVALID, "write a letter or a digit of what to look for")
    return tuple(frozenset({word.lower(), word.capitalize(), word.upper()}) for word in words)
