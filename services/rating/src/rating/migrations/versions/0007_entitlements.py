"""Features of plans, grants, and reservations.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables; a plan that is there has no features."""
    op.execute("ALTER TABLE plan ADD COLUMN features jsonb NOT NULL DEFAULT '[]'")
    op.execute(
        """
        CREATE TABLE entitlement_grant (
            tenant text COLLATE "C" NOT NULL,
            grant_id text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            feature text COLLATE "C" NOT NULL,
            quantity numeric NOT NULL CHECK (quantity > 0),
            first_day date NOT NULL,
            until_day date CHECK (until_day > first_day),
            priority integer NOT NULL CHECK (priority BETWEEN 0 AND 100),
            note text NOT NULL,
            granted_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, grant_id)
        )
        """
    )
    op.execute("CREATE INDEX grant_of_customer ON entitlement_grant (tenant, customer, feature, granted_at)")
    op.execute(
        """
        CREATE TABLE reservation (
            tenant text COLLATE "C" NOT NULL,
            reservation_id text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            feature text COLLATE "C" NOT NULL,
            asked numeric NOT NULL CHECK (asked > 0),
            quantity numeric NOT NULL CHECK (quantity > 0),
            is_partial boolean NOT NULL,
            ttl_s integer NOT NULL CHECK (ttl_s > 0),
            made_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, reservation_id)
        )
        """
    )
    op.execute("CREATE INDEX reservation_of_feature ON reservation (tenant, customer, feature, made_at)")
    # settled_quantity NULL: released.
    op.execute(
        """
        CREATE TABLE reservation_outcome (
            tenant text COLLATE "C" NOT NULL,
            reservation_id text COLLATE "C" NOT NULL,
            settled_quantity numeric CHECK (settled_quantity >= 0),
            ended_at timestamptz NOT NULL,
            reported jsonb,
            PRIMARY KEY (tenant, reservation_id)
        )
        """
    )
    for table in ("entitlement_grant", "reservation", "reservation_outcome"):
        forbid_changes(op, table)
