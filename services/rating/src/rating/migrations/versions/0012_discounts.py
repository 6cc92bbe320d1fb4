"""Contracts have discounts, whose charges are below zero.

Revision ID: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: a list of discounts. Only a charge of a discount, which names no meter, is below zero."""
    op.execute("ALTER TABLE contract ADD COLUMN discounts jsonb NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE charge DROP CONSTRAINT charge_exact_amount_check")
    op.execute(
        "ALTER TABLE charge ADD CONSTRAINT charge_exact_amount_check"
        " CHECK (exact_amount <> 'NaN' AND (exact_amount >= 0 OR meter = ''))"
    )
