"""Exact amounts of charges may be fractions.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: the amount is divided by it, in lowest terms; empty where the amount is a decimal."""
    op.execute("ALTER TABLE charge ADD COLUMN exact_divisor numeric CHECK (exact_divisor > 1)")
