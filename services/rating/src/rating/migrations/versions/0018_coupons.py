"""Coupons, and who redeemed them.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0018"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. The id of a redemption ends with its number, so that their order is that of the ids."""
    op.execute(
        """
        CREATE TABLE coupon (
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            discount text NOT NULL,
            percent numeric CHECK (percent > 0 AND percent <= 100),
            amount numeric CHECK (amount > 0),
            currency text NOT NULL,
            items jsonb NOT NULL,
            periods integer CHECK (periods > 0),
            redeem_from date,
            redeem_until date CHECK (redeem_until > redeem_from),
            redemptions_max integer CHECK (redemptions_max > 0),
            per_customer integer NOT NULL CHECK (per_customer > 0),
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, name, version),
            CHECK ((percent IS NULL) <> (amount IS NULL))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE coupon_redemption (
            tenant text COLLATE "C" NOT NULL,
            coupon text COLLATE "C" NOT NULL,
            redemption_id text COLLATE "C" NOT NULL,
            coupon_version integer NOT NULL,
            customer text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            contract_version integer NOT NULL,
            discount jsonb NOT NULL,
            redeemed_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, coupon, redemption_id)
        )
        """
    )
    for table in ("coupon", "coupon_redemption"):
        forbid_changes(op, table)
