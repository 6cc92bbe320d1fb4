"""Events can be voided and replaced: entries of kinds of their own, and an index of them by the event's identity."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes
from eventlog.log.tables import add_entry_kind

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the index. It can be made again from the log, which says all of it."""
    add_entry_kind(op)
    op.execute("ALTER TABLE segment ADD COLUMN correction bytea")
    op.execute("ALTER TABLE backfill ADD COLUMN reverted_at timestamptz")
    op.execute(
        """
        CREATE TABLE event_correction (
            source_id integer NOT NULL,
            key_kind smallint NOT NULL,
            key uuid NOT NULL,
            lane smallint NOT NULL,
            position bigint NOT NULL,
            kind smallint NOT NULL,
            takes_back bigint CHECK (takes_back < position),
            PRIMARY KEY (source_id, key_kind, key, position),
            CHECK ((kind = 1) = (takes_back IS NOT NULL))
        )
        """
    )
    # Unique: whatever happens, no entry is taken back twice.
    op.execute("CREATE UNIQUE INDEX event_correction_takes_back ON event_correction (lane, takes_back)")
    forbid_changes(op, "event_correction")
