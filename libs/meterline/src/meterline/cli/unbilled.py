"""`meterline unbilled`: usage that no invoice will have, with the reason."""

from __future__ import annotations

import shlex
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import unbilled_pb2
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import as_of_document, enum_word, period_document, short_time, time_text
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.unknown_customers import tell_unknown_customers, unknown_customers
from meterline.cli.usage import WAIT_S, period_of, zone_of
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meterline.client import AsyncClient

_TABLE_ROWS: Final = 100


class ReasonWord(StrEnum):
    """A reason as users write it."""

    UNKNOWN_CUSTOMER = "unknown-customer"
    NO_CONTRACT = "no-contract"
    BEFORE_CONTRACT = "before-contract"
    BETWEEN_CONTRACTS = "between-contracts"
    AFTER_CONTRACT = "after-contract"
    NO_PLAN = "no-plan"
    UNPRICED = "unpriced"
    PARKED = "parked"
    NO_METER = "no-meter"


MEANINGS: Final = {
    "UNKNOWN_CUSTOMER": "the catalog has no customer of this key; apply it with a contract, or mend the key",
    "NO_CONTRACT": "the customer has no contract; apply one that starts early enough",
    "BEFORE_CONTRACT": "it happened before the customer's first contract starts",
    "BETWEEN_CONTRACTS": "it happened between two contracts of the customer",
    "AFTER_CONTRACT": "it happened after the customer's last contract ended; apply one that follows, or move the end",
    "NO_PLAN": "no version of the contract's plan is effective when the period starts",
    "UNPRICED": "no item of the plan prices the meter in this period",
    "PARKED": "the meter can't count the event; `meterline get parked` says why, event by event",
    "NO_METER": "no meter asks for events of this type with these properties; apply one, and it counts them",
}
"""What each reason means, and what to do."""


def unbilled(  # noqa: PLR0913, PLR0917 - options of a command
    customer: Annotated[
        list[str] | None, typer.Option("--customer", help="Customer; repeat for several. Default: all.")
    ] = None,
    meter: Annotated[str, typer.Option(help="Only this meter.")] = "",
    reason: Annotated[ReasonWord | None, typer.Option(help="Only this reason.", case_sensitive=False)] = None,
    start: Annotated[
        str, typer.Option("--from", help="First instant, RFC 3339, or a date: its midnight in --tz.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="First instant after, RFC 3339, or a date.")] = "",
    tz: Annotated[str, typer.Option(help="IANA zone of dates in --from and --to.")] = "UTC",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until everything accepted so far is counted.")] = False,  # noqa: FBT002
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in JSON and YAML.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List usage that no invoice will have as things are, each with its reason."""
    request = pb.ListUnbilledUsageRequest(
        customers=customer or [],
        meter=meter,
        reason=unbilled_pb2.UnbilledReason.Value(f"UNBILLED_REASON_{reason.name if reason else 'UNSPECIFIED'}"),
        period=period_of(start, end, zone_of(tz)),
        freshness=aggregator_pb.Freshness(latest=True) if wait else None,
    )
    if len(request.customers) > CUSTOMERS_MAX:
        raise InputError(f"at most {CUSTOMERS_MAX:,} customers can be named at once; leave --customer out for all")

    async def ask(client: AsyncClient) -> tuple[pb.ListUnbilledUsageResponse, list[str]]:
        found = await all_unbilled(client, request, timeout_s=WAIT_S if wait else None)
        if meter and not found.rows:
            # An empty list would pass for good news of a meter that there is not.
            await client.aggregator.GetMeter(aggregator_pb.GetMeterRequest(name=meter))
        listed = {row.customer for row in found.rows}
        return found, await unknown_customers(client, (name for name in request.customers if name not in listed))

    found, unknown = call_services(ask, context)
    shown = (_TABLE_ROWS if output is Output.TABLE else 0) if limit is None else limit
    rows = found.rows[:shown] if shown else found.rows
    if output is Output.TABLE:
        print_table(_COLUMNS, map(_row, rows))
        for word, count in totals(found.rows).items():
            say(f"{word}, {count:,} in all: {meaning_of(word, found.rows)}")
    else:
        document = {"rows": [row_document(row) for row in rows], "filled": found.filled}
        print_document(document | {"asOf": as_of_document(found.as_of)}, output)
    if len(rows) < len(found.rows):
        say(f"these are the first {len(rows):,} of {len(found.rows):,} rows; --limit 0 shows all")
    if not found.filled:
        say("a meter is still being filled from the past, so more may follow; --wait waits for it")
    tell_unknown_customers(unknown)


CUSTOMERS_MAX: Final = 1000
"""Most customers that one question names."""

_COLUMNS: Final = ("customer", "meter", "reason", "period", "contract", ">events", ">quantity", "first", "last")


async def all_unbilled(
    client: AsyncClient, request: pb.ListUnbilledUsageRequest, *, timeout_s: float | None = None
) -> pb.ListUnbilledUsageResponse:
    """Return the list as one page; it is as fresh as its first part."""
    found: pb.ListUnbilledUsageResponse | None = None
    async for page in pages(client.rating.ListUnbilledUsage, request, timeout_s=timeout_s):
        if found is None:
            found = page
        else:
            found.rows.extend(page.rows)
            found.filled = found.filled and page.filled
    return found or pb.ListUnbilledUsageResponse()


def totals(rows: Iterable[unbilled_pb2.UnbilledUsage]) -> dict[str, int]:
    """Return the number of events by reason, each once for every meter that counts it."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[enum_word(row, "reason")] += row.event_count
    return dict(sorted(counts.items()))


def meaning_of(word: str, rows: Iterable[unbilled_pb2.UnbilledUsage]) -> str:
    """Say what a reason means; what is parked, by the name of the meter if it is of one alone."""
    meters = {row.meter for row in rows if enum_word(row, "reason") == word}
    meaning = MEANINGS[word]
    if len(meters) == 1:
        return meaning.replace("get parked", f"get parked {shlex.quote(meters.pop())}")
    return meaning


def reason_text(row: unbilled_pb2.UnbilledUsage) -> str:
    """Say the reason, with what tells rows of one reason apart."""
    word, detail = enum_word(row, "reason"), row.park_reason or row.event_type
    return f"{word} ({detail})" if detail else word


def row_document(row: unbilled_pb2.UnbilledUsage) -> dict[str, Any]:
    """Write a row; what a reason has none of is null."""
    return {
        "customer": row.customer or None,
        "meter": row.meter or None,
        "reason": enum_word(row, "reason"),
        "parkReason": row.park_reason or None,
        "eventType": row.event_type or None,
        "contract": row.contract or None,
        "billingPeriod": row.billing_period or None,
        "period": period_document(row.period) if row.HasField("period") else None,
        "eventCount": row.event_count,
        "quantity": row.quantity or None,
        "unit": row.unit or None,
        "firstTime": time_text(row.first_time),
        "lastTime": time_text(row.last_time) if row.HasField("last_time") else None,
    }


def _row(row: unbilled_pb2.UnbilledUsage) -> tuple[str, ...]:
    return (
        row.customer or "-",
        row.meter or "-",
        reason_text(row),
        row.billing_period or "-",
        row.contract or "-",
        f"{row.event_count:,}",
        f"{row.quantity} {row.unit}".strip() or "-",
        short_time(row.first_time),
        short_time(row.last_time),
    )
