"""Parked events that count since a meter was mended are kept by name, so that counting again comes to the same."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table. It is made from the log and the catalog's state then, and goes when the log is lost."""
    op.execute(
        """
        CREATE TABLE requeued_event (
            meter_id integer NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL,
            value_property text NOT NULL,
            value_expression text NOT NULL,
            parks_negative boolean NOT NULL,
            requeued_at timestamptz NOT NULL,
            customer text COLLATE "C" NOT NULL,
            event_time timestamptz NOT NULL,
            PRIMARY KEY (meter_id, lane, position)
        )
        """
    )
    op.execute("CREATE INDEX requeued_event_by_customer ON requeued_event (meter_id, customer, requeued_at)")
