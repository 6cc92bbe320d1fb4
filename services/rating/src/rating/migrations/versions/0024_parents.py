"""Customers may belong to others.

Revision ID: 0024
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no customer that is there belongs to another one."""
    op.execute("""ALTER TABLE customer ADD COLUMN parent text COLLATE "C" NOT NULL DEFAULT ''""")
    op.execute("CREATE INDEX customer_by_parent ON customer (tenant, parent) WHERE parent <> ''")
