"""Plans have bounds, and contracts have commitments.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a plan that is there has no bounds, and a contract no commitments."""
    op.execute("ALTER TABLE plan ADD COLUMN bounds jsonb NOT NULL DEFAULT 'null'")
    op.execute("ALTER TABLE contract ADD COLUMN commitments jsonb NOT NULL DEFAULT '[]'")
