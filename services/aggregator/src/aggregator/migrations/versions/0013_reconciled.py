"""How far the log was read again to compare it with what is counted, and what came of it.

Revision ID: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. They hold nothing that can't be made again by reading the log."""
    op.execute(
        """
        CREATE TABLE reconciled_meter (
            meter_id integer PRIMARY KEY,
            place jsonb NOT NULL,
            terms jsonb NOT NULL,
            worked_at timestamptz NOT NULL,
            checked_at timestamptz,
            difference bigint NOT NULL DEFAULT 0 CHECK (difference >= 0)
        )
        """
    )
    # One replica at a time compares: two would only do the same work twice.
    op.execute(
        """
        CREATE TABLE reconciling_turn (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            holder uuid NOT NULL,
            until timestamptz NOT NULL
        )
        """
    )
