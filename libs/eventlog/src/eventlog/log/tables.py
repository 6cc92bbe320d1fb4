"""The feed's tables, for the first migration of a service that writes or reads a feed.

They have no foreign keys, and no statement spans several shards, so the same tables work on a distributed Postgres with
`segment` distributed by lane, and `lane_head`, `feed_epoch`, `feed_epoch_lane` and `feed_checkpoint` on one shard each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.migrations import forbid_changes
from eventlog.feed.chain import RULE_PAYLOAD
from eventlog.feed.cursor import CHAIN_START
from eventlog.feed.kinds import EntryKind

if TYPE_CHECKING:
    from alembic.operations import Operations

FEED_FACT_TABLES: Final = ("segment", "feed_epoch", "feed_epoch_lane")
"""Tables of a writer to which rows are only ever added: part of the service's FACT_TABLES."""
LANES_DEFAULT: Final = 16
"""A lane has one writer at a time, so writers beyond this number wait for one another."""


def create_feed_tables(op: Operations, *, lanes: int = LANES_DEFAULT, owner_columns: str = "") -> None:
    """Create and fill the tables that a writer of a feed needs: the epoch, `lanes` lane heads and the segments.

    `owner_columns` are comma-separated definitions of columns that the log's owner adds to `segment`.
    """
    op.execute(
        """
        CREATE TABLE feed_epoch (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            epoch uuid NOT NULL
        )
        """
    )
    op.execute("INSERT INTO feed_epoch (epoch) VALUES (gen_random_uuid())")
    op.execute(
        """
        CREATE TABLE lane_head (
            lane integer PRIMARY KEY CHECK (lane >= 0),
            position bigint NOT NULL CHECK (position >= 0),
            chain bytea NOT NULL CHECK (octet_length(chain) = 32)
        )
        """
    )
    # Free space on the page lets a head move without touching its index.
    op.execute("ALTER TABLE lane_head SET (fillfactor = 50)")
    op.execute(
        f"INSERT INTO lane_head (lane, position, chain) "  # noqa: S608 - numbers of our own
        f"SELECT lane, 0, '\\x{CHAIN_START.hex()}' FROM generate_series(0, {int(lanes) - 1}) AS lane"
    )
    op.execute(
        f"""
        CREATE TABLE segment (
            lane integer NOT NULL,
            first_position bigint NOT NULL CHECK (first_position > 0),
            count integer NOT NULL CHECK (count > 0),
            tenant text NOT NULL,
            payload bytea NOT NULL,
            digest bytea NOT NULL CHECK (octet_length(digest) = 32),
            chain bytea NOT NULL CHECK (octet_length(chain) = 32),
            accepted_at timestamptz NOT NULL,
            traceparent text NOT NULL,
            min_time timestamptz NOT NULL,
            max_time timestamptz NOT NULL,
            {f"{owner_columns}," if owner_columns else ""}
            PRIMARY KEY (lane, first_position)
        )
        """
    )
    # The payload is already compressed; a second attempt by the server would only waste time.
    op.execute("ALTER TABLE segment ALTER COLUMN payload SET STORAGE EXTERNAL")


def add_chain_rule(op: Operations) -> None:
    """Let segments say by which rule their chain is made; those that are there, and older writers, follow rule 1."""
    op.execute(f"ALTER TABLE segment ADD COLUMN chain_rule integer NOT NULL DEFAULT {RULE_PAYLOAD}")


def add_entry_kind(op: Operations) -> None:
    """Let segments say of which kind their entries are; those that are there, and of older writers, are plain."""
    op.execute(f"ALTER TABLE segment ADD COLUMN kind integer NOT NULL DEFAULT {EntryKind.PLAIN:d}")


def number_epochs(op: Operations) -> None:
    """Let a log have a line of epochs: each renewal is a fact, and so is where each lane ended when it was made.

    The release before reads the epoch as the only row of its table, and goes on doing so until the first renewal.
    """
    op.execute(
        """
        ALTER TABLE feed_epoch
            DROP COLUMN only_row,
            ADD COLUMN number integer NOT NULL DEFAULT 1 CHECK (number > 0),
            ADD COLUMN renewed_at timestamptz,
            ADD COLUMN reason text NOT NULL DEFAULT '',
            ADD PRIMARY KEY (number),
            ADD UNIQUE (epoch)
        """
    )
    op.execute("ALTER TABLE feed_epoch ALTER COLUMN number DROP DEFAULT")
    # Up to here the log of this epoch is the log of the one before.
    op.execute(
        """
        CREATE TABLE feed_epoch_lane (
            number integer NOT NULL CHECK (number > 1),
            lane integer NOT NULL,
            shared_up_to bigint NOT NULL CHECK (shared_up_to >= 0),
            PRIMARY KEY (number, lane)
        )
        """
    )
    for table in ("feed_epoch", "feed_epoch_lane"):
        forbid_changes(op, table)


def create_checkpoint_table(op: Operations) -> None:
    """Create the table that a consumer of feeds needs: its place in every lane, moved by the applying transaction."""
    op.execute(
        """
        CREATE TABLE feed_checkpoint (
            consumer text NOT NULL,
            lane integer NOT NULL CHECK (lane >= 0),
            epoch uuid NOT NULL,
            position bigint NOT NULL CHECK (position >= 0),
            chain bytea NOT NULL CHECK (octet_length(chain) = 32),
            PRIMARY KEY (consumer, lane)
        )
        """
    )
    op.execute("ALTER TABLE feed_checkpoint SET (fillfactor = 50)")


def create_sharing_tables(op: Operations) -> None:
    """Create the tables by which the instances of a consumer share the lanes of its feed; nothing in them is a fact."""
    op.execute(
        """
        CREATE TABLE feed_follower (
            consumer text NOT NULL,
            follower uuid NOT NULL,
            name text NOT NULL,
            since timestamptz NOT NULL,
            seen_at timestamptz NOT NULL,
            PRIMARY KEY (consumer, follower)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE feed_lease (
            consumer text NOT NULL,
            lane integer NOT NULL CHECK (lane >= 0),
            follower uuid NOT NULL,
            PRIMARY KEY (consumer, lane)
        )
        """
    )
    for table in ("feed_follower", "feed_lease"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")
