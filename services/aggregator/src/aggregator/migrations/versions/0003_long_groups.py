"""Groups that are longer than an index takes are kept beside the key, which then holds their hash."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; no row needs one yet, and releases before this one don't know them."""
    for table in ("usage_window", "usage_unique"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN long_group text")
