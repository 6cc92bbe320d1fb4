"""Products: meters under the names they are sold by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """A meter under the name that is sold."""

    display_name: str
    meter: str
