"""Sessions, versions of the profile, and saved views."""

from __future__ import annotations

from alembic import op

from chassis.audit.store import create_audit_tables
from chassis.migrations import forbid_changes
from chassis.rpc.repeat import create_request_log_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_request_log_table(op)
    create_audit_tables(op)
    # A session is no fact: it is redeemed, used and revoked, and forgotten after a while. Who made it and who revoked
    # it stays in the audit trail. Of its secret only the hash is kept; redeeming a code puts that of the cookie there.
    op.execute(
        """
        CREATE TABLE session (
            tenant text NOT NULL,
            id text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('embed', 'link', 'operator')),
            secret_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(secret_sha256) = 32),
            code_sha256 bytea UNIQUE CHECK (octet_length(code_sha256) = 32),
            customer text NOT NULL CHECK (customer <> ''),
            pages text[] NOT NULL,
            locale text NOT NULL,
            reason text NOT NULL,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
            redeemed_at timestamptz,
            revoked_at timestamptz,
            last_used_at timestamptz,
            PRIMARY KEY (tenant, id)
        )
        """
    )
    op.execute("CREATE INDEX session_newest_first ON session (tenant, created_at DESC, id DESC)")
    op.execute("CREATE INDEX session_of_customer ON session (tenant, customer, created_at DESC, id DESC)")
    op.execute("CREATE INDEX session_by_end ON session (expires_at)")
    op.execute(
        """
        CREATE TABLE profile (
            tenant text NOT NULL,
            version int NOT NULL CHECK (version > 0),
            content jsonb NOT NULL,
            logo_png bytea NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, version)
        )
        """
    )
    forbid_changes(op, "profile")
    op.execute(
        """
        CREATE TABLE saved_view (
            tenant text NOT NULL,
            customer text NOT NULL,
            id text NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            query text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, customer, id),
            UNIQUE (tenant, customer, name)
        )
        """
    )
