"""`meterline price …`: what plans would cost, before anybody has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from chassis.errors import InvalidRequest, MeterlineError, NotFound
from metering.rating.v1 import charge_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.quotes import read_quote
from meterline.cli.calls import call_services
from meterline.cli.catalog_faults import placed
from meterline.cli.documents import message_document, period_document, time_text
from meterline.cli.exits import exit_code, explain_error, fail_for_all
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, write, write_title
from meterline.cli.price_lint import lint
from meterline.cli.price_notice import app as notice_app
from meterline.cli.price_simulate import simulate
from meterline.cli.variance import variance
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meterline.catalog.files import Entry
    from meterline.client import AsyncClient

app = plain_app(
    "Prices before anybody has them: said, worked out, tried on assumed or real usage, looked at for what is odd."
)


app.command("lint")(lint)
app.command("simulate")(simulate)
app.command("variance")(variance)
app.add_typer(notice_app, name="notice")


@app.command("quote")
def quote(
    file: Annotated[Path, typer.Option("-f", "--file", help="Quote file, or - for standard input.")],
    steps: Annotated[bool, typer.Option("--steps", help="Also tell how each amount comes about.")] = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what assumed usage would cost by a plan, applied or only written down; nothing is kept.

    The file has `plan` (a name, or {currency, items} as in a catalog) and `usage` (meter: "quantity", or for a price by
    values of properties meter: [{group: {property: value}, quantity: "1"}]), and may have
    `period` ({start, end}, two days; the current month without it), `timeZone` (UTC without it) and `discounts`
    ([{name, percent or amount, items}]).
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


@app.command("example")
def example(
    plan: Annotated[str, typer.Argument(help="Plan, in its newest version.", show_default=False)] = "",
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Instead: a quote file, of which only the plan is looked at.")
    ] = None,
    item: Annotated[list[str] | None, typer.Option(help="Only this plan item; repeat for several.")] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say prices in plain words, and work examples: where a price changes, just beyond, and well beyond."""
    if bool(plan) == (file is not None):
        raise InputError("name a plan, or a file with -f")
    asked = None if file is None else read_quote(file)
    request = pb.ExplainPlanRequest(plan=plan, items=item or [])
    if asked is not None:
        request = _about_plan_of(asked.request, item or [])

    async def ask(client: AsyncClient) -> pb.ExplainPlanResponse:
        return await client.rating.ExplainPlan(request)

    try:
        explained = call_services(ask, context)
    except (InvalidRequest, NotFound) as error:
        if asked is None:
            raise
        _fail_in_file(error, asked)
    if output is not Output.TABLE:
        print_document(examples_document(explained), output)
        return
    _write_examples(explained)


def _about_plan_of(quote: pb.QuotePlanRequest, items: Sequence[str]) -> pb.ExplainPlanRequest:
    """Return the question about the plan of a quote file."""
    if quote.WhichOneof("priced") == "draft":
        return pb.ExplainPlanRequest(draft=quote.draft, items=items)
    return pb.ExplainPlanRequest(plan=quote.plan, plan_version=quote.plan_version, items=items)


def _write_examples(explained: pb.ExplainPlanResponse) -> None:
    for each in explained.items:
        write_title(each.item, f": {each.sentence}")
        for one in each.examples:
            groups = "".join(f", {group_text(cell)}" for cell in one.cells)
            write(f"  {f'{one.quantity} {each.unit}'.strip()}{groups}: {one.amount} {explained.currency}")
            for step in one.steps:
                write(f"    {step.text}")
    for bound in explained.bounds:
        write(bound)


def examples_document(explained: pb.ExplainPlanResponse) -> dict[str, Any]:
    """Write the prices of a plan in words, with examples."""
    items = [
        {
            "item": each.item,
            "meter": each.meter,
            "unit": each.unit,
            "sentence": each.sentence,
            "examples": [_line_document(one) for one in each.examples],
        }
        for each in explained.items
    ]
    return {
        "plan": explained.plan or None,
        "planVersion": explained.plan_version or None,
        "currency": explained.currency,
        "items": items,
        "bounds": list(explained.bounds),
    }


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
        "cells": [message_document(cell) for cell in line.cells],
    }


def group_text(cell: charge_pb2.ChargeCell) -> str:
    """Write the values of a group for people."""
    return ", ".join(f"{key} {value or '(none)'}" for key, value in sorted(cell.group.items()))


def _fail_in_file(error: MeterlineError, asked: Entry) -> NoReturn:
    """End with what the service refuses, told where it stands in the file."""
    # The reader knows each place below `spec`, as in a catalog.
    violations = tuple(replace(violation, field=f"spec.{violation.field}") for violation in error.violations)
    named = type(error)(error.reason, error.message, violations=violations)
    fail_for_all([explain_error(one) for one in placed(named, [asked])], exit_code(error))
