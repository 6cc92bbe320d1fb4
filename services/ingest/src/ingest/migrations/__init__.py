"""Schema of the ingest database, forward only."""

from __future__ import annotations

from typing import Final

from chassis.audit.store import AUDIT_FACT_TABLES
from eventlog.log.tables import FEED_FACT_TABLES

FACT_TABLES: Final = (*AUDIT_FACT_TABLES, *FEED_FACT_TABLES, "event_correction", "event_key", "event_source")
"""Tables whose rows never change: the service's role may only add to them and read them."""
