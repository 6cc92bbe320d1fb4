"""Windows in pages of columns instead of a row each; all usage is counted again from the log.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


_COUNTED_AGAIN = (
    "parked_event",
    "parked_void",
    "unmatched_void",
    "meter_group",
    "meter_group_count",
    "meter_fill",
    "fill_until",
    "fill",
)


def upgrade() -> None:
    """Create the pages, drop the rows, and let fills count all that the rows had counted."""
    # Whoever has read a batch by the meters in force before this reads it anew, or, of a release before, fails on a
    # table that is not there: neither can count into what is dropped.
    op.execute("UPDATE catalog_version SET number = number + 1")
    op.execute("DROP TABLE usage_window, usage_unique")
    # Customers are those of the first and the last window: pages are read by customer and month.
    op.execute(
        """
        CREATE TABLE window_page (
            page_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            meter_id integer NOT NULL,
            month integer NOT NULL,
            level smallint NOT NULL CHECK (level >= 0),
            run_id bigint NOT NULL,
            first_customer text COLLATE "C" NOT NULL,
            last_customer text COLLATE "C" NOT NULL CHECK (last_customer >= first_customer),
            windows integer NOT NULL CHECK (windows > 0),
            payload bytea NOT NULL
        )
        """
    )
    # Compressed already.
    op.execute("ALTER TABLE window_page ALTER COLUMN payload SET STORAGE EXTERNAL")
    op.execute(
        """
        CREATE INDEX window_page_by_customer ON window_page (meter_id, month, last_customer, first_customer)
        INCLUDE (level, run_id)
        """
    )
    _count_again()


def _count_again() -> None:
    """Begin a fill for each tenant that has counted anything, as a rebuild of all its meters does."""
    for table in (
        "parked_event",
        "parked_void",
        "unmatched_void",
        "meter_group",
        "meter_group_count",
        "meter_fill",
        "fill_until",
        "fill",
    ):
        op.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    op.execute("DELETE FROM feed_checkpoint WHERE consumer LIKE 'fill:%'")
    op.execute(
        """
        INSERT INTO fill (tenant, created_at)
        SELECT DISTINCT tenant, now() FROM meter
        WHERE EXISTS (SELECT FROM feed_checkpoint WHERE consumer = 'usage' AND position > 0)
        """
    )
    # As far as each tenant was counted: where the live fold is, or its backlog where it was left out.
    op.execute(
        """
        INSERT INTO fill_until (fill_id, lane, position)
        SELECT f.fill_id, live.lane,
               CASE WHEN u.position > COALESCE(own.position, 0) THEN COALESCE(own.position, 0) ELSE live.position END
        FROM fill AS f
        JOIN feed_checkpoint AS live ON live.consumer = 'usage'
        LEFT JOIN backlog AS b ON b.tenant = f.tenant
        LEFT JOIN backlog_until AS u ON u.backlog_id = b.backlog_id AND u.lane = live.lane
        LEFT JOIN feed_checkpoint AS own ON own.consumer = 'backlog:' || b.backlog_id AND own.lane = live.lane
        """
    )
    op.execute(
        """
        INSERT INTO meter_fill (meter_id, fill_id)
        SELECT m.meter_id, f.fill_id FROM meter AS m JOIN fill AS f USING (tenant)
        """
    )
