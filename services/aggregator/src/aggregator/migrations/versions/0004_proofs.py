"""Segments say by which rule their chain is made, and snapshots have a digest over all that they say."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import add_chain_rule

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; the snapshots that are there are proven by the digest they have."""
    add_chain_rule(op)
    op.execute(
        """
        ALTER TABLE usage_snapshot
            ADD COLUMN windows_digest bytea CHECK (octet_length(windows_digest) = 32),
            ADD COLUMN head_digest bytea CHECK (octet_length(head_digest) = 32)
        """
    )
