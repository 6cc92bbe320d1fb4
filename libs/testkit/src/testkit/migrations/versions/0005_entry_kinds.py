"""Segments of a log say of which kind their entries are."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import add_entry_kind

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    add_entry_kind(op)
