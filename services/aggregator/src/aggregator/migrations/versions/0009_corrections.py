"""Events that are taken back: those that did not count are noted beside what they took back, windows count less."""

from __future__ import annotations

from alembic import op

from eventlog.log.tables import add_entry_kind

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables; nothing was taken back yet."""
    add_entry_kind(op)
    op.execute(
        """
        CREATE TABLE parked_void (
            meter_id integer NOT NULL,
            lane integer NOT NULL,
            takes_back bigint NOT NULL,
            position bigint NOT NULL,
            event_time timestamptz NOT NULL,
            PRIMARY KEY (meter_id, lane, takes_back)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE unmatched_void (
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL,
            event_type text COLLATE "C" NOT NULL,
            takes_back bigint NOT NULL,
            PRIMARY KEY (tenant, lane, position)
        )
        """
    )
    op.execute("CREATE INDEX unmatched_void_takes_back ON unmatched_void (tenant, lane, takes_back)")
    # What is taken back may be counted after that, by a fill: a window may have less than nothing for a while.
    op.execute("ALTER TABLE usage_window DROP CONSTRAINT usage_window_event_count_check")
