"""The change feed's epoch can be renewed, which is a fact, and what the feed shares with the former one is known."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import number_epochs

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Give the epoch that there is the number 1."""
    number_epochs(op)
