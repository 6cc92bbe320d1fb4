"""Schema of the portal's database, forward only."""

from __future__ import annotations

from typing import Final

from chassis.audit.store import AUDIT_FACT_TABLES

FACT_TABLES: Final = (*AUDIT_FACT_TABLES, "profile")
"""Tables whose rows never change: the service's role may only add to them and read them."""
