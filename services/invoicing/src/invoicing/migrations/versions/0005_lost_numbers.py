"""Numbers that a restore has lost, and whether it holds all numbers back until somebody has stated the last ones."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables; a release before this one gives numbers as before, also after lost ones."""
    # The newest row decides for all series of all tenants: a restored database can't name the series that it lost.
    op.execute(
        """
        CREATE TABLE number_hold (
            number bigint PRIMARY KEY CHECK (number > 0),
            holds boolean NOT NULL,
            reason text NOT NULL,
            decided_at timestamptz NOT NULL
        )
        """
    )
    # hold: the one that was in force, 0 = none. first_sequence = last_sequence + 1: stated that none was lost.
    op.execute(
        """
        CREATE TABLE lost_number (
            tenant text NOT NULL,
            prefix text NOT NULL,
            hold bigint NOT NULL CHECK (hold >= 0),
            first_sequence bigint NOT NULL CHECK (first_sequence > 0),
            last_sequence bigint NOT NULL CHECK (last_sequence >= first_sequence - 1),
            reason text NOT NULL,
            stated_by text NOT NULL,
            stated_at timestamptz NOT NULL,
            previous_chain bytea NOT NULL CHECK (length(previous_chain) = 32),
            chain bytea NOT NULL CHECK (length(chain) = 32),
            PRIMARY KEY (tenant, prefix, hold, last_sequence)
        )
        """
    )
    for table in ("number_hold", "lost_number"):
        forbid_changes(op, table)
