"""The tenants that have usage: whoever counts what stays unbilled looks at each of them, with or without a catalog."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table, and begin with the tenants that have a customer; the change feed names the others."""
    op.execute("""CREATE TABLE usage_tenant (tenant text COLLATE "C" PRIMARY KEY)""")
    op.execute("INSERT INTO usage_tenant (tenant) SELECT DISTINCT tenant FROM customer")
