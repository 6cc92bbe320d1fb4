"""Schema of a service that exists in tests only: it writes a feed, follows one, and logs repeatable requests."""

from __future__ import annotations

from chassis.audit.store import AUDIT_FACT_TABLES
from eventlog.log.tables import FEED_FACT_TABLES

FACT_TABLES = (*AUDIT_FACT_TABLES, *FEED_FACT_TABLES, "ledger")
