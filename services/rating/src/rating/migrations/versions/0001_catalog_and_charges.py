"""The catalog, frozen charges, and what live charges need.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

from chassis.migrations import forbid_changes
from chassis.rpc.repeat import create_request_log_table
from eventlog.log.tables import create_checkpoint_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. Names are compared bytewise, whatever the locale of the database."""
    _create_catalog()
    _create_charges()
    _create_live()
    create_request_log_table(op)
    create_checkpoint_table(op)


def _create_catalog() -> None:
    op.execute(
        """
        CREATE TABLE product (
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            display_name text NOT NULL,
            meter text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, name, version)
        )
        """
    )
    # effective_from NULL: from the beginning.
    op.execute(
        """
        CREATE TABLE plan (
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            currency text NOT NULL,
            effective_from timestamptz,
            description text NOT NULL,
            items jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, name, version)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE customer (
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            display_name text NOT NULL,
            currency text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, name, version)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE contract (
            tenant text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            customer text COLLATE "C" NOT NULL,
            plan text COLLATE "C" NOT NULL,
            plan_version integer CHECK (plan_version > 0),
            start_day date NOT NULL,
            end_day date CHECK (end_day > start_day),
            billing_interval text NOT NULL,
            anchor_day integer NOT NULL CHECK (anchor_day BETWEEN 1 AND 31),
            time_zone text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, name, version)
        )
        """
    )
    op.execute("CREATE INDEX contract_by_customer ON contract (tenant, customer, name)")
    for table in ("product", "plan", "customer", "contract"):
        forbid_changes(op, table)


def _create_charges() -> None:
    op.execute(
        """
        CREATE TABLE rated_period (
            tenant text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            billing_period text NOT NULL,
            snapshot_id text NOT NULL,
            amends_snapshot_id text NOT NULL,
            customer text NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL CHECK (period_end > period_start),
            plan text COLLATE "C" NOT NULL,
            plan_version integer NOT NULL,
            currency text NOT NULL,
            as_of jsonb NOT NULL,
            traceparent text NOT NULL,
            rated_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, contract, billing_period, snapshot_id),
            UNIQUE (tenant, contract, billing_period, amends_snapshot_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE charge (
            tenant text COLLATE "C" NOT NULL,
            charge_id text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            billing_period text NOT NULL,
            snapshot_id text NOT NULL,
            ordinal integer NOT NULL CHECK (ordinal > 0),
            item text NOT NULL,
            meter text NOT NULL,
            quantity numeric NOT NULL CHECK (quantity <> 'NaN' AND abs(quantity) < 1e41),
            exact_amount numeric NOT NULL CHECK (exact_amount <> 'NaN' AND exact_amount >= 0),
            document jsonb NOT NULL,
            PRIMARY KEY (tenant, charge_id),
            UNIQUE (tenant, contract, billing_period, snapshot_id, ordinal)
        )
        """
    )
    for table in ("rated_period", "charge"):
        forbid_changes(op, table)


def _create_live() -> None:
    op.execute(
        """
        CREATE TABLE live_period (
            tenant text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            billing_period text NOT NULL,
            customer text NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL CHECK (period_end > period_start),
            plan text COLLATE "C" NOT NULL,
            plan_version integer NOT NULL,
            currency text NOT NULL,
            as_of jsonb NOT NULL,
            charges jsonb NOT NULL,
            rated_at timestamptz NOT NULL,
            PRIMARY KEY (tenant, contract, billing_period)
        )
        """
    )
    # marks counts the changes seen; claim names the run that is rating the period now, which may be lost.
    op.execute(
        """
        CREATE TABLE dirty_period (
            tenant text COLLATE "C" NOT NULL,
            contract text COLLATE "C" NOT NULL,
            billing_period text NOT NULL,
            marks bigint NOT NULL CHECK (marks > 0),
            due_at timestamptz NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            claim uuid,
            PRIMARY KEY (tenant, contract, billing_period)
        )
        """
    )
    op.execute("CREATE INDEX dirty_period_by_due_at ON dirty_period (due_at)")
