"""Contracts say how many seats they have, by day.

Revision ID: 0022
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: no contract has seats yet."""
    op.execute("ALTER TABLE contract ADD COLUMN seats jsonb NOT NULL DEFAULT '[]'")
