"""Contracts may be add-ons of others.

Revision ID: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no contract that is there is an add-on."""
    op.execute("""ALTER TABLE contract ADD COLUMN extends text COLLATE "C" NOT NULL DEFAULT ''""")
