"""Contracts have prices of their own.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: a list of overrides."""
    op.execute("ALTER TABLE contract ADD COLUMN overrides jsonb NOT NULL DEFAULT '[]'")
