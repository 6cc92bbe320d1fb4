"""Meters, windows, parked events, snapshots, the change feed and the place in the event log.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes
from chassis.rpc.repeat import create_request_log_table
from eventlog.log.tables import create_checkpoint_table, create_feed_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. Keys and paging compare text bytewise, whatever the locale of the database."""
    _create_catalog()
    _create_fills()
    _create_windows()
    _create_uncounted()
    _create_snapshots()
    create_request_log_table(op)
    create_checkpoint_table(op)
    # One lane: changes of one flush are few, and their readers want one order.
    # The two columns are of no use here; logs once had them all.
    create_feed_tables(op, lanes=1, owner_columns="customer_filter bytea NOT NULL, backfill_id uuid")


def _create_catalog() -> None:
    op.execute(
        """
        CREATE TABLE catalog_version (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            number bigint NOT NULL
        )
        """
    )
    op.execute("INSERT INTO catalog_version (number) VALUES (1)")
    op.execute(
        """
        CREATE TABLE meter (
            meter_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            spec jsonb NOT NULL,
            counts_from timestamptz,
            created_at timestamptz NOT NULL,
            UNIQUE (tenant, name, version)
        )
        """
    )


def _create_fills() -> None:
    op.execute(
        """
        CREATE TABLE fill (
            fill_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text COLLATE "C" NOT NULL,
            created_at timestamptz NOT NULL
        )
        """
    )
    # Where a fill ends: up to here the fill counts, after it the live fold does.
    op.execute(
        """
        CREATE TABLE fill_until (
            fill_id bigint NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL,
            PRIMARY KEY (fill_id, lane)
        )
        """
    )
    # A row while a meter is being filled; its absence means that the meter is filled.
    op.execute(
        """
        CREATE TABLE meter_fill (
            meter_id integer PRIMARY KEY,
            fill_id bigint NOT NULL
        )
        """
    )


def _create_windows() -> None:
    op.execute(
        """
        CREATE TABLE usage_window (
            meter_id integer NOT NULL,
            customer text COLLATE "C" NOT NULL,
            bucket_start timestamptz NOT NULL,
            group_key text COLLATE "C" NOT NULL,
            event_count bigint NOT NULL CHECK (event_count > 0),
            sum numeric CHECK (sum <> 'NaN'),
            min numeric CHECK (min <> 'NaN'),
            max numeric CHECK (max <> 'NaN'),
            latest numeric CHECK (latest <> 'NaN'),
            latest_at timestamptz,
            latest_id text COLLATE "C",
            flush_id bigint NOT NULL,
            PRIMARY KEY (meter_id, customer, bucket_start, group_key)
        )
        """
    )
    # Room on the page lets a window change without touching its index.
    op.execute("ALTER TABLE usage_window SET (fillfactor = 70)")
    op.execute(
        """
        CREATE TABLE usage_unique (
            meter_id integer NOT NULL,
            customer text COLLATE "C" NOT NULL,
            bucket_start timestamptz NOT NULL,
            group_key text COLLATE "C" NOT NULL,
            value text COLLATE "C" NOT NULL,
            PRIMARY KEY (meter_id, customer, bucket_start, group_key, value)
        )
        """
    )
    op.execute("CREATE SEQUENCE flush_id")
    op.execute(
        """
        CREATE TABLE process_span (
            flush_id bigint PRIMARY KEY,
            traceparent text NOT NULL
        )
        """
    )


def _create_uncounted() -> None:
    op.execute(
        """
        CREATE TABLE parked_event (
            meter_id integer NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL,
            reason text NOT NULL,
            message text NOT NULL,
            event_type text NOT NULL,
            customer text COLLATE "C" NOT NULL,
            source text NOT NULL,
            event_id text NOT NULL,
            event_time timestamptz NOT NULL,
            PRIMARY KEY (meter_id, lane, position)
        )
        """
    )
    op.execute("CREATE INDEX parked_event_by_customer ON parked_event (meter_id, customer, event_time)")
    op.execute(
        """
        CREATE TABLE unmatched_range (
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            first_position bigint NOT NULL,
            event_type text COLLATE "C" NOT NULL,
            last_position bigint NOT NULL,
            event_count bigint NOT NULL CHECK (event_count > 0),
            min_time timestamptz NOT NULL,
            PRIMARY KEY (tenant, lane, first_position, event_type)
        )
        """
    )


def _create_snapshots() -> None:
    op.execute(
        """
        CREATE TABLE seal_target (
            tenant text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL,
            revision integer NOT NULL,
            target jsonb NOT NULL,
            PRIMARY KEY (tenant, customer, period_start, period_end, revision)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE usage_snapshot (
            snapshot_id uuid PRIMARY KEY,
            tenant text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL,
            revision integer NOT NULL CHECK (revision > 0),
            amends_snapshot_id uuid,
            time_zone text NOT NULL,
            usage jsonb NOT NULL,
            as_of jsonb NOT NULL,
            sealed_at timestamptz NOT NULL,
            digest bytea NOT NULL CHECK (octet_length(digest) = 32),
            traceparent text NOT NULL,
            windows bytea NOT NULL,
            UNIQUE (tenant, customer, period_start, period_end, revision)
        )
        """
    )
    # Compressed already.
    op.execute("ALTER TABLE usage_snapshot ALTER COLUMN windows SET STORAGE EXTERNAL")
    forbid_changes(op, "usage_snapshot")
