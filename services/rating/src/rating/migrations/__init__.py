"""Schema of the rating database, forward only."""

from __future__ import annotations

from typing import Final

FACT_TABLES: Final = ("product", "plan", "customer", "contract", "rated_period", "charge")
"""Tables whose rows never change: the service's role may only add to them and read them."""
