"""Digests of frozen charges: what is read is what was rated, or it is refused."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns; rows of releases before this one have no digest."""
    # SHA-256 over all that the row says, and in a rated period over the digests of its charges.
    op.execute("ALTER TABLE rated_period ADD COLUMN digest bytea CHECK (length(digest) = 32)")
    op.execute("ALTER TABLE charge ADD COLUMN digest bytea CHECK (length(digest) = 32)")
