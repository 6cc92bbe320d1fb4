"""Schema of the rating database, forward only."""

from __future__ import annotations

from typing import Final

from chassis.audit.store import AUDIT_FACT_TABLES

FACT_TABLES: Final = (*AUDIT_FACT_TABLES, "product", "plan", "customer", "contract", "rated_period", "charge")
"""Tables whose rows never change: the service's role may only add to them and read them."""
