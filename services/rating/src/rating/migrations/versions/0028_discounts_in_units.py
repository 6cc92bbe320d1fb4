"""Coupons may take units off quantities, in place of percent or an amount off what is charged.

Revision ID: 0028
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the sizes. The constraint that names percent and amount alone gives way to one of all four."""
    op.execute(
        """
        DO $$
        DECLARE old text;
        BEGIN
            SELECT conname INTO STRICT old FROM pg_constraint
            WHERE conrelid = 'coupon'::regclass AND contype = 'c'
              AND pg_get_constraintdef(oid) LIKE '%percent IS NULL%amount IS NULL%';
            EXECUTE format('ALTER TABLE coupon DROP CONSTRAINT %I', old);
        END $$
        """
    )
    op.execute(
        """
        ALTER TABLE coupon
            ADD COLUMN usage numeric CHECK (usage > 0),
            ADD COLUMN usage_percent numeric CHECK (usage_percent > 0 AND usage_percent <= 100),
            ADD CONSTRAINT coupon_one_size CHECK (num_nonnulls(percent, amount, usage, usage_percent) = 1)
        """
    )
