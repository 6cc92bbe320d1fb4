"""Contracts say on which days they stand still.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: pairs of a first day and the first day after it."""
    op.execute("ALTER TABLE contract ADD COLUMN pauses jsonb NOT NULL DEFAULT '[]'")
