"""Schema of the ingest database, forward only."""

from __future__ import annotations

from typing import Final

from eventlog.log.tables import FEED_FACT_TABLES

FACT_TABLES: Final = (*FEED_FACT_TABLES, "event_key", "event_source")
"""Tables whose rows never change: the service's role may only add to them and read them."""
