"""The log's epoch can be renewed."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import number_epochs

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Give the epoch that there is the number 1."""
    number_epochs(op)
