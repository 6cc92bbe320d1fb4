"""Billing profiles, number series, and invoices that never change."""

from __future__ import annotations

from alembic import op
from chassis.requests import create_request_log

revision = "0001"
down_revision = None

_REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are facts and never change; bill a correction instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    """Create the tables."""
    create_request_log(op)
    op.execute(
        """
        CREATE TABLE billing_profile (
            tenant text NOT NULL, version int NOT NULL CHECK (version > 0), seller text NOT NULL,
            number_prefix text NOT NULL, grace_s int NOT NULL CHECK (grace_s >= 0), created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, version))
        """
    )
    op.execute(
        """
        CREATE TABLE invoice_series (
            tenant text NOT NULL, prefix text NOT NULL, last_sequence bigint NOT NULL,
            chain bytea NOT NULL CHECK (length(chain) = 32), PRIMARY KEY (tenant, prefix))
        """
    )
    op.execute(
        """
        CREATE TABLE invoice (
            tenant text NOT NULL, number text NOT NULL, prefix text NOT NULL, sequence bigint NOT NULL,
            contract text NOT NULL, billing_period text NOT NULL, customer text NOT NULL,
            finalized_at timestamptz NOT NULL, canonical_json bytea NOT NULL,
            digest bytea NOT NULL CHECK (digest = sha256(canonical_json)),
            previous_chain bytea NOT NULL CHECK (length(previous_chain) = 32),
            chain bytea NOT NULL CHECK (chain = sha256(previous_chain || digest)),
            PRIMARY KEY (tenant, number), UNIQUE (tenant, prefix, sequence), UNIQUE (tenant, contract, billing_period))
        """
    )
    op.execute(
        """
        CREATE TABLE invoice_line (
            tenant text NOT NULL, line_id text NOT NULL, number text NOT NULL, ordinal int NOT NULL CHECK (ordinal > 0),
            contract text NOT NULL, billing_period text NOT NULL, kind text NOT NULL, item text NOT NULL,
            quantity numeric NOT NULL CHECK (quantity <> 'NaN'), amount numeric NOT NULL CHECK (amount <> 'NaN'),
            exact_amount numeric NOT NULL CHECK (exact_amount <> 'NaN'), charge_id text NOT NULL,
            snapshot_id text NOT NULL, adjusts_line_id text, traceparent text NOT NULL,
            revision int NOT NULL CHECK (revision > 0),
            PRIMARY KEY (tenant, line_id), UNIQUE (tenant, number, ordinal))
        """
    )
    op.execute("CREATE INDEX invoice_line_by_period ON invoice_line (tenant, contract, billing_period, item)")
    op.execute(
        """
        CREATE TABLE billed_snapshot (
            tenant text NOT NULL, contract text NOT NULL, billing_period text NOT NULL, revision int NOT NULL,
            snapshot_id text NOT NULL, period_start timestamptz NOT NULL, period_end timestamptz NOT NULL,
            number text NOT NULL, PRIMARY KEY (tenant, contract, billing_period, revision))
        """
    )
    op.execute(_REFUSE_CHANGE)
    for table in ("billing_profile", "invoice", "invoice_line", "billed_snapshot"):
        op.execute(
            f"CREATE TRIGGER {table}_is_a_fact BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
