"""What sources say that they made, by number and by count, and when each was heard of."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the tables. Numbers are kept as ranges: a row a source and day, however many events."""
    op.execute(
        """
        CREATE TABLE source_sequence (
            tenant text COLLATE "C" NOT NULL,
            source text COLLATE "C" NOT NULL,
            day date NOT NULL,
            received int8multirange NOT NULL,
            made bigint NOT NULL,
            PRIMARY KEY (tenant, source, day)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE source_count (
            tenant text COLLATE "C" NOT NULL,
            source text COLLATE "C" NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL,
            event_count bigint NOT NULL CHECK (event_count >= 0),
            declared_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, source, period_start, period_end),
            CHECK (period_start < period_end)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE source_heard (
            tenant text COLLATE "C" NOT NULL,
            source text COLLATE "C" NOT NULL,
            day date NOT NULL,
            accepted bigint NOT NULL,
            duplicates bigint NOT NULL,
            conflicts bigint NOT NULL,
            refused bigint NOT NULL,
            last_heard_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, source, day)
        )
        """
    )
    op.execute("CREATE INDEX source_heard_by_day ON source_heard (tenant, day)")
