"""The audit trail: who made which call that changes something, and who reported which events."""

from __future__ import annotations

from alembic import op

from chassis.audit.store import create_audit_tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create its tables; a segment without the new column keeps its place in the chain."""
    create_audit_tables(op)
    op.execute("ALTER TABLE segment ADD COLUMN reported_by bytea")
