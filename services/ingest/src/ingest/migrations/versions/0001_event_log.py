"""The event log: lanes and segments, one key an event, interned sources, backfills."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes
from chassis.rpc.repeat import create_request_log_table
from eventlog.log.tables import create_feed_tables

revision = "0001"
down_revision = None

# One writer a lane; four leave room for two processes of two commits each.
_LANES = 4


def upgrade() -> None:
    """Create the tables."""
    create_request_log_table(op)
    create_feed_tables(op, lanes=_LANES, owner_columns="customer_filter bytea NOT NULL, backfill_id uuid")
    op.execute("CREATE INDEX segment_by_tenant ON segment (tenant, lane, first_position)")
    op.execute("CREATE INDEX segment_by_backfill ON segment (backfill_id) WHERE backfill_id IS NOT NULL")
    op.execute(
        """
        CREATE TABLE event_source (
            source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text NOT NULL,
            source text NOT NULL,
            UNIQUE (tenant, source)
        )
        """
    )
    # Column order leaves no padding: this table has a row an event.
    op.execute(
        """
        CREATE TABLE event_key (
            source_id integer NOT NULL,
            key_kind smallint NOT NULL,
            key uuid NOT NULL,
            lane smallint NOT NULL,
            position bigint NOT NULL,
            PRIMARY KEY (source_id, key_kind, key)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE backfill (
            id uuid PRIMARY KEY,
            tenant text NOT NULL,
            description text NOT NULL,
            period_start timestamptz,
            period_end timestamptz,
            opened_at timestamptz NOT NULL,
            closed_at timestamptz,
            CHECK ((period_start IS NULL) = (period_end IS NULL)),
            CHECK (period_start < period_end)
        )
        """
    )
    op.execute("CREATE INDEX backfill_newest ON backfill (tenant, opened_at DESC, id DESC)")
    for table in ("segment", "event_key", "event_source"):
        forbid_changes(op, table)
