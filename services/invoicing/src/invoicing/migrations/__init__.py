"""Schema of the invoicing database, forward only."""

from __future__ import annotations

from typing import Final

from chassis.audit.store import AUDIT_FACT_TABLES

FACT_TABLES: Final = (
    *AUDIT_FACT_TABLES,
    "billing_profile",
    "invoice",
    "invoice_line",
    "billed_snapshot",
    "issued_number",
    "number_hold",
    "lost_number",
)
"""Tables whose rows never change: the service's role may only add to them and read them."""
