"""Products: meters under the names they are sold by."""

from __future__ import annotations

from dataclasses import dataclass

from rating.domain.text import check_text


@dataclass(frozen=True, slots=True)
class Product:
    """A meter under the name that is sold."""

    display_name: str
    meter: str

    def __post_init__(self) -> None:
        """Refuse texts that can't be printed."""
        check_text("display_name", self.display_name)
        check_text("meter", self.meter)
