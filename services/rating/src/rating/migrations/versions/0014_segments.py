"""Plans change inside a period, which is then rated by segments.

Revision ID: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: whether a plan rules from its day itself on, and the parts of a period with their plans."""
    op.execute("ALTER TABLE contract ADD COLUMN mid_period boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE rated_period ADD COLUMN segments jsonb NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE live_period ADD COLUMN segments jsonb NOT NULL DEFAULT '[]'")
