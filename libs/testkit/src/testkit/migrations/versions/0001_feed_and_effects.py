"""A feed, a checkpoint, a request log, the effects of a consumer, and a table of facts."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes
from chassis.rpc.repeat import create_request_log_table
from eventlog.log.tables import create_checkpoint_table, create_feed_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_feed_tables(op, lanes=4, owner_columns="note bytea")
    create_checkpoint_table(op)
    create_request_log_table(op)
    # Without a key, so that an effect that happens twice is seen and not refused.
    op.execute("CREATE TABLE effect (consumer text NOT NULL, lane integer NOT NULL, position bigint NOT NULL)")
    op.execute("CREATE TABLE ledger (entry text PRIMARY KEY, amount numeric NOT NULL)")
    forbid_changes(op, "ledger")
