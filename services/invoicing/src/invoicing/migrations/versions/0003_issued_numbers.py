"""Every number a series has given, as a fact: a series that was cut short, or put back, shows by it."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table, and fill it with the invoices there are."""
    op.execute(
        """
        CREATE TABLE issued_number (
            tenant text NOT NULL,
            prefix text NOT NULL,
            sequence bigint NOT NULL CHECK (sequence > 0),
            chain bytea NOT NULL CHECK (length(chain) = 32),
            PRIMARY KEY (tenant, prefix, sequence)
        )
        """
    )
    op.execute(
        "INSERT INTO issued_number (tenant, prefix, sequence, chain)"
        " SELECT tenant, prefix, sequence, chain FROM invoice"
    )
    forbid_changes(op, "issued_number")
