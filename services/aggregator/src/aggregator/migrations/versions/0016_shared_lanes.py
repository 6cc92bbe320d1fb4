"""Replicas share the lanes of the event log.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import create_sharing_tables

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of who lives and who holds which lane."""
    create_sharing_tables(op)
