"""Reading quantities: the one statement behind queries, totals and snapshots, built from a plan."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.aggregations.aggregation import Totals
from aggregator.domain.query import RowKey
from aggregator.store.parked import PARKED_NOW
from aggregator.store.windows import flushes
from aggregator.store.windows.shape import GROUP, KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.query import MeterPlan, UsagePlan
    from aggregator.store.windows.shape import ReadingPart

_ASKED: Final = """
    unnest(CAST(:meter_ids AS integer[]), CAST(:meter_numbers AS integer[])) AS asked (meter_id, number)
"""
_NO_GROUP: Final = "'[]'"
_AFTER: Final = "(customer, window_number, grp) > (:after_customer, :after_window, :after_group)"


@dataclass(frozen=True, slots=True)
class CountedRow:
    """Windows of one meter, customer, window and group, added up."""

    key: RowKey
    totals: Totals

    @property
    def group(self) -> tuple[str, ...]:
        """Values of the properties asked for."""
        return tuple(json.loads(self.key.group))


async def read_usage(conn: AsyncConnection, plan: UsagePlan) -> list[CountedRow]:
    """Return what was planned, ordered by meter, customer, window, group; what has no events has no row."""
    if not plan.meters:
        return []
    parameters = _parameters(plan)
    rows = await conn.execute(text(_windows_statement(plan, parameters)), parameters)
    return [
        CountedRow(
            RowKey(row.number, row.customer, row.window_number - 1, row.grp),
            totals_of(row),
        )
        for row in rows
    ]


def totals_of(row: Any) -> Totals:
    """Return the totals that a row of `joined` holds."""
    return Totals(
        event_count=row.event_count,
        sum=row.sum,
        minimum=row.min,
        maximum=row.max,
        latest=row.latest,
        earliest=row.earliest,
        distinct_count=getattr(row, "distinct_count", None) or 0,
    )


async def count_parked(conn: AsyncConnection, plan: UsagePlan) -> Mapping[int, int]:
    """Return by meter number how many events of the plan's one customer and period are parked."""
    rows = await conn.execute(
        text(
            f"""
            SELECT asked.number, count(*) AS parked FROM {_ASKED} JOIN {PARKED_NOW} AS p USING (meter_id)
            WHERE p.customer = :customer AND p.event_time >= :period_start AND p.event_time < :period_end
            GROUP BY asked.number
            """  # noqa: S608 - constant text
        ),
        {**_versions(plan), **_period(plan), "customer": plan.customers[0]},
    )
    return Counter({row.number: row.parked for row in rows})


async def spans_behind(conn: AsyncConnection, plan: UsagePlan, limit: int) -> tuple[list[str], int]:
    """Return the spans of the newest `limit` batches that last touched the plan's windows, and how many there are."""
    rows = await conn.execute(
        text(
            f"""
            SELECT s.traceparent, count(*) OVER () AS total
            FROM process_span AS s
            WHERE s.flush_id IN (
                SELECT w.flush_id FROM {_ASKED} JOIN usage_window AS w USING (meter_id)
                WHERE w.customer = :customer AND w.bucket_start >= :period_start AND w.bucket_start < :period_end
            )
            ORDER BY s.flush_id DESC LIMIT :limit
            """  # noqa: S608 - constant text
        ),
        {**_versions(plan), **_period(plan), "customer": plan.customers[0], "limit": limit},
    )
    found = rows.all()
    return [row.traceparent for row in found], found[0].total if found else 0


def _windows_statement(plan: UsagePlan, parameters: dict[str, Any]) -> str:
    """Write the statement. Only numbers of ours and names of parameters are put into its text."""
    conditions, group = _conditions(plan, parameters), _group_expression(plan)

    def source(columns: str, table: str) -> str:
        return f"""
            SELECT asked.number, w.customer,
                   width_bucket(w.bucket_start, CAST(:window_starts AS timestamptz[])) AS window_number,
                   {group} COLLATE "C" AS grp, {columns}
            FROM {_ASKED} JOIN {table} AS w USING (meter_id)
            WHERE w.bucket_start >= :period_start AND w.bucket_start < :period_end {conditions}
        """  # noqa: S608

    after = "" if plan.after is None else f"WHERE {_AFTER}"
    # What is running needs the windows of earlier pages as well: those are skipped when it is put together.
    skipped = "" if plan.running else after
    numbers = flushes.NUMBERS.part(plan, source, skipped)
    others = [part for shape in flushes.OTHERS if (part := shape.part(plan, source, skipped)) is not None]
    limit = "" if plan.limit is None else "LIMIT :limit"
    statement = _running(numbers, others, after) if plan.running else joined(numbers, others)
    return f"{statement} {limit}"


def joined(numbers: ReadingPart, others: Sequence[ReadingPart]) -> str:
    """Write the statement that puts the parts of each row together, ordered by key."""
    columns = ", ".join(column for part in (numbers, *others) for column in part.columns)
    return f"{_parts(numbers, others)} SELECT {KEY}, {columns} FROM {_met(numbers, others)} ORDER BY {KEY}"  # noqa: S608


def _running(numbers: ReadingPart, others: Sequence[ReadingPart], after: str) -> str:
    """Write the statement that puts the parts of each row together with those of all rows before it in its series."""
    columns = [column for part in (numbers, *others) for column in part.columns]
    expressions = [expression for part in (numbers, *others) for expression in part.running]
    so_far = ", ".join(f"{one} AS {column}" for one, column in zip(expressions, columns, strict=True))
    return f"""
        {_parts(numbers, others)} SELECT {KEY}, {", ".join(columns)} FROM (
            SELECT {KEY}, {so_far} FROM {_met(numbers, others)}
            WINDOW so_far AS (
                PARTITION BY number, customer, grp ORDER BY window_number
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        ) AS running {after} ORDER BY {KEY}
    """  # noqa: S608


def _parts(numbers: ReadingPart, others: Sequence[ReadingPart]) -> str:
    # Each shape is put together before they meet, once, whatever the planner believes: of a table that has just been
    # filled it has no statistics yet, and would count the distinct values anew for every single window.
    return "WITH " + ", ".join(f"{part.name} AS MATERIALIZED ({part.subquery})" for part in (numbers, *others))


def _met(numbers: ReadingPart, others: Sequence[ReadingPart]) -> str:
    return " ".join((numbers.name, *(f"LEFT JOIN {part.name} USING ({KEY})" for part in others)))


def _conditions(plan: UsagePlan, parameters: dict[str, Any]) -> str:
    parts = []
    if plan.customers:
        parts.append("AND w.customer = ANY(CAST(:customers AS text[]))")
        parameters["customers"] = list(plan.customers)
    if plan.after is not None:
        # Lets the index skip the customers of earlier pages.
        parts.append("AND w.customer >= :after_customer")
    for number, condition in enumerate(plan.conditions):
        whens = " ".join(f"WHEN {meter_id:d} THEN {place:d}" for meter_id, place in condition.places)
        value = f"CAST({GROUP} AS jsonb) ->> (CASE w.meter_id {whens} END)"
        parts.append(f"AND {value} = ANY(CAST(:condition_{number} AS text[]))")
        parameters[f"condition_{number}"] = list(condition.values)
    return " ".join(parts)


def _group_expression(plan: UsagePlan) -> str:
    """Text of the groups asked for: as stored when that is what is asked, else put together from the stored one."""
    expressions = {}
    for meter in plan.meters:
        stored_as_asked = all(projection.is_identity for projection in meter.projections)
        for projection in meter.projections:
            if not meter.group_by:
                expressions[projection.meter_id] = _NO_GROUP
            elif stored_as_asked:
                expressions[projection.meter_id] = GROUP
            else:
                expressions[projection.meter_id] = _projected(projection.places)
    distinct = set(expressions.values())
    if len(distinct) == 1:
        return f"CAST({distinct.pop()} AS text)"
    whens = " ".join(f"WHEN {meter_id:d} THEN {expression}" for meter_id, expression in expressions.items())
    return f"(CASE w.meter_id {whens} END)"


def _projected(places: tuple[int | None, ...]) -> str:
    values = (
        "to_jsonb(CAST('' AS text))" if place is None else f"CAST({GROUP} AS jsonb) -> {place:d}" for place in places
    )
    return f"CAST(jsonb_build_array({', '.join(values)}) AS text)"


def _parameters(plan: UsagePlan) -> dict[str, Any]:
    parameters = {**_versions(plan), **_period(plan), "window_starts": [window.start for window in plan.windows]}
    if plan.limit is not None:
        parameters["limit"] = plan.limit
    if plan.after is not None:
        parameters["after_customer"] = plan.after.customer
        parameters["after_window"] = plan.after.window_number + 1
        parameters["after_group"] = plan.after.group
    return parameters


def _versions(plan: UsagePlan) -> dict[str, Any]:
    def numbers(meter: MeterPlan, number: int) -> list[tuple[int, int]]:
        return [(projection.meter_id, number) for projection in meter.projections]

    pairs = [pair for number, meter in enumerate(plan.meters) for pair in numbers(meter, number)]
    return {
        "meter_ids": [meter_id for meter_id, _ in pairs],
        "meter_numbers": [number for _, number in pairs],
    }


def _period(plan: UsagePlan) -> dict[str, Any]:
    return {"period_start": plan.period.start, "period_end": plan.period.end}
