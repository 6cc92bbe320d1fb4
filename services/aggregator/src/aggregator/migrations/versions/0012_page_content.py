"""A page has an id of its own for ever, so that one that was read need not be read again.

Revision ID: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give each page a random id: keys that count come again after a failover that loses the last of them."""
    op.execute("ALTER TABLE window_page ADD COLUMN content_id uuid NOT NULL DEFAULT gen_random_uuid()")
