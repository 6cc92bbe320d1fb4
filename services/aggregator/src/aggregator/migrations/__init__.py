"""Schema of the aggregator's database; forward only."""

from __future__ import annotations

from typing import Final

from chassis.audit.store import AUDIT_FACT_TABLES
from eventlog.log.tables import FEED_FACT_TABLES

FACT_TABLES: Final = (*AUDIT_FACT_TABLES, "event_schema", "meter", "process_span", "usage_snapshot", *FEED_FACT_TABLES)
"""What may be added to and never changed: the app role has no UPDATE or DELETE there."""
