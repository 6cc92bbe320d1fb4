"""Copies of events by customer, for scans of few customers: derived from the log, and made anew when they are gone."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables: how far each lane of a tenant is copied, and the copies."""
    # `last_segment` begins the segment with which the copy ends, and `chain` proves that it is still there.
    op.execute(
        """
        CREATE TABLE customer_copy (
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            copied_up_to bigint NOT NULL DEFAULT 0,
            last_segment bigint NOT NULL DEFAULT 0,
            chain bytea,
            PRIMARY KEY (tenant, lane)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE customer_block (
            block_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            slot integer NOT NULL,
            first_position bigint NOT NULL,
            count integer NOT NULL,
            kind integer NOT NULL,
            min_time timestamptz NOT NULL,
            max_time timestamptz NOT NULL,
            positions bytea NOT NULL,
            payload bytea NOT NULL,
            digest bytea NOT NULL CHECK (octet_length(digest) = 32)
        )
        """
    )
    op.execute("CREATE INDEX customer_block_by_slot ON customer_block (tenant, lane, slot, first_position)")
    # Compressed already, and never looked at when blocks are chosen.
    for column in ("positions", "payload"):
        op.execute(f"ALTER TABLE customer_block ALTER COLUMN {column} SET STORAGE EXTERNAL")
