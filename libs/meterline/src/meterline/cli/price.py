"""`meterline price …`: what plans would cost, before anybody has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from chassis.errors import InvalidRequest, MeterlineError, NotFound
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.quotes import read_quote
from meterline.cli.calls import call_services
from meterline.cli.catalog_faults import placed
from meterline.cli.documents import message_document, period_document, time_text
from meterline.cli.exits import exit_code, explain_error, fail_for_all
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, write

if TYPE_CHECKING:
    from meterline.catalog.files import Entry
    from meterline.client import AsyncClient

app = plain_app("Prices before anybody has them: what a plan would cost.")


@app.callback()
def prices() -> None:
    """Prices before anybody has them: what a plan would cost."""


@app.command("quote")
def quote(
    file: Annotated[Path, typer.Option("-f", "--file", help="Quote file, or - for standard input.")],
    steps: Annotated[bool, typer.Option("--steps", help="Also tell how each amount comes about.")] = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what assumed usage would cost by a plan, applied or only written down; nothing is kept.

    The file has `plan` (a name, or {currency, items} as in a catalog) and `usage` (meter: "quantity"), and may have
    `period` ({start, end}, two days; the current month without it) and `timeZone` (UTC without it).
    """
    asked = read_quote(file)

    async def ask(client: AsyncClient) -> pb.QuotePlanResponse:
        return await client.rating.QuotePlan(asked.request)

    try:
        quoted = call_services(ask, context)
    except (InvalidRequest, NotFound) as error:
        _fail_in_file(error, asked)
    if output is not Output.TABLE:
        print_document(quote_document(quoted), output)
        return
    plan = f"plan {quoted.plan} version {quoted.plan_version}" if quoted.plan else "the plan of the file"
    write(f"{plan}, {time_text(quoted.period.start)} to {time_text(quoted.period.end)}, {quoted.time_zone}")
    rows = [(line.item, line.quantity, line.exact_amount, line.amount) for line in quoted.lines]
    total = ("total", "", "", quoted.total)
    print_table(("item", ">quantity", ">exact amount", f">amount {quoted.currency}"), [*rows, total])
    for line in quoted.lines if steps else ():
        write(f"{line.item}:")
        for step in line.steps:
            write(f"  {step.text}")


def quote_document(quoted: pb.QuotePlanResponse) -> dict[str, Any]:
    """Write a quote: the lines that an invoice would have, and their total."""
    return {
        "lines": [_line_document(line) for line in quoted.lines],
        "total": quoted.total,
        "currency": quoted.currency,
        "plan": quoted.plan or None,
        "planVersion": quoted.plan_version or None,
        "period": period_document(quoted.period),
        "timeZone": quoted.time_zone,
    }


def _line_document(line: pb.PriceQuote) -> dict[str, Any]:
    return {
        "item": line.item,
        "meter": line.meter,
        "quantity": line.quantity,
        "pricedQuantity": line.priced_quantity or line.quantity,
        "exactAmount": line.exact_amount,
        "amount": line.amount,
        "tiers": [message_document(tier) | {"upTo": tier.up_to or None} for tier in line.tiers],
        "steps": [message_document(step) for step in line.steps],
    }


def _fail_in_file(error: MeterlineError, asked: Entry) -> NoReturn:
    """End with what the service refuses, told where it stands in the file."""
    # The reader knows each place below `spec`, as in a catalog.
    violations = tuple(replace(violation, field=f"spec.{violation.field}") for violation in error.violations)
    named = type(error)(error.reason, error.message, violations=violations)
    fail_for_all([explain_error(one) for one in placed(named, [asked])], exit_code(error))
