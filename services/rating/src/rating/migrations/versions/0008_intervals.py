"""Periods of a contract may have several intervals, counted from a day.

Revision ID: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a version without them has one interval a period, counted from its start."""
    op.execute(
        "ALTER TABLE contract ADD COLUMN anchor date,"
        " ADD COLUMN every integer NOT NULL DEFAULT 1 CHECK (every BETWEEN 1 AND 36)"
    )
