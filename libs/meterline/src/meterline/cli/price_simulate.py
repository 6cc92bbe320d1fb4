"""`meterline price simulate`: a draft catalog over the true history of customers, touching nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.files import read_catalog
from meterline.cli.calls import call_services
from meterline.cli.catalog_faults import Faults
from meterline.cli.documents import enum_word, message_document
from meterline.cli.exports import Column, Kind, check_export, export_rows
from meterline.cli.options import ContextOption, RowsOutput, RowsOutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.price_lint import question_of
from meterline.cli.usage import month
from meterline.errors import InputError, InputErrors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.rating.v1 import simulation_pb2
    from meterline.client import AsyncClient

_TABLE_ROWS: Final = 20
_COLUMNS: Final = (
    Column("customer"),
    Column("currency"),
    Column("periods", Kind.WHOLE),
    Column("now", Kind.DECIMAL),
    Column("then", Kind.DECIMAL),
    Column("difference", Kind.DECIMAL),
    Column("cheapest_plan"),
    Column("cheapest", Kind.DECIMAL),
    Column("cost_now", Kind.DECIMAL),
    Column("margin_now", Kind.DECIMAL),
    Column("cost_then", Kind.DECIMAL),
    Column("margin_then", Kind.DECIMAL),
)
_SKIPS: Final = {
    "CURRENCY": "the plan that would price them is in another currency",
    "NO_PLAN": "no version of their plan is effective when they start",
    "METER_MISSING": "their plan prices a meter that does not exist; `meterline price lint` names it",
    # Of services that are older than this.
    "SEGMENTS": "their plan changed inside of them, so no one plan prices them",
}


def simulate(  # noqa: PLR0913, PLR0917 - options of a command
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "-f",
            "--file",
            help="Catalog file with the plans that are tried, or -; repeat for several.",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        str, typer.Option(help="One plan for all, of the file or applied. Default: each has that of the same name.")
    ] = "",
    customers: Annotated[
        list[str] | None, typer.Option("--customers", help="Only this customer; repeat for several. Default: all.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All customers, which is the default.")] = False,  # noqa: FBT002
    period: Annotated[
        str, typer.Option(help='Months, such as "2013-01..2013-12", or one. Default: the month that runs, in UTC.')
    ] = "",
    items: Annotated[bool, typer.Option("--items", help="Also tell each customer's items (JSON and YAML).")] = False,  # noqa: FBT002
    cheapest: Annotated[  # noqa: FBT002
        bool, typer.Option("--cheapest", help="Also tell which plan costs each customer least.")
    ] = False,
    context: ContextOption = None,
    output: RowsOutputOption = RowsOutput.TABLE,
) -> None:
    """Show what a draft catalog would have charged for what was really used: who wins and loses; nothing is written."""
    if everybody and customers:
        raise InputError("--all and --customers exclude each other; leave one out")
    if not files and not plan:
        raise InputError("name a file with plans to try (-f), or an applied plan for all (--plan)")
    read = read_catalog(files or [])
    if read.mistakes:
        raise InputErrors(read.mistakes)
    first, last = months_of(period)
    check_export(output)
    request = pb.SimulatePlansRequest(
        entries=question_of(read.entries).entries,
        plan=plan,
        customers=customers or [],
        from_month=first,
        until_month=last,
        with_items=items,
        with_cheapest=cheapest,
    )
    looked_at = [entry for entry in read.entries if entry.kind.name in {"Plan", "Product"}]

    async def ask(client: AsyncClient) -> tuple[list[simulation_pb2.SimulatedCustomer], pb.SimulatePlansResponse]:
        faults = Faults()
        found: list[simulation_pb2.SimulatedCustomer] = []
        last_message = pb.SimulatePlansResponse()
        with faults.of(looked_at):
            async for message in client.rating.SimulatePlans(request):
                found.extend(message.customers)
                last_message = message
            return found, last_message
        faults.raise_any()
        raise AssertionError  # a fault was kept, so it was raised

    found, summary = call_services(ask, context)
    if output.is_export:
        export_rows(_COLUMNS, map(_row, found), output)
        _say_skipped(summary)
    elif output is RowsOutput.TABLE:
        print_simulation(found, summary, with_cheapest=cheapest)
    else:
        print_document(simulation_document(found, summary), output.document)
        _say_skipped(summary)


def months_of(text: str) -> tuple[str, str]:
    """Read months as users write them. Raises InputError."""
    if not text:
        return "", ""
    first, dots, last = text.partition("..")
    return month(first), month(last) if dots else ""


def simulation_document(
    customers: Sequence[simulation_pb2.SimulatedCustomer], summary: pb.SimulatePlansResponse
) -> dict[str, Any]:
    """Write how customers fare, one by one and together."""
    return {
        "customers": [message_document(one) for one in customers],
        "totals": [message_document(total) for total in summary.totals],
        "skipped": [
            {"reason": enum_word(one, "reason"), "periods": str(one.periods), "example": one.example}
            for one in summary.skipped
        ],
    }


def print_simulation(
    customers: Sequence[simulation_pb2.SimulatedCustomer],
    summary: pb.SimulatePlansResponse,
    *,
    with_cheapest: bool = False,
) -> None:
    """Print the customers whose bills change most, how all fare, and what was left out."""
    largest = sorted(customers, key=lambda one: -abs(Decimal(one.difference)))[:_TABLE_ROWS]
    has_margin = any(one.HasField("margin_then") for one in customers)
    columns: tuple[str, ...] = ("customer", "currency", ">periods", ">now", ">then", ">difference")
    columns += (">margin now", ">margin then") if has_margin else ()
    rows = [
        (one.customer, one.currency, f"{one.periods:,}", one.now, one.then, one.difference)
        + ((one.margin_now.margin or "-", one.margin_then.margin or "-") if has_margin else ())
        + ((f"{one.cheapest_plan} {one.cheapest}" if one.cheapest_plan else "-",) if with_cheapest else ())
        for one in largest
    ]
    print_table((*columns, "cheapest") if with_cheapest else columns, rows)
    if len(customers) > len(largest):
        write(f"these are the {len(largest)} largest changes of {len(customers):,} customers; -o csv has all")
    for total in summary.totals:
        _print_total(total)
    _print_losing(customers)
    _say_skipped(summary)


def _say_skipped(summary: pb.SimulatePlansResponse) -> None:
    for skipped in summary.skipped:
        word = enum_word(skipped, "reason")
        say(f"{skipped.periods:,} billing periods are left out, such as {skipped.example}: {_SKIPS[word]}")


def _print_total(total: simulation_pb2.SimulationTotal) -> None:
    code = total.currency
    write(
        f"total of {total.customers:,} customers in {total.periods:,} billing periods: now {total.now} {code}, "
        f"then {total.then} {code}, difference {total.difference} {code}"
    )
    same = total.customers - total.winners - total.losers
    write(
        f"{total.winners:,} would pay less ({total.won} {code}), {total.losers:,} more ({total.lost} {code}), "
        f"{same:,} the same"
    )
    if total.HasField("margin_then"):
        now, then = total.margin_now, total.margin_then
        write(
            f"margin now {now.margin or '-'} {code}, then {then.margin} {code}; "
            f"{total.losing_now:,} customers cost more than they pay now, {total.losing_then:,} would"
        )
        if Decimal(then.without_cost):
            write(f"{then.without_cost} {code} of that are of items without `cost`: they count as if they cost nothing")
    rows = [(band_text(band), f"{band.customers:,}", band.difference) for band in total.bands]
    print_table(("change", ">customers", f">difference {code}"), rows)


def _print_losing(customers: Sequence[simulation_pb2.SimulatedCustomer]) -> None:
    losing = [one for one in customers if one.HasField("margin_then") and Decimal(one.margin_then.margin) < 0]
    if not losing:
        return
    worst = sorted(losing, key=lambda one: Decimal(one.margin_then.margin))[:_TABLE_ROWS]
    rows = [(one.customer, one.currency, one.then, one.margin_then.cost, one.margin_then.margin) for one in worst]
    print_table(("would cost more than it pays", "currency", ">then", ">cost", ">margin"), rows)


def band_text(band: simulation_pb2.SimulationBand) -> str:
    """Say how large the changes of a band are."""
    if band.is_from_nothing:
        return "from nothing"
    if band.from_percent == band.below_percent:
        return "none"
    word = "rise" if band.is_rise else "fall"
    if not band.below_percent:
        return f"{word} of {band.from_percent} % or more"
    return f"{word} of {band.from_percent} to {band.below_percent} %"


def _row(one: simulation_pb2.SimulatedCustomer) -> tuple[str, ...]:
    return (
        one.customer,
        one.currency,
        str(one.periods),
        one.now,
        one.then,
        one.difference,
        one.cheapest_plan,
        one.cheapest,
        one.margin_now.cost,
        one.margin_now.margin,
        one.margin_then.cost,
        one.margin_then.margin,
    )
