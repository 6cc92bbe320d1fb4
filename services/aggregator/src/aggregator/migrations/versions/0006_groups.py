"""Which groups a meter counts is decided once, and written down."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables, with the groups that there are."""
    # Kept by rebuilds, so that these give the same windows again. The hash is the SHA-256 of the key in `usage_window`.
    op.execute(
        """
        CREATE TABLE meter_group (
            meter_id integer NOT NULL,
            group_hash bytea NOT NULL CHECK (octet_length(group_hash) = 32),
            PRIMARY KEY (meter_id, group_hash)
        )
        """
    )
    op.execute(
        """
        INSERT INTO meter_group
        SELECT meter_id, sha256(convert_to(group_key, 'UTF8'))
        FROM (SELECT DISTINCT meter_id, group_key FROM usage_window) AS counted
        """
    )
    # How many there are, so that no flush has to count them.
    op.execute(
        """
        CREATE TABLE meter_group_count (
            meter_id integer PRIMARY KEY,
            groups bigint NOT NULL CHECK (groups >= 0)
        )
        """
    )
    op.execute("INSERT INTO meter_group_count SELECT meter_id, count(*) FROM meter_group GROUP BY meter_id")
