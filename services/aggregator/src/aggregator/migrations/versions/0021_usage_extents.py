"""Bounds of the usage of each customer, so that who asks whose usage there is reads no windows.

Revision ID: 0021
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. Pages that are there, and those that a release before writes, are not in it yet, and say so."""
    # Days count from January 1st, 1970, in UTC. They only widen: what is taken back leaves them as they are.
    op.execute(
        """
        CREATE TABLE usage_extent (
            meter_id integer NOT NULL,
            customer text COLLATE "C" NOT NULL,
            first_day integer NOT NULL,
            last_day integer NOT NULL CHECK (last_day >= first_day),
            PRIMARY KEY (meter_id, customer)
        )
        """
    )
    op.execute("ALTER TABLE window_page ADD COLUMN in_extents boolean NOT NULL DEFAULT false")
    op.execute("CREATE INDEX window_page_not_in_extents ON window_page (meter_id) WHERE NOT in_extents")
