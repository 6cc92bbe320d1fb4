"""Segments say by which rule their chain is made: from now on it covers every column."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import add_chain_rule

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    add_chain_rule(op)
