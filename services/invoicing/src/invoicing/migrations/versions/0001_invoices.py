"""Billing profiles, number series, and invoices that never change."""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes
from chassis.rpc.repeat import create_request_log_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_request_log_table(op)
    op.execute(
        """
        CREATE TABLE billing_profile (
            tenant text NOT NULL,
            version int NOT NULL CHECK (version > 0),
            seller text NOT NULL,
            number_prefix text NOT NULL,
            grace_s int NOT NULL CHECK (grace_s >= 0),
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, version)
        )
        """
    )
    # The only row that moves: its lock is what makes numbers dense.
    op.execute(
        """
        CREATE TABLE invoice_series (
            tenant text NOT NULL,
            prefix text NOT NULL,
            last_sequence bigint NOT NULL CHECK (last_sequence >= 0),
            chain bytea NOT NULL CHECK (length(chain) = 32),
            PRIMARY KEY (tenant, prefix)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE invoice (
            tenant text NOT NULL,
            number text NOT NULL,
            prefix text NOT NULL,
            sequence bigint NOT NULL CHECK (sequence > 0),
            contract text NOT NULL,
            billing_period text NOT NULL,
            customer text NOT NULL,
            finalized_at timestamptz NOT NULL,
            canonical_json bytea NOT NULL,
            digest bytea NOT NULL CHECK (digest = sha256(canonical_json)),
            previous_chain bytea NOT NULL CHECK (length(previous_chain) = 32),
            chain bytea NOT NULL CHECK (chain = sha256(previous_chain || digest)),
            PRIMARY KEY (tenant, number),
            UNIQUE (tenant, prefix, sequence),
            UNIQUE (tenant, contract, billing_period)
        )
        """
    )
    op.execute("CREATE INDEX invoice_by_customer ON invoice (tenant, customer, prefix, sequence)")
    _create_what_was_billed()
    for table in ("billing_profile", "invoice", "invoice_line", "billed_snapshot"):
        forbid_changes(op, table)


def _create_what_was_billed() -> None:
    # billing_period and revision are those of the service period; the base of adjustments. The unique key says the
    # same as that of billed_snapshot once more: nobody bills an item of a period twice at one revision.
    op.execute(
        """
        CREATE TABLE invoice_line (
            tenant text NOT NULL,
            line_id text NOT NULL,
            number text NOT NULL,
            ordinal int NOT NULL CHECK (ordinal > 0),
            contract text NOT NULL,
            billing_period text NOT NULL,
            revision int NOT NULL CHECK (revision > 0),
            kind text NOT NULL,
            item text NOT NULL,
            quantity numeric NOT NULL CHECK (quantity <> 'NaN'),
            amount numeric NOT NULL CHECK (amount <> 'NaN'),
            exact_amount numeric NOT NULL CHECK (exact_amount <> 'NaN'),
            event_count bigint NOT NULL CHECK (event_count >= 0),
            plan text NOT NULL,
            plan_version int NOT NULL,
            charge_id text NOT NULL,
            snapshot_id text NOT NULL,
            adjusts_line_id text,
            traceparent text NOT NULL,
            PRIMARY KEY (tenant, line_id),
            UNIQUE (tenant, number, ordinal),
            UNIQUE (tenant, contract, billing_period, item, revision)
        )
        """
    )
    # The invoice that bills it is the one of the contract and invoice_period.
    op.execute(
        """
        CREATE TABLE billed_snapshot (
            tenant text NOT NULL,
            contract text NOT NULL,
            billing_period text NOT NULL,
            revision int NOT NULL CHECK (revision > 0),
            snapshot_id text NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL,
            invoice_period text NOT NULL,
            PRIMARY KEY (tenant, contract, billing_period, revision)
        )
        """
    )
