"""The audit trail: who made which call that changes something."""

from __future__ import annotations

from alembic import op

from chassis.audit.store import create_audit_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create its tables."""
    create_audit_tables(op)
