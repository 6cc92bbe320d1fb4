"""Segments of a log say of which kind their entries are."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import add_entry_kind

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; all that this service tells stays plain."""
    add_entry_kind(op)
