"""`meterline contract …`: a contract starts, gets another plan, and ends; each can be tried first."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from chassis.errors import InvalidRequest, NotFound, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.catalog.add_ons import fill_add_on
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.changes import pause_text, write_changes
from meterline.cli.contract_migrate import migrate_contracts
from meterline.cli.contract_seats import set_seats
from meterline.cli.documents import message_document
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.tables import CONTRACT_COLUMNS, contract_row
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from meterline.client import AsyncClient

app = plain_app(
    "Contracts over time: start, change, pause, discount, migrate, cancel; --dry-run shows what that changes."
)

_NOW: Final = "now"
_PERIOD_END: Final = "period-end"
_TRIAL: Final = "TRIAL"
"""How the discount of a trial is named."""
_DATE_CHARACTERS: Final = len("2026-01-31")

app.command("migrate")(migrate_contracts)


class IntervalWord(StrEnum):
    """Length of a billing period, as it is written on the command line."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the contract.", show_default=False)]
PlanOption = Annotated[str, typer.Option(help="Name of the plan.", show_default=False)]
PlanVersionOption = Annotated[
    int, typer.Option(min=0, help="Pin this version of the plan. Default: each period has the one in force then.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check and say what would change; write nothing.")]
WhyOption = Annotated[
    str, typer.Option("--reason", help="Why, for people; required where periods that have begun get another plan.")
]


@app.command("start")
def start_contract(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameArgument,
    plan: PlanOption,
    customer: Annotated[str, typer.Option(help="Key of the customer; may be left out with --extends.")] = "",
    start: Annotated[str, typer.Option(help="First day, such as 2026-01-31. Default: today in --tz.")] = "",
    end: Annotated[str, typer.Option(help="First day after the contract. Default: open.")] = "",
    interval: Annotated[IntervalWord, typer.Option(help="Length of a billing period.")] = IntervalWord.MONTH,
    every: Annotated[int, typer.Option(min=1, max=36, help="How many intervals a billing period has.")] = 1,
    anchor: Annotated[str, typer.Option(help="A day on which a billing period begins. Default: the first day.")] = "",
    tz: Annotated[str, typer.Option(help="IANA zone in whose midnights days and periods begin. Default: UTC.")] = "",
    extends: Annotated[
        str, typer.Option(help="Contract of which it is an add-on: it has its customer, zone and periods, and its end.")
    ] = "",
    plan_version: PlanVersionOption = 0,
    trial: Annotated[int, typer.Option(min=0, help="So many first periods are a trial: used, rated and free.")] = 0,
    trial_item: Annotated[
        list[str] | None, typer.Option(help="An item that is free in the trial; repeat it. Default: all.")
    ] = None,
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start a contract: a customer has a plan from a day on. One that is there already is left alone and refused."""
    if trial_item and not trial:
        raise InputError("--trial-item says what is free in a trial; write --trial with its number of periods as well")
    if not customer and not extends:
        raise InputError("write --customer with the key of the customer, or --extends with the contract to add to")
    free = catalog_pb2.ContractDiscount(name=_TRIAL, percent="100", items=trial_item or (), periods=trial)
    spec = catalog_pb2.ContractSpec(
        customer=customer,
        plan=plan,
        plan_version=plan_version,
        start=start or ("" if extends else _today(tz or "UTC").isoformat()),
        end=end,
        interval=catalog_pb2.BillingInterval.Value(f"BILLING_INTERVAL_{interval.name}"),
        every=every if every > 1 else 0,
        anchor=anchor,
        time_zone=tz or ("" if extends else "UTC"),
        discounts=[free] if trial else [],
        extends=extends,
    )

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        try:
            await client.rating.GetContract(rating_pb.GetContractRequest(name=name))
        except NotFound:
            if extends:
                base = await client.rating.GetContract(rating_pb.GetContractRequest(name=extends))
                fill_add_on(spec, base.contract.spec)
                spec.start = spec.start or _today(spec.time_zone).isoformat()
            return spec
        message = f"there is a contract {name!r} already; give it another plan with `meterline contract change {name}`"
        raise InputError(message)

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("change")
def change_contract(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameArgument,
    plan: PlanOption,
    at: Annotated[
        str,
        typer.Option(help="period-end, or a day, such as 2026-01-31: the periods that start then or later change."),
    ] = "",
    when: Annotated[
        str,
        typer.Option(
            help="now, period-end, or a day: the plan changes with that midnight, also inside a period, which is then "
            "priced in segments."
        ),
    ] = "",
    plan_version: PlanVersionOption = 0,
    reason: WhyOption = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a contract another plan, for the periods that start later. The one that runs keeps the plan it began with.

    With --when now or a day it gets the new plan from that midnight on: old prices end there, and new ones begin. What
    is rated permanently never changes.
    """
    if at and when:
        message = "--at says which periods change, --when the day that it happens; give one of them"
        raise InputError(message)
    inside = when not in {"", _PERIOD_END}
    day = "" if {at, when} <= {"", _PERIOD_END, _NOW} else _day(at or when, f"{_NOW}, {_PERIOD_END} or a day")
    if at == _NOW:
        message = "--at takes period-end or a day; for a change inside the period that runs write --when now"
        raise InputError(message)

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        spec.mid_period = inside
        # Left out, the plan rules from the next period on; the day that the answer has is that of the plan before.
        from_day = _today(spec.time_zone).isoformat() if when == _NOW else day
        spec.plan, spec.plan_version, spec.effective_from, spec.reason = plan, plan_version, from_day, reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("cancel")
def cancel_contract(
    name: NameArgument,
    at: Annotated[
        str, typer.Option(help="period-end; now: with the end of yesterday; or the first day after the contract.")
    ] = _PERIOD_END,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End a contract. Usage up to then is billed, also where it comes late; usage after it is listed as unbilled."""
    day = "" if at in {_NOW, _PERIOD_END} else _day(at, f"{_NOW}, {_PERIOD_END} or a day")

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        before = spec.end
        if at == _PERIOD_END:
            spec.end = await _end_of_period(client, name, spec)
        else:
            spec.end = day or _today(spec.time_zone).isoformat()
        if before and spec.end > before:
            message = f"contract {name!r} ends before {before} already; to let it go on, apply it with another end"
            raise InputError(message)
        kept = [pause for pause in spec.pauses if pause.start < spec.end]
        del spec.pauses[:]
        spec.pauses.extend(kept)
        discounts = [discount for discount in spec.discounts if discount.start < spec.end]
        del spec.discounts[:]
        spec.discounts.extend(discounts)
        overrides = [override for override in spec.overrides if override.start < spec.end]
        del spec.overrides[:]
        spec.overrides.extend(overrides)
        seats = [counted for counted in spec.seats if counted.start < spec.end]
        del spec.seats[:]
        spec.seats.extend(seats)
        spec.reason = reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("seats")
def seat_contract(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item of the plan.", show_default=False)],
    count: Annotated[int, typer.Argument(metavar="COUNT", min=0, help="So many seats.", show_default=False)],
    start: Annotated[str, typer.Option("--from", help="First day. Default: today in the contract's zone.")] = "",
    correct: Annotated[  # noqa: FBT002 - an option of a command
        bool,
        typer.Option("--correct", help="In place of what is set for that day; else the highest of the day counts."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give an item of a contract another number of seats, from a day on.

    It holds until the next day for which one is set. When a change is charged, the plan says.
    """

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        set_seats(spec, item, count, start or max(_today(spec.time_zone).isoformat(), spec.start), correct=correct)
        spec.reason = reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("pause")
def pause_contract(
    name: NameArgument,
    start: Annotated[str, typer.Option("--from", help="First day. Default: today in the contract's zone.")] = "",
    until: Annotated[str, typer.Option(help="First day after the pause. Default: until it is resumed.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let the fixed fees of a contract stand still for whole days. Usage is priced as always."""

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        pause = catalog_pb2.ContractPause(start=start or _today(spec.time_zone).isoformat(), until=until)
        spec.pauses.append(pause)
        spec.pauses.sort(key=lambda one: one.start)
        spec.reason = reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("discount")
def discount_contract(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameArgument,
    discount: Annotated[str, typer.Option("--name", help="Its name on the invoice.", show_default=False)],
    percent: Annotated[str, typer.Option(help="Percent of the printed charges, such as 12.5.")] = "",
    amount: Annotated[str, typer.Option(help="Amount off each period, in the currency of the plan.")] = "",
    usage: Annotated[str, typer.Option(help="Units off the quantity of each --item.")] = "",
    usage_percent: Annotated[str, typer.Option(help="Percent off the quantity of each --item.")] = "",
    item: Annotated[list[str] | None, typer.Option(help="An item of the plan; repeat it. Default: all.")] = None,
    start: Annotated[str, typer.Option("--from", help="First day. Default: today in the contract's zone.")] = "",
    until: Annotated[str, typer.Option(help="First day after the discount. Default: without end.")] = "",
    periods: Annotated[int | None, typer.Option(min=1, help="In place of --until: for how many periods.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take a percentage or an amount off the charges, or units off the quantities, of the periods from a day on.

    It comes after the discounts that the contract has; to change or to end one, apply the contract anew.
    """

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        added = catalog_pb2.ContractDiscount(
            name=discount,
            percent=percent,
            amount=amount,
            usage=usage,
            usage_percent=usage_percent,
            items=item or (),
            start=start or max(_today(spec.time_zone).isoformat(), spec.start),
            until=until,
            periods=periods or 0,
        )
        spec.discounts.append(added)
        spec.reason = reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("override")
def override_contract(  # noqa: PLR0913, PLR0917 - options of a command
    name: NameArgument,
    item: Annotated[str, typer.Option("--item", help="The item of the plan.", show_default=False)],
    multiplier: Annotated[
        str, typer.Option(help="What its amount is multiplied by: 0.9 for 10 % less.", show_default=False)
    ],
    start: Annotated[str, typer.Option("--from", help="First day. Default: today in the contract's zone.")] = "",
    until: Annotated[str, typer.Option(help="First day after it. Default: without end.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Multiply the price of an item for one contract, in the periods that start from a day on.

    To give it another price, or to change or end an override, write `overrides` in the contract and apply it.
    """

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        first = start or max(_today(spec.time_zone).isoformat(), spec.start)
        spec.overrides.append(catalog_pb2.ContractOverride(item=item, multiplier=multiplier, start=first, until=until))
        spec.reason = reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


@app.command("resume")
def resume_contract(
    name: NameArgument,
    at: Annotated[str, typer.Option(help="First day that is charged again, or now.")] = _NOW,
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    dry_run: DryRunOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End the pause of a contract on a day. One that has not begun by then is taken back."""
    day = "" if at == _NOW else _day(at, f"{_NOW} or a day")

    async def wanted(client: AsyncClient) -> catalog_pb2.ContractSpec:
        spec = await _spec(client, name)
        first = day or _today(spec.time_zone).isoformat()
        last = spec.pauses[-1] if spec.pauses else None
        if last is None or (last.until and last.until <= first):
            message = f"contract {name!r} has no pause on {first} or later"
            raise InputError(f"{message}; `meterline get contract {name} -o yaml` shows its pauses")
        if last.start >= first:
            del spec.pauses[-1]
        else:
            last.until = first
        spec.reason = reason
        return spec

    _do(name, wanted, context, output, dry_run=dry_run)


def _do(
    name: str,
    wanted: Callable[[AsyncClient], Awaitable[catalog_pb2.ContractSpec]],
    context: Path | None,
    output: Output,
    *,
    dry_run: bool,
) -> None:
    """Make a contract what is wanted, or only try it, and show what that changes."""

    async def work(client: AsyncClient) -> tuple[catalog_pb2.Contract, rating_pb.ApplyCatalogResponse]:
        request = rating_pb.ApplyContractRequest(name=name, spec=await wanted(client))
        if dry_run:
            entry = rating_pb.CatalogEntry(contract=request)
            tried = rating_pb.ApplyCatalogRequest(entries=[entry], validate_only=True)
            return catalog_pb2.Contract(name=name, spec=request.spec), await client.rating.ApplyCatalog(tried)
        request.request_id = uuid7()
        answer = await until_reachable(client.rating.ApplyContract, request)
        return answer.contract, rating_pb.ApplyCatalogResponse(
            outcomes=[answer.outcome], contract_changes=[answer.change] if answer.HasField("change") else []
        )

    contract, told = call_services(work, context)
    if output is not Output.TABLE:
        print_document(_document(contract, told, dry_run=dry_run), output)
        return
    if told.outcomes[0] == values_pb2.APPLY_OUTCOME_UNCHANGED:
        say(f"contract {name} is so already; nothing changes")
    elif not dry_run:
        print_table(CONTRACT_COLUMNS, [contract_row(contract)])
    write_changes(told)
    for pause in contract.spec.pauses:
        write(f"paused {pause_text(pause)}")
    if dry_run:
        say("nothing was written (--dry-run)")


def _document(contract: catalog_pb2.Contract, told: rating_pb.ApplyCatalogResponse, *, dry_run: bool) -> dict[str, Any]:
    outcome = values_pb2.ApplyOutcome.Name(told.outcomes[0]).removeprefix("APPLY_OUTCOME_")
    change = message_document(told.contract_changes[0]) if told.contract_changes else None
    return {"contract": message_document(contract), "outcome": outcome, "change": change, "dryRun": dry_run}


async def _spec(client: AsyncClient, name: str) -> catalog_pb2.ContractSpec:
    found = await client.rating.GetContract(rating_pb.GetContractRequest(name=name))
    spec: catalog_pb2.ContractSpec = found.contract.spec
    return spec


async def _end_of_period(client: AsyncClient, name: str, spec: catalog_pb2.ContractSpec) -> str:
    """Return the first day after the period that runs. Raises InputError where none does."""
    try:
        found = await client.rating.GetPriceList(rating_pb.GetPriceListRequest(contract=name))
    except InvalidRequest as error:
        if error.reason is not Reason.PERIOD_INVALID:
            raise
        message = f"contract {name!r} has no period that runs now; write --at with the first day after the contract"
        raise InputError(message) from None
    end: datetime = found.period.end.ToDatetime(tzinfo=UTC)
    return end.astimezone(ZoneInfo(spec.time_zone)).date().isoformat()


def _today(zone: str) -> date:
    try:
        return datetime.now(ZoneInfo(zone)).date()
    except (OSError, ValueError, ZoneInfoNotFoundError) as error:
        raise InputError(f"--tz {zone!r} is no IANA time zone; write one such as Europe/Vienna") from error


def _day(text: str, choices: str) -> str:
    try:
        day = date.fromisoformat(text) if len(text) == _DATE_CHARACTERS else None
    except ValueError:
        day = None
    if day is None:
        raise InputError(f"--at {text!r} isn't {choices}; write a day as 2026-01-31")
    return day.isoformat()
