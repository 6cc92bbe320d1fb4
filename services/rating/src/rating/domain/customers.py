"""Customers: who pays, in which currency."""

from __future__ import annotations

from dataclasses import dataclass

from rating.domain.currencies import check_currency


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays, in which currency."""

    display_name: str
    currency: str

    def __post_init__(self) -> None:
        """Refuse an unknown currency."""
        check_currency("currency", self.currency)
