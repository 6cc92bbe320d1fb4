"""Versions of meters that are filled while the ones before them still rule, and take over once they are filled.

Revision ID: 0019
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; versions that are being filled now rule already, as they did before."""
    # A row while a version is pending; its absence means that it rules.
    op.execute("CREATE TABLE meter_pending (meter_id integer PRIMARY KEY)")
