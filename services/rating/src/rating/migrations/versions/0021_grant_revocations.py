"""What takes grants back.

Revision ID: 0021
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0021"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; no grant that is there is taken back."""
    op.execute(
        """
        CREATE TABLE grant_revocation (
            tenant text COLLATE "C" NOT NULL,
            grant_id text COLLATE "C" NOT NULL,
            first_day date NOT NULL,
            reason text NOT NULL,
            revoked_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, grant_id)
        )
        """
    )
    forbid_changes(op, "grant_revocation")
