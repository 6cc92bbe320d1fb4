"""What was refused is counted, and some of it kept as it was sent."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create its tables. They are no facts: counts grow, samples make room for newer ones, and both are forgotten."""
    op.execute(
        """
        CREATE TABLE refusal_count (
            tenant text COLLATE "C" NOT NULL,
            day date NOT NULL,
            source text COLLATE "C" NOT NULL,
            type text COLLATE "C" NOT NULL,
            reason text COLLATE "C" NOT NULL,
            field text COLLATE "C" NOT NULL,
            is_rest boolean NOT NULL,
            event_count bigint NOT NULL CHECK (event_count > 0),
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, day, source, type, reason, field, is_rest)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE refusal_sample (
            sample_id bigint GENERATED ALWAYS AS IDENTITY,
            tenant text COLLATE "C" NOT NULL,
            reason text COLLATE "C" NOT NULL,
            refused_at timestamptz NOT NULL,
            batch_index integer NOT NULL,
            event_id text NOT NULL,
            source text COLLATE "C" NOT NULL,
            type text COLLATE "C" NOT NULL,
            customer text NOT NULL,
            field text NOT NULL,
            message text NOT NULL,
            body bytea NOT NULL,
            body_bytes bigint NOT NULL,
            reported_by text NOT NULL,
            PRIMARY KEY (tenant, reason, sample_id)
        )
        """
    )
