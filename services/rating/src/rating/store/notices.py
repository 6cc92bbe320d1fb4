"""Notices of price changes: facts that are added once and never edited."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from money import format_exact, parse_exact
from rating.domain.notices import NoticeItem, NoticeKind, NoticePeriod, PriceNotice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "contract, plan, plan_version, customer, kind, sent_at, starts_at, document::text AS document"


async def add_notices(conn: AsyncConnection, tenant: str, notices: Sequence[PriceNotice]) -> None:
    """Add notices; one that is there already stays as it is."""
    statement = text(
        """
        INSERT INTO price_notice
            (tenant, contract, plan, plan_version, customer, kind, sent_at, starts_at, document)
        VALUES (:tenant, :contract, :plan, :plan_version, :customer, :kind, :sent_at, :starts_at,
            CAST(:document AS jsonb))
        ON CONFLICT DO NOTHING
        """
    )
    rows = [
        {
            "tenant": tenant,
            "contract": notice.contract,
            "plan": notice.plan,
            "plan_version": notice.version,
            "customer": notice.customer,
            "kind": notice.kind.value,
            "sent_at": notice.sent_at,
            "starts_at": notice.starts_at,
            "document": json.dumps(_to_document(notice)),
        }
        for notice in notices
    ]
    if rows:
        await conn.execute(statement, rows)


async def notices_of_version(
    conn: AsyncConnection, tenant: str, plan: str, version: int, contracts: Iterable[str]
) -> dict[str, PriceNotice]:
    """Return the notices that some contracts have of a version of a plan, by contract."""
    query = text(
        f"""
        SELECT {_COLUMNS} FROM price_notice
        WHERE tenant = :tenant AND contract = ANY(CAST(:contracts AS text[])) AND plan = :plan
            AND plan_version = :version
        """  # noqa: S608 - column names of our own
    )
    parameters = {"tenant": tenant, "contracts": sorted(contracts), "plan": plan, "version": version}
    rows = (await conn.execute(query, parameters)).mappings()
    return {row["contract"]: _from_row(row) for row in rows}


async def starts_of(
    conn: AsyncConnection, tenant: str, contracts: Iterable[str]
) -> dict[str, dict[tuple[str, int], datetime]]:
    """Return from when on versions of plans may rule some contracts, as their notices say, by contract."""
    query = text(
        """
        SELECT contract, plan, plan_version, starts_at FROM price_notice
        WHERE tenant = :tenant AND contract = ANY(CAST(:contracts AS text[]))
        """
    )
    found: dict[str, dict[tuple[str, int], datetime]] = {}
    for row in (await conn.execute(query, {"tenant": tenant, "contracts": sorted(contracts)})).mappings():
        of_contract = found.setdefault(row["contract"], {})
        of_contract[row["plan"], row["plan_version"]] = row["starts_at"].astimezone(UTC)
    return found


async def notices_page(
    conn: AsyncConnection, tenant: str, customer: str, plan: str, after: tuple[str, str, int], limit: int
) -> list[PriceNotice]:
    """Return notices by contract, plan and version, after one; an empty customer or plan means all."""
    query = text(
        f"""
        SELECT {_COLUMNS} FROM price_notice
        WHERE tenant = :tenant AND (:customer = '' OR customer = :customer) AND (:wanted = '' OR plan = :wanted)
            AND (contract, plan, plan_version) > (:contract, :plan, :plan_version)
        ORDER BY contract, plan, plan_version LIMIT :limit
        """  # noqa: S608 - column names of our own
    )
    place = dict(zip(("contract", "plan", "plan_version"), after, strict=True))
    parameters = {"tenant": tenant, "customer": customer, "wanted": plan, "limit": limit, **place}
    return [_from_row(row) for row in (await conn.execute(query, parameters)).mappings()]


def _to_document(notice: PriceNotice) -> dict[str, Any]:
    return {
        "versionBefore": notice.version_before,
        "currency": notice.currency,
        "firstDay": None if notice.first_day is None else notice.first_day.isoformat(),
        "reason": notice.reason,
        "periods": [
            {
                "label": period.label,
                "items": [[one.item, format_exact(one.before), format_exact(one.after)] for one in period.items],
            }
            for period in notice.periods
        ],
        "missing": list(notice.missing),
    }


def _from_row(row: RowMapping) -> PriceNotice:
    document = json.loads(row["document"])
    first_day = document["firstDay"]
    return PriceNotice(
        contract=row["contract"],
        customer=row["customer"],
        plan=row["plan"],
        version_before=document["versionBefore"],
        version=row["plan_version"],
        currency=document["currency"],
        kind=NoticeKind(row["kind"]),
        sent_at=row["sent_at"].astimezone(UTC),
        starts_at=row["starts_at"].astimezone(UTC),
        first_day=None if first_day is None else date.fromisoformat(first_day),
        reason=document["reason"],
        periods=tuple(
            NoticePeriod(
                period["label"],
                tuple(NoticeItem(item, parse_exact(old), parse_exact(new)) for item, old, new in period["items"]),
            )
            for period in document["periods"]
        ),
        missing=tuple(document["missing"]),
    )
