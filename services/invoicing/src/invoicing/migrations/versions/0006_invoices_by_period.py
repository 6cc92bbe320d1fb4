"""An index of invoices by the month that they are of."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the index: revenue adds up months, and lists ask for them."""
    op.execute("CREATE INDEX invoice_by_period ON invoice (tenant, billing_period)")
