"""Versions of products."""

from __future__ import annotations

from typing import Final

from rating.domain.products import Product
from rating.store.versions import VersionTable

PRODUCTS: Final = VersionTable(
    "product",
    ("display_name", "meter"),
    lambda product: {"display_name": product.display_name, "meter": product.meter},
    lambda row: Product(row["display_name"], row["meter"]),
)
