"""How a version of a plan takes effect.

Revision ID: 0027
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: versions that are there take effect with periods, for all contracts."""
    op.execute("ALTER TABLE plan ADD COLUMN effect jsonb NOT NULL DEFAULT '{}'")
