"""Wallets: lots of credit, what takes them back, and what was drawn from them.

Revision ID: 0025
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0025"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; nobody has any credit."""
    op.execute(
        """
        CREATE TABLE credit_lot (
            tenant text COLLATE "C" NOT NULL,
            lot_id text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            number integer NOT NULL,
            currency text COLLATE "C" NOT NULL,
            amount numeric NOT NULL CHECK (amount > 0),
            first_day date NOT NULL,
            until_day date,
            priority integer NOT NULL,
            items jsonb NOT NULL,
            kind text COLLATE "C" NOT NULL,
            taxed text COLLATE "C" NOT NULL,
            reason text NOT NULL,
            granted_at timestamptz NOT NULL,
            contract text COLLATE "C" NOT NULL,
            PRIMARY KEY (tenant, lot_id),
            UNIQUE (tenant, customer, number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE credit_void (
            tenant text COLLATE "C" NOT NULL,
            lot_id text COLLATE "C" NOT NULL,
            reason text NOT NULL,
            voided_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, lot_id)
        )
        """
    )
    # What a frozen charge of a lot draws beyond the one that it amends; below zero where it gives back.
    op.execute(
        """
        CREATE TABLE credit_draw (
            tenant text COLLATE "C" NOT NULL,
            lot_id text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            billing_period text COLLATE "C" NOT NULL,
            snapshot_id text COLLATE "C" NOT NULL,
            line text COLLATE "C" NOT NULL,
            first_day date NOT NULL,
            last_day date NOT NULL,
            amount numeric NOT NULL,
            drawn_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, lot_id, contract, billing_period, snapshot_id, line, first_day, last_day)
        )
        """
    )
    for table in ("credit_lot", "credit_void", "credit_draw"):
        forbid_changes(op, table)
