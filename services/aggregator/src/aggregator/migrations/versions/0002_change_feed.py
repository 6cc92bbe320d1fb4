"""The change feed's segments no longer name the customer filter, which only the event log has."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Let segments be added without a filter; releases before this one still write it."""
    op.execute("ALTER TABLE segment ALTER COLUMN customer_filter SET DEFAULT ''")
