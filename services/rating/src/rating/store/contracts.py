"""Versions of contracts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors.refused import Refused
from money import format_decimal
from rating.domain.billing_period import Schedule
from rating.domain.boundaries import Interval
from rating.domain.contracts import Contract
from rating.domain.discounts import Discount
from rating.domain.overrides import Override
from rating.domain.pauses import Pause
from rating.domain.versions import Version
from rating.store.commitments import commitment_from_document, commitment_to_document
from rating.store.documents import price_from_document, price_to_document
from rating.store.seats import count_from_document, count_to_document
from rating.store.staging import stage_of
from rating.store.versions import VersionTable


def _to_columns(contract: Contract) -> dict[str, Any]:
    schedule = contract.schedule
    return {
        "customer": contract.customer,
        "plan": contract.plan,
        "plan_version": contract.plan_version,
        "start_day": schedule.start,
        "end_day": schedule.end,
        "billing_interval": schedule.interval.value,
        "anchor_day": schedule.anchor_day,
        "anchor": schedule.anchor,
        "every": schedule.every,
        "time_zone": schedule.zone,
        "effective_day": contract.effective_from,
        "reason": contract.reason,
        "pauses": json.dumps(
            [[pause.start.isoformat(), pause.until and pause.until.isoformat()] for pause in contract.pauses]
        ),
        "discounts": json.dumps([discount_to_document(discount) for discount in contract.discounts]),
        "overrides": json.dumps([_override_to_document(override) for override in contract.overrides]),
        "mid_period": contract.mid_period,
        "commitments": json.dumps([commitment_to_document(commitment) for commitment in contract.commitments]),
        "extends": contract.extends,
        "seats": json.dumps([count_to_document(count) for count in contract.seats]),
    }


def _from_row(row: RowMapping) -> Contract:
    schedule = Schedule(
        start=row["start_day"],
        end=row["end_day"],
        anchor_day=row["anchor_day"],
        zone=row["time_zone"],
        interval=Interval(row["billing_interval"]),
        every=row["every"],
        anchor=row["anchor"],
    )
    return Contract(
        row["customer"],
        row["plan"],
        row["plan_version"],
        schedule,
        row["effective_day"],
        row["reason"],
        _pauses(row["pauses"]),
        tuple(map(discount_from_document, json.loads(row["discounts"]))),
        tuple(map(_override_from_document, json.loads(row["overrides"]))),
        mid_period=row["mid_period"],
        commitments=tuple(map(commitment_from_document, json.loads(row["commitments"]))),
        extends=row["extends"],
        seats=tuple(map(count_from_document, json.loads(row["seats"]))),
    )


def _pauses(document: str) -> tuple[Pause, ...]:
    return tuple(
        Pause(date.fromisoformat(start), until and date.fromisoformat(until)) for start, until in json.loads(document)
    )


def discount_to_document(discount: Discount) -> dict[str, Any]:
    """Return a discount as JSON has it."""
    return {
        "name": discount.name,
        "percent": None if discount.percent is None else format_decimal(discount.percent),
        "amount": None if discount.amount is None else format_decimal(discount.amount),
        "items": list(discount.items),
        "start": discount.start.isoformat(),
        "until": discount.until and discount.until.isoformat(),
        "usage": None if discount.usage is None else format_decimal(discount.usage),
        "usagePercent": None if discount.usage_percent is None else format_decimal(discount.usage_percent),
    }


def discount_from_document(document: dict[str, Any]) -> Discount:
    """Return the discount of a document."""
    percent, amount, until = document["percent"], document["amount"], document["until"]
    # Documents from before there were discounts in units do not have them.
    usage, usage_percent = document.get("usage"), document.get("usagePercent")
    return Discount(
        document["name"],
        None if percent is None else Decimal(percent),
        None if amount is None else Decimal(amount),
        tuple(document["items"]),
        date.fromisoformat(document["start"]),
        until and date.fromisoformat(until),
        None if usage is None else Decimal(usage),
        None if usage_percent is None else Decimal(usage_percent),
    )


def _override_to_document(override: Override) -> dict[str, Any]:
    return {
        "item": override.item,
        "price": None if override.price is None else price_to_document(override.price),
        "multiplier": None if override.multiplier is None else format_decimal(override.multiplier),
        "start": override.start.isoformat(),
        "until": override.until and override.until.isoformat(),
    }


def _override_from_document(document: dict[str, Any]) -> Override:
    price, multiplier, until = document["price"], document["multiplier"], document["until"]
    return Override(
        document["item"],
        None if price is None else price_from_document(price),
        None if multiplier is None else Decimal(multiplier),
        date.fromisoformat(document["start"]),
        until and date.fromisoformat(until),
    )


CONTRACTS: Final = VersionTable(
    "contract",
    (
        "customer",
        "plan",
        "plan_version",
        "start_day",
        "end_day",
        "billing_interval",
        "anchor_day",
        "anchor",
        "every",
        "time_zone",
        "effective_day",
        "reason",
        "pauses",
        "discounts",
        "overrides",
        "mid_period",
        "commitments",
        "extends",
        "seats",
    ),
    _to_columns,
    _from_row,
    frozenset({"pauses", "discounts", "overrides", "commitments", "seats"}),
)


async def contracts_of_customers(
    conn: AsyncConnection,
    customers: Iterable[tuple[str, str]],
    unreadable: Callable[[str, str, Refused], None] | None = None,
) -> dict[tuple[str, str], list[Version[Contract]]]:
    """Return the newest versions of the contracts of each (tenant, customer); a customer without one has no entry.

    A stored contract that today's rules refuse raises Refused; with `unreadable` it is left out and given to that,
    with its tenant and name.
    """
    wanted = sorted(set(customers))
    stage = stage_of(conn)
    if stage is not None and all(tenant == stage.tenant and name in stage.contracts_of for tenant, name in wanted):
        return {key: list(held.values()) for key in wanted if (held := stage.contracts_of[key[1]])}
    statement = text(
        f"""
        SELECT found.* FROM unnest(CAST(:tenants AS text[]), CAST(:customers AS text[])) AS wanted (of_tenant, named)
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (name) {CONTRACTS.all_columns} FROM contract
            WHERE tenant = of_tenant AND customer = named
            ORDER BY name, version DESC
        ) AS found
        """  # noqa: S608 - column names of our own
    )
    keys = {"tenants": [tenant for tenant, _ in wanted], "customers": [customer for _, customer in wanted]}
    found: dict[tuple[str, str], list[Version[Contract]]] = {}
    for row in (await conn.execute(statement, keys)).mappings():
        try:
            contract = CONTRACTS.version_of(row)
        except Refused as refused:
            if unreadable is None:
                raise
            unreadable(row["tenant"], row["name"], refused)
        else:
            found.setdefault((row["tenant"], row["customer"]), []).append(contract)
    return found


async def versions_of_customers(
    conn: AsyncConnection, tenant: str, customers: Iterable[str]
) -> dict[str, list[Version[Contract]]]:
    """Return all versions, oldest first, of the contracts of many customers, by the name of the contract."""
    query = f"""
        SELECT {CONTRACTS.all_columns} FROM contract
        WHERE tenant = :tenant AND customer = ANY(CAST(:customers AS text[])) ORDER BY name, version
    """  # noqa: S608 - column names of our own
    found: dict[str, list[Version[Contract]]] = {}
    for version in await CONTRACTS.select(conn, query, {"tenant": tenant, "customers": sorted(customers)}):
        found.setdefault(version.name, []).append(version)
    return found


async def customers_with_others(conn: AsyncConnection, tenant: str, plan: str) -> list[str]:
    """Return the customers of the contracts that have, or had, a plan, if they have another contract beside it."""
    query = text(
        """
        SELECT DISTINCT customer FROM contract AS one WHERE tenant = :tenant AND plan = :plan AND EXISTS (
            SELECT FROM contract AS other
            WHERE other.tenant = one.tenant AND other.customer = one.customer AND other.name <> one.name
        )
        """
    )
    found = set((await conn.execute(query, {"tenant": tenant, "plan": plan})).scalars())
    stage = stage_of(conn)
    if stage is not None:
        found |= {customer for customer, contracts in stage.contracts_of.items() if len(contracts) > 1}
    return sorted(found)
