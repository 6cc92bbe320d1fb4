"""Exact amounts of lines may be fractions."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column: the amount is divided by it, in lowest terms; empty where the amount is a decimal."""
    op.execute("ALTER TABLE invoice_line ADD COLUMN exact_divisor numeric CHECK (exact_divisor > 1)")
