"""Notices of price changes, and plans that ask for them.

Revision ID: 0013
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; a plan that is there asks for no notice."""
    op.execute("ALTER TABLE plan ADD COLUMN notice jsonb NOT NULL DEFAULT 'null'")
    op.execute(
        """
        CREATE TABLE price_notice (
            tenant text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            plan text COLLATE "C" NOT NULL,
            plan_version integer NOT NULL,
            customer text COLLATE "C" NOT NULL,
            kind text NOT NULL,
            sent_at timestamptz NOT NULL,
            starts_at timestamptz NOT NULL,
            document jsonb NOT NULL,
            PRIMARY KEY (tenant, contract, plan, plan_version)
        )
        """
    )
    op.execute("CREATE INDEX notice_of_customer ON price_notice (tenant, customer, contract, plan, plan_version)")
    forbid_changes(op, "price_notice")
