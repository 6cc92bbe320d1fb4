"""`meterline contract migrate`: many contracts to another plan at their next period, with what that does to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import typer

from chassis.errors import InvalidRequest, NotFound
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.documents import message_document
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.price_simulate import months_of, print_simulation, simulation_document
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metering.rating.v1 import catalog_pb2, simulation_pb2
    from meterline.client import AsyncClient

_AT_ONCE: Final = 200
"""Contracts in one request: of so many a service tells what changes."""
_CUSTOMERS_MAX: Final = 1000
_MONTHS_SHOWN: Final = 3
_PAGE: Final = 1000
_Entry = TypeVar("_Entry")
_ENTRY_FIELD: Final = re.compile(r"entries\[(\d+)\]\.contract")


@dataclass(frozen=True, slots=True)
class _Target:
    """To which plan contracts go; version 0 pins none."""

    plan: str
    version: int


@dataclass(frozen=True, slots=True)
class _Migration:
    """What a migration does, contract by contract, and to customers over past months."""

    contracts: Sequence[catalog_pb2.Contract]
    outcomes: Sequence[values_pb2.ApplyOutcome.ValueType]
    changes: Sequence[catalog_pb2.ContractChange]
    customers: Sequence[simulation_pb2.SimulatedCustomer]
    summary: pb.SimulatePlansResponse


def migrate_contracts(  # noqa: PLR0913, PLR0917 - options of a command
    plan: Annotated[str, typer.Option(help="The plan that they have.", show_default=False)],
    to: Annotated[str, typer.Option(help="The plan that they get.", show_default=False)],
    plan_version: Annotated[
        int, typer.Option(min=0, help="Pin this version of the new plan. Default: each period has the one in force.")
    ] = 0,
    contracts: Annotated[
        list[str] | None,
        typer.Option("--contracts", help="Only this contract; repeat for several. Default: all that have the plan."),
    ] = None,
    left_out: Annotated[
        list[str] | None, typer.Option("--except", help="Leave this contract as it is; repeat for several.")
    ] = None,
    period: Annotated[
        str,
        typer.Option(help='Past months by which the effect is told, such as "2026-01..2026-03". Default: the last 3.'),
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Say what would change; write nothing.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give contracts another plan from their next period on, and tell what it would have charged in past months.

    All are checked before the first is changed. Periods that have begun keep their plan.
    """
    months = months_of(period) if period else last_months(datetime.now(UTC))
    target = _Target(to, plan_version)

    async def work(client: AsyncClient) -> _Migration:
        found = await _chosen(client, plan, target, contracts or [], frozenset(left_out or ()))
        simulated = await _simulated(client, plan, target, found, months)
        for contract in found:
            spec = contract.spec
            spec.plan, spec.plan_version, spec.effective_from, spec.reason = to, plan_version, "", reason
        told = await _apply(client, found, validate_only=True)
        if not preview:
            told = await _apply(client, found, validate_only=False)
        return _Migration(found, *told, *simulated)

    done = call_services(work, context)
    if output is not Output.TABLE:
        print_document(_document(done, preview=preview), output)
        return
    _print(done)
    if preview:
        say("nothing was written (--preview)")


async def _chosen(
    client: AsyncClient, plan: str, target: _Target, names: Sequence[str], left_out: frozenset[str]
) -> list[catalog_pb2.Contract]:
    """Return the contracts that have a plan and go on. Raises InputError where none does, and for one that is named."""
    found: list[catalog_pb2.Contract] = []
    request = pb.ListContractsRequest(page_size=_PAGE)
    while True:
        page = await client.rating.ListContracts(request)
        found += page.contracts
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    of_plan = [one for one in found if one.spec.plan == plan and _goes_on(one.spec)]
    if missing := sorted({*names, *left_out} - {one.name for one in of_plan}):
        message = f"no contract {missing[0]!r} that goes on has plan {plan!r}; see `meterline get contracts`"
        raise InputError(message)
    wanted = [
        one
        for one in of_plan
        if (not names or one.name in names)
        and one.name not in left_out
        and (one.spec.plan, one.spec.plan_version) != (target.plan, target.version)
    ]
    if not wanted:
        raise InputError(
            f"no contract that goes on has plan {plan!r} and would get another; see `meterline get contracts`"
        )
    return wanted


async def _simulated(
    client: AsyncClient, plan: str, target: _Target, contracts: Sequence[catalog_pb2.Contract], months: tuple[str, str]
) -> tuple[list[simulation_pb2.SimulatedCustomer], pb.SimulatePlansResponse]:
    """Return what customers would have paid: the new plan stands in for theirs, under its name."""
    there = await client.rating.GetPlan(pb.GetPlanRequest(name=target.plan, version=target.version))
    draft = pb.CatalogEntry(plan=pb.ApplyPlanRequest(name=plan, spec=there.plan.spec))
    customers = sorted({one.spec.customer for one in contracts})
    found: list[simulation_pb2.SimulatedCustomer] = []
    summary = pb.SimulatePlansResponse()
    for some in _parts(customers, _CUSTOMERS_MAX):
        request = pb.SimulatePlansRequest(entries=[draft], customers=some, from_month=months[0], until_month=months[1])
        async for message in client.rating.SimulatePlans(request):
            found.extend(message.customers)
            summary.skipped.extend(message.skipped)
            if len(customers) <= _CUSTOMERS_MAX:
                # Totals of several answers are not added up: each customer is told.
                summary.totals.extend(message.totals)
    return found, summary


async def _apply(
    client: AsyncClient, contracts: Sequence[catalog_pb2.Contract], *, validate_only: bool
) -> tuple[list[values_pb2.ApplyOutcome.ValueType], list[catalog_pb2.ContractChange]]:
    """Apply contracts, so many at once, each of these all or none; or only check them."""
    outcomes: list[values_pb2.ApplyOutcome.ValueType] = []
    changes: list[catalog_pb2.ContractChange] = []
    for some in _parts(contracts, _AT_ONCE):
        entries = [pb.CatalogEntry(contract=pb.ApplyContractRequest(name=one.name, spec=one.spec)) for one in some]
        request = pb.ApplyCatalogRequest(
            entries=entries, validate_only=validate_only, request_id="" if validate_only else uuid7()
        )
        try:
            told = await until_reachable(client.rating.ApplyCatalog, request)
        except (InvalidRequest, NotFound) as error:
            raise naming_contracts(error, some) from None
        outcomes += told.outcomes
        changes += told.contract_changes
    return outcomes, changes


def naming_contracts(
    error: InvalidRequest | NotFound, contracts: Sequence[catalog_pb2.Contract]
) -> InvalidRequest | NotFound:
    """Return an error that names contracts in place of their places in a request."""

    def named(text: str) -> str:
        return _ENTRY_FIELD.sub(lambda match: f"contract {contracts[int(match[1])].name}", text)

    violations = tuple(replace(one, field=named(one.field)) for one in error.violations)
    message = f"{named(error.message)}; mend it, or leave the contract as it is with --except"
    return type(error)(error.reason, message, violations=violations, metadata=error.metadata)


def _parts(entries: Sequence[_Entry], most: int) -> Iterator[Sequence[_Entry]]:
    yield from (entries[start : start + most] for start in range(0, len(entries), most))


def _goes_on(spec: catalog_pb2.ContractSpec) -> bool:
    return not spec.end or spec.end > datetime.now(ZoneInfo(spec.time_zone)).date().isoformat()


def last_months(now: datetime) -> tuple[str, str]:
    """Return the first and the last of the months before the one that runs."""
    number = now.year * 12 + now.month - 1
    first, last = (f"{one // 12:04}-{one % 12 + 1:02}" for one in (number - _MONTHS_SHOWN, number - 1))
    return first, last


def first_period(change: catalog_pb2.ContractChange | None) -> str:
    """Return the label of the first period that another plan or version prices."""
    for one in () if change is None else change.periods:
        if (one.plan_before, one.plan_version_before) != (one.plan, one.plan_version):
            return one.first
    return "-"


def _rows(done: _Migration) -> list[tuple[catalog_pb2.Contract, values_pb2.ApplyOutcome.ValueType, str]]:
    changes = {change.contract: change for change in done.changes}
    return [
        (contract, outcome, first_period(changes.get(contract.name)))
        for contract, outcome in zip(done.contracts, done.outcomes, strict=True)
    ]


def _print(done: _Migration) -> None:
    rows = [(one.name, one.spec.customer, first) for one, _, first in _rows(done)]
    print_table(("contract", "customer", "new plan from period"), rows)
    print_simulation(done.customers, done.summary)


def _document(done: _Migration, *, preview: bool) -> dict[str, Any]:
    contracts = [
        {
            "contract": message_document(one),
            "outcome": values_pb2.ApplyOutcome.Name(outcome).removeprefix("APPLY_OUTCOME_"),
            "firstPeriod": "" if first == "-" else first,
        }
        for one, outcome, first in _rows(done)
    ]
    return {"contracts": contracts, "effect": simulation_document(done.customers, done.summary), "preview": preview}
