"""Profiles that are tried on a customer's pages before they are saved."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    # What is tried is no fact: the next try replaces it, and it goes with the session on whose pages it is tried.
    op.execute(
        """
        CREATE TABLE tried_profile (
            tenant text NOT NULL,
            session_id text NOT NULL,
            content jsonb NOT NULL,
            logo_png bytea NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, session_id),
            FOREIGN KEY (tenant, session_id) REFERENCES session (tenant, id) ON DELETE CASCADE
        )
        """
    )
