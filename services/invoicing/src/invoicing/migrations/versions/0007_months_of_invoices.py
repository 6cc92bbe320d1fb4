"""Invoices whose period is labelled by no month say to which month they belong."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column, empty where the label of the period is the month, and the index by it."""
    op.execute("ALTER TABLE invoice ADD COLUMN month text")
    op.execute("CREATE INDEX invoice_by_month ON invoice (tenant, (COALESCE(month, billing_period)))")
