"""Contracts say from which day their plan rules, and why a version was made.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. A version without a day was made before there were any: the default rule says its day."""
    op.execute("ALTER TABLE contract ADD COLUMN effective_day date, ADD COLUMN reason text NOT NULL DEFAULT ''")
