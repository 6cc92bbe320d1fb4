"""Tenants with more events than the live fold takes at once are counted in turns of their own."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables; nobody has a backlog yet."""
    # A row while a tenant's events are left out by the live fold. Its place in the log is in feed_checkpoint.
    op.execute(
        """
        CREATE TABLE backlog (
            backlog_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text COLLATE "C" NOT NULL UNIQUE,
            created_at timestamptz NOT NULL
        )
        """
    )
    # The last events of the tenant that the live fold has left out, by lane.
    op.execute(
        """
        CREATE TABLE backlog_until (
            backlog_id bigint NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL CHECK (position > 0),
            PRIMARY KEY (backlog_id, lane)
        )
        """
    )
