"""Versions of customers."""

from __future__ import annotations

from typing import Final

from rating.domain.customers import Customer
from rating.store.versions import VersionTable

CUSTOMERS: Final = VersionTable(
    "customer",
    ("display_name", "currency"),
    lambda customer: {"display_name": customer.display_name, "currency": customer.currency},
    lambda row: Customer(row["display_name"], row["currency"]),
)
