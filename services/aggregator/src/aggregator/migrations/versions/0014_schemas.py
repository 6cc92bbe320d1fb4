"""Schemas of event types, the events that they hold, and those that were held and count since."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the tables; no tenant has a schema yet. A fill may from now on be about a part of the past alone."""
    op.execute(
        """
        CREATE TABLE event_schema (
            schema_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            spec jsonb NOT NULL,
            reads_from timestamptz,
            created_at timestamptz NOT NULL,
            UNIQUE (tenant, name, version)
        )
        """
    )
    forbid_changes(op, "event_schema")
    op.execute(
        """
        CREATE TABLE held_event (
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL,
            schema_id integer NOT NULL,
            reason text COLLATE "C" NOT NULL,
            message text NOT NULL,
            event_type text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            source text NOT NULL,
            event_id text NOT NULL,
            event_time timestamptz NOT NULL,
            PRIMARY KEY (tenant, lane, position)
        )
        """
    )
    op.execute("CREATE INDEX held_event_by_customer ON held_event (tenant, customer, event_type, event_time)")
    op.execute(
        """
        CREATE TABLE held_void (
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            takes_back bigint NOT NULL,
            position bigint NOT NULL,
            PRIMARY KEY (tenant, lane, takes_back)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE released_event (
            tenant text COLLATE "C" NOT NULL,
            lane integer NOT NULL,
            position bigint NOT NULL,
            schema_id integer NOT NULL,
            released_at timestamptz NOT NULL,
            event_type text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            event_time timestamptz NOT NULL,
            PRIMARY KEY (tenant, lane, position)
        )
        """
    )
    op.execute("CREATE INDEX released_event_by_customer ON released_event (tenant, customer, released_at)")
    op.execute("ALTER TABLE meter_fill ADD COLUMN since timestamptz")
