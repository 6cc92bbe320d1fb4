"""When a meter had no room for one more group: from then on all that it does not tell apart count as one.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a meter that is at its limit is full as soon as it meets one more group."""
    op.execute("ALTER TABLE meter_group_count ADD COLUMN full_since timestamptz")
