"""Frozen charges: facts, added once under their natural key."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from chassis.errors import Diverged, Reason
from eventlog.as_of import AsOf
from rating.domain.billing_period import BillingPeriod
from rating.domain.charges import Charge, RatedPeriod, charge_id
from rating.domain.contract_changes import PlanVersion
from rating.domain.ruling import FrozenPeriod, RatedSegment
from rating.store.digests import charge_digest, period_digest
from rating.store.documents import (
    charge_from_document,
    charge_to_document,
    segments_from_document,
    segments_to_document,
)
from rating.store.staging import stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from money import Exact

_PERIOD_COLUMNS = """
    contract, billing_period, snapshot_id, amends_snapshot_id, customer, period_start, period_end, plan,
    plan_version, currency, as_of::text AS as_of, traceparent, rated_at, segments::text AS segments
"""
_CHARGE_COLUMNS = "charge_id, ordinal, item, meter, quantity, exact_amount, exact_divisor, document::text AS document"


_NO_SNAPSHOT = ""  # what the first rating of a period amends


@dataclass(frozen=True, slots=True)
class FrozenCharge:
    """A charge with the rated period it belongs to (whose own charges are left out)."""

    charge: Charge
    rated: RatedPeriod

    @property
    def plan(self) -> tuple[str, int]:
        """The plan by which it came about, and its version."""
        return self.rated.plan_of(self.charge)


def as_of_to_text(as_of: AsOf) -> str:
    """Return how far something reaches as JSON."""
    return json.dumps(as_of.document())


def as_of_from_text(document: str) -> AsOf:
    """Return how far a document says that something reaches."""
    return AsOf.from_document(json.loads(document))


async def add_rated_period(conn: AsyncConnection, tenant: str, rated: RatedPeriod, rated_at: datetime) -> bool:
    """Add a rated period with its charges; False if it is there already, then nothing is written."""
    rows = [
        _charge_row(tenant, rated, rated_at, ordinal, charge) for ordinal, charge in enumerate(rated.charges, start=1)
    ]
    statement = text(
        """
        INSERT INTO rated_period (tenant, contract, billing_period, snapshot_id, amends_snapshot_id, customer,
            period_start, period_end, plan, plan_version, currency, as_of, traceparent, rated_at, segments, digest)
        VALUES (:tenant, :contract, :billing_period, :snapshot_id, :amends_snapshot_id, :customer,
            :period_start, :period_end, :plan, :plan_version, :currency, CAST(:as_of AS jsonb), :traceparent, :rated_at,
            CAST(:segments AS jsonb), :digest)
        ON CONFLICT DO NOTHING
        """
    )
    inserted = await conn.execute(
        statement,
        {
            **_key(tenant, rated),
            "amends_snapshot_id": rated.amends_snapshot_id,
            "customer": rated.customer,
            "period_start": rated.period.start,
            "period_end": rated.period.end,
            "plan": rated.plan,
            "plan_version": rated.plan_version,
            "currency": rated.currency,
            "as_of": as_of_to_text(rated.as_of),
            "traceparent": rated.traceparent,
            "rated_at": rated_at,
            "segments": json.dumps(segments_to_document(rated.segments)),
            "digest": period_digest(tenant, rated, rated_at, [row["digest"] for row in rows]),
        },
    )
    if inserted.rowcount == 0:
        return False
    statement = text(
        """
        INSERT INTO charge (tenant, charge_id, contract, billing_period, snapshot_id, ordinal, item, meter, quantity,
            exact_amount, exact_divisor, document, digest)
        VALUES (:tenant, :charge_id, :contract, :billing_period, :snapshot_id, :ordinal, :item, :meter, :quantity,
            :exact_amount, :exact_divisor, CAST(:document AS jsonb), :digest)
        """
    )
    await conn.execute(statement, rows)
    return True


async def rating_of_snapshot(
    conn: AsyncConnection, tenant: str, contract: str, billing_period: str, snapshot_id: str
) -> RatedPeriod | None:
    """Return the rating of a snapshot, its charges in the order of the plan. Raises Diverged DATA_CORRUPTED."""
    key = {"tenant": tenant, "contract": contract, "billing_period": billing_period, "snapshot_id": snapshot_id}
    return await _rating(conn, "snapshot_id = :snapshot_id", key)


async def first_rating(conn: AsyncConnection, tenant: str, contract: str, billing_period: str) -> RatedPeriod | None:
    """Return the rating that a period was first billed by."""
    return await rating_that_amends(conn, tenant, contract, billing_period, _NO_SNAPSHOT)


async def rating_that_amends(
    conn: AsyncConnection, tenant: str, contract: str, billing_period: str, snapshot_id: str
) -> RatedPeriod | None:
    """Return the rating that follows the one of a snapshot; for the empty id the first rating of the period."""
    key = {"tenant": tenant, "contract": contract, "billing_period": billing_period, "amended": snapshot_id}
    return await _rating(conn, "amends_snapshot_id = :amended", key)


async def frozen_periods(
    conn: AsyncConnection, tenant: str, contracts: Iterable[str]
) -> dict[str, Sequence[FrozenPeriod]]:
    """Return the periods that are rated permanently, in order, of each of some contracts."""
    names, stage = set(contracts), stage_of(conn)
    if stage is not None and tenant == stage.tenant and names <= stage.frozen.keys():
        return {name: stage.frozen[name] for name in names}
    query = text(
        """
        SELECT found.* FROM unnest(CAST(:contracts AS text[])) AS wanted (name) CROSS JOIN LATERAL (
            SELECT contract, billing_period, period_start, period_end, plan, plan_version, segments::text AS segments
            FROM rated_period
            WHERE tenant = :tenant AND contract = name AND amends_snapshot_id = :none
            ORDER BY period_start
        ) AS found
        """
    )
    found: dict[str, list[FrozenPeriod]] = {name: [] for name in names}
    parameters = {"tenant": tenant, "contracts": sorted(names), "none": _NO_SNAPSHOT}
    for row in (await conn.execute(query, parameters)).mappings():
        segments = segments_of(row)
        found[row["contract"]].append(FrozenPeriod(period_of(row), row["plan"], row["plan_version"], segments))
    return dict(found)


async def count_frozen_since(conn: AsyncConnection, tenant: str, since: Mapping[str, datetime]) -> dict[str, int]:
    """Count, by plan, the periods of a tenant that start at a plan's time or later and are rated permanently."""
    query = text(
        """
        SELECT plan, count(*) AS periods FROM rated_period
        JOIN unnest(CAST(:plans AS text[]), CAST(:since AS timestamptz[])) AS wanted (name, since) ON plan = name
        WHERE tenant = :tenant AND amends_snapshot_id = :none AND period_start >= since
        GROUP BY plan
        """
    )
    names = sorted(since)
    parameters = {"tenant": tenant, "none": _NO_SNAPSHOT, "plans": names, "since": [since[name] for name in names]}
    return {row["plan"]: row["periods"] for row in (await conn.execute(query, parameters)).mappings()}


async def frozen_plans(
    conn: AsyncConnection, tenant: str, contracts: Iterable[str]
) -> dict[str, dict[str, PlanVersion]]:
    """Return by which plan version each period was first rated permanently, by contract and label."""
    query = text(
        """
        SELECT contract, billing_period, plan, plan_version FROM rated_period
        WHERE tenant = :tenant AND contract = ANY(CAST(:contracts AS text[])) AND amends_snapshot_id = :none
        """
    )
    parameters = {"tenant": tenant, "contracts": sorted(contracts), "none": _NO_SNAPSHOT}
    found: dict[str, dict[str, PlanVersion]] = {}
    for row in (await conn.execute(query, parameters)).mappings():
        by_label = found.setdefault(row["contract"], {})
        by_label[row["billing_period"]] = PlanVersion(row["plan"], row["plan_version"])
    return found


async def rated_periods(
    conn: AsyncConnection, tenant: str, customer: str, after: tuple[str, str, str], limit: int
) -> list[RatedPeriod]:
    """Return rated periods with their charges by contract, label and snapshot, after one. Raises DATA_CORRUPTED."""
    query = text(
        f"""
        SELECT {_PERIOD_COLUMNS}, digest AS period_digest FROM rated_period
        WHERE tenant = :tenant AND (:customer = '' OR customer = :customer)
            AND (contract, billing_period, snapshot_id) > (:contract, :billing_period, :snapshot_id)
        ORDER BY contract, billing_period, snapshot_id LIMIT :limit
        """  # noqa: S608 - column names of our own
    )
    place = dict(zip(("contract", "billing_period", "snapshot_id"), after, strict=True))
    rows = (
        (await conn.execute(query, {"tenant": tenant, "customer": customer, "limit": limit, **place})).mappings().all()
    )
    return await _with_charges(conn, tenant, rows)


async def latest_ratings(
    conn: AsyncConnection, tenant: str, periods: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], RatedPeriod]:
    """Return the ratings that no other follows of some periods, by contract and label; one that is not rated has none.

    Raises DATA_CORRUPTED.
    """
    # Looked up period by period, as `versions_of` does.
    query = text(
        f"""
        SELECT found.* FROM unnest(CAST(:contracts AS text[]), CAST(:labels AS text[])) AS wanted (named, label)
        CROSS JOIN LATERAL (
            SELECT {_PERIOD_COLUMNS}, digest AS period_digest FROM rated_period AS rated
            WHERE tenant = :tenant AND contract = named AND billing_period = label AND NOT EXISTS (
                SELECT FROM rated_period AS following
                WHERE following.tenant = :tenant AND following.contract = named AND following.billing_period = label
                    AND following.amends_snapshot_id = rated.snapshot_id
            )
        ) AS found
        """  # noqa: S608 - column names of our own
    )
    wanted = sorted(set(periods))
    parameters = {
        "tenant": tenant,
        "contracts": [contract for contract, _ in wanted],
        "labels": [label for _, label in wanted],
    }
    rows = (await conn.execute(query, parameters)).mappings().all()
    found = await _with_charges(conn, tenant, rows)
    return {(rated.contract, rated.period.label): rated for rated in found}


async def _with_charges(conn: AsyncConnection, tenant: str, rows: Sequence[RowMapping]) -> list[RatedPeriod]:
    """Return the rated periods of rows with their charges, all in one exchange with the database."""
    query = text(
        f"""
        SELECT contract, billing_period, snapshot_id, {_CHARGE_COLUMNS}, digest FROM charge
        JOIN unnest(CAST(:contracts AS text[]), CAST(:labels AS text[]), CAST(:snapshots AS text[]))
            AS wanted (contract, billing_period, snapshot_id) USING (contract, billing_period, snapshot_id)
        WHERE tenant = :tenant ORDER BY ordinal
        """  # noqa: S608 - column names of our own
    )
    parameters = {
        "tenant": tenant,
        "contracts": [row["contract"] for row in rows],
        "labels": [row["billing_period"] for row in rows],
        "snapshots": [row["snapshot_id"] for row in rows],
    }
    of_period: dict[tuple[str, ...], list[RowMapping]] = {}
    for row in (await conn.execute(query, parameters)).mappings():
        of_period.setdefault((row["contract"], row["billing_period"], row["snapshot_id"]), []).append(row)
    # Hundreds of documents and digests would hold up every other call.
    return await asyncio.to_thread(_proven_ratings, tenant, rows, of_period)


def _proven_ratings(
    tenant: str, rows: Sequence[RowMapping], of_period: Mapping[tuple[str, ...], Sequence[RowMapping]]
) -> list[RatedPeriod]:
    found = []
    for row in rows:
        with _proving(f"the charges of contract {row['contract']} in {row['billing_period']} are"):
            key = (row["contract"], row["billing_period"], row["snapshot_id"])
            found.append(_proven_rating(tenant, row, of_period.get(key, [])))
    return found


async def find_charge(conn: AsyncConnection, tenant: str, identity: str) -> FrozenCharge | None:
    """Return a frozen charge with what it belongs to. Raises Diverged DATA_CORRUPTED."""
    query = text(
        f"""
        SELECT {_PERIOD_COLUMNS}, {_CHARGE_COLUMNS}, rated_period.digest AS period_digest, charge.digest
        FROM charge JOIN rated_period USING (tenant, contract, billing_period, snapshot_id)
        WHERE tenant = :tenant AND charge_id = :charge_id
        """  # noqa: S608 - column names of our own
    )
    row = (await conn.execute(query, {"tenant": tenant, "charge_id": identity})).mappings().first()
    if row is None:
        return None
    with _proving(f"charge {identity} is"):
        rated = _rated(row, ())
        charge = _charge(tenant, rated, row, row)
    return FrozenCharge(charge, rated)


async def customer_of_charge(conn: AsyncConnection, tenant: str, identity: str) -> str | None:
    """Return whose a frozen charge is."""
    query = text(
        """
        SELECT customer FROM charge JOIN rated_period USING (tenant, contract, billing_period, snapshot_id)
        WHERE tenant = :tenant AND charge_id = :charge_id
        """
    )
    customer: str | None = (await conn.execute(query, {"tenant": tenant, "charge_id": identity})).scalar_one_or_none()
    return customer


def period_of(row: RowMapping) -> BillingPeriod:
    """Return the period of a row."""
    start, end = row["period_start"].astimezone(UTC), row["period_end"].astimezone(UTC)
    return BillingPeriod(row["billing_period"], start, end)


def segments_of(row: RowMapping) -> tuple[RatedSegment, ...]:
    """Return the segments of a row of a period."""
    return segments_from_document(json.loads(row["segments"]))


async def _rating(conn: AsyncConnection, condition: str, key: dict[str, Any]) -> RatedPeriod | None:
    query = text(
        f"""
        SELECT {_PERIOD_COLUMNS}, digest AS period_digest FROM rated_period
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period AND {condition}
        """  # noqa: S608 - names and conditions of our own
    )
    row = (await conn.execute(query, key)).mappings().first()
    if row is None:
        return None
    charges = text(
        f"""
        SELECT {_CHARGE_COLUMNS}, digest FROM charge
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period
            AND snapshot_id = :snapshot_id
        ORDER BY ordinal
        """  # noqa: S608 - column names of our own
    )
    charge_rows = (await conn.execute(charges, {**key, "snapshot_id": row["snapshot_id"]})).mappings().all()
    with _proving(f"the charges of contract {row['contract']} in {row['billing_period']} are"):
        return _proven_rating(key["tenant"], row, charge_rows)


def _proven_rating(tenant: str, row: RowMapping, charge_rows: Sequence[RowMapping]) -> RatedPeriod:
    head = _rated(row, ())
    charges = tuple(_charge(tenant, head, row, charge_row) for charge_row in charge_rows)
    digests = [charge_row["digest"] for charge_row in charge_rows]
    if {row["period_digest"], *digests} != {None} and row["period_digest"] != period_digest(
        tenant, head, row["rated_at"], digests
    ):
        raise _ChangedError
    return replace(head, charges=charges)


def _charge(tenant: str, rated: RatedPeriod, row: RowMapping, charge_row: RowMapping) -> Charge:
    """Return the charge of a row that says what was stored; rows of an older release have no digest to tell by."""
    document = json.loads(charge_row["document"])
    charge = charge_from_document(document)
    stored = _charge_columns(tenant, rated, charge_row["ordinal"], charge)
    if any(charge_row[name] != value for name, value in stored.items() if name in charge_row):
        raise _ChangedError
    if {row["period_digest"], charge_row["digest"]} != {None} and charge_row["digest"] != charge_digest(
        tenant, rated, row["rated_at"], charge_row["ordinal"], document
    ):
        raise _ChangedError
    return charge


class _ChangedError(ValueError):
    """A row is not what was stored."""


@contextmanager
def _proving(subject: str) -> Iterator[None]:
    """Tell rows that were changed, and those that can't even be read."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        message = f"{subject} not what was rated, and not used; follow the runbook data-corrupted"
        raise Diverged(Reason.DATA_CORRUPTED, message) from error


def _rated(row: RowMapping, charges: tuple[Charge, ...]) -> RatedPeriod:
    return RatedPeriod(
        contract=row["contract"],
        customer=row["customer"],
        period=period_of(row),
        plan=row["plan"],
        plan_version=row["plan_version"],
        currency=row["currency"],
        charges=charges,
        as_of=as_of_from_text(row["as_of"]),
        snapshot_id=row["snapshot_id"],
        amends_snapshot_id=row["amends_snapshot_id"],
        traceparent=row["traceparent"],
        segments=segments_of(row),
    )


def _key(tenant: str, rated: RatedPeriod) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "contract": rated.contract,
        "billing_period": rated.period.label,
        "snapshot_id": rated.snapshot_id,
    }


def _charge_row(tenant: str, rated: RatedPeriod, rated_at: datetime, ordinal: int, charge: Charge) -> dict[str, Any]:
    document = charge_to_document(charge)
    return {
        **_charge_columns(tenant, rated, ordinal, charge),
        "document": json.dumps(document),
        "digest": charge_digest(tenant, rated, rated_at, ordinal, document),
    }


def _charge_columns(tenant: str, rated: RatedPeriod, ordinal: int, charge: Charge) -> dict[str, Any]:
    return {
        **_key(tenant, rated),
        "charge_id": charge_id(tenant, rated.contract, rated.period.label, rated.snapshot_id, charge.item),
        "ordinal": ordinal,
        "item": charge.item,
        "meter": charge.meter,
        "quantity": charge.quantity,
        **_exact_columns(charge.derivation.amount),
    }


def _exact_columns(amount: Exact) -> dict[str, Decimal | None]:
    """Return an exact amount as columns: a decimal by itself, or the two integers of a fraction."""
    if isinstance(amount, Decimal):
        return {"exact_amount": amount, "exact_divisor": None}
    return {"exact_amount": Decimal(amount.numerator), "exact_divisor": Decimal(amount.denominator)}
