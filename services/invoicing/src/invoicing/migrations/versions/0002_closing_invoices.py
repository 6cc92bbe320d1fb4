"""Adjustments on invoices of other contracts, and closing invoices of a customer and a currency."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns; releases before this one leave them empty.

    A closing invoice is filed in the column `contract` under a key of its customer and currency, which no name of a
    contract can be, so that the unique key on contract and billing period lets a run make only one.
    """
    # NULL in rows of releases before this one: their frozen text says it.
    op.execute("ALTER TABLE invoice ADD COLUMN currency text")
    # The invoice that bills the snapshot is filed under this and invoice_period. NULL: under the snapshot's contract.
    op.execute("ALTER TABLE billed_snapshot ADD COLUMN invoice_contract text")
