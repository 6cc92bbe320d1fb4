"""`meterline get KIND [NAME]`: what the services hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli import tables
from meterline.cli.calls import PAGE_ROWS, call_services, pages
from meterline.cli.documents import message_document
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.progress import get_progress
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from google.protobuf.message import Message

    from meterline.client import AsyncClient

_TABLE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """Some objects of a kind, and how many there are in all (None: not known, but more)."""

    messages: Sequence[Message]
    total: int | None


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be shown: how it is read (client, name, most rows) and how a row of its table looks."""

    read: Callable[[AsyncClient, str, int], Awaitable[Listed]]
    columns: Sequence[str]
    row: Callable[[Any], Sequence[str]]
    by_name: bool = True
    """Whether NAME names one object; else it is a condition."""


def get(
    kind: Annotated[
        str,
        typer.Argument(
            help="meter, product, plan, customer, contract, billing-profile, backfill, parked or progress; plurals too."
        ),
    ],
    name: Annotated[str, typer.Argument(help="Only the one of this name (for parked: of this meter).")] = "",
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in JSON and YAML.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the services hold: catalog objects, backfills, parked events, progress."""
    singular = _singular(kind)
    if singular == "progress":
        get_progress(context, output)
        return
    wanted = KINDS[singular]
    rows = (_TABLE_ROWS if output is Output.TABLE else 0) if limit is None else limit
    listed = call_services(lambda client: wanted.read(client, name, rows), context)
    is_one = bool(name) and wanted.by_name
    if is_one and not listed.messages:
        raise InputError(f"there is no {singular} {name!r}; `meterline get {singular}` lists all")
    if output is Output.TABLE:
        print_table(wanted.columns, (wanted.row(message) for message in listed.messages))
    else:
        documents = [message_document(message) for message in listed.messages]
        print_document(documents[0] if is_one else documents, output)
    _tell_rest(listed)


def _tell_rest(listed: Listed) -> None:
    shown = len(listed.messages)
    if listed.total is None or listed.total > shown:
        of = "the first" if listed.total is None else f"{listed.total:,}, the first"
        say(f"these are {of} {shown:,}; --limit 0 shows all")


def _singular(text: str) -> str:
    lower = text.lower()
    kinds = (*KINDS, "progress")
    for candidate in (lower, lower.removesuffix("s"), {"billingprofile": "billing-profile"}.get(lower)):
        if candidate in kinds:
            return candidate
    raise InputError(f"{text!r} isn't a kind; write one of {', '.join(kinds)}")


async def _meters(client: AsyncClient, name: str, limit: int) -> Listed:
    if name:
        response = await client.aggregator.GetMeter(aggregator_pb.GetMeterRequest(name=name))
        return Listed([response.meter], 1)
    return await _pages(client.aggregator.ListMeters, aggregator_pb.ListMetersRequest(), "meters", limit)


async def _products(client: AsyncClient, name: str, limit: int) -> Listed:
    request = rating_pb.ListProductsRequest()
    return await _named(client.rating.ListProducts, request, "products", limit, name)


async def _plans(client: AsyncClient, name: str, limit: int) -> Listed:
    if name:
        return Listed([(await client.rating.GetPlan(rating_pb.GetPlanRequest(name=name))).plan], 1)
    return await _pages(client.rating.ListPlans, rating_pb.ListPlansRequest(), "plans", limit)


async def _customers(client: AsyncClient, name: str, limit: int) -> Listed:
    if name:
        return Listed([(await client.rating.GetCustomer(rating_pb.GetCustomerRequest(name=name))).customer], 1)
    return await _pages(client.rating.ListCustomers, rating_pb.ListCustomersRequest(), "customers", limit)


async def _contracts(client: AsyncClient, name: str, limit: int) -> Listed:
    request = rating_pb.ListContractsRequest()
    return await _named(client.rating.ListContracts, request, "contracts", limit, name)


async def _billing_profile(client: AsyncClient, _name: str, _limit: int) -> Listed:
    response = await client.invoicing.GetBillingProfile(invoicing_pb.GetBillingProfileRequest())
    return Listed([response.profile], 1)


async def _backfills(client: AsyncClient, name: str, limit: int) -> Listed:
    request = ingest_pb.ListBackfillsRequest()
    return await _named(client.ingest.ListBackfills, request, "backfills", limit, name, key="id")


async def _parked(client: AsyncClient, name: str, limit: int) -> Listed:
    request = aggregator_pb.ListParkedEventsRequest(meter=name)
    return await _pages(client.aggregator.ListParkedEvents, request, "events", limit)


async def _named(
    call: Callable[[Any], Awaitable[Any]], request: Any, field: str, limit: int, name: str, key: str = "name"
) -> Listed:
    if not name:
        return await _pages(call, request, field, limit)
    listed = await _pages(call, request, field, 0)
    found = [message for message in listed.messages if getattr(message, key) == name]
    return Listed(found, len(found))


async def _pages(call: Callable[[Any], Awaitable[Any]], request: Any, field: str, limit: int) -> Listed:
    """Read pages until there are `limit` messages (0: all)."""
    messages: list[Message] = []
    request.page_size = min(limit, PAGE_ROWS)
    async for page in pages(call, request):
        messages.extend(getattr(page, field))
        if limit and len(messages) >= limit and (page.next_page_token or len(messages) > limit):
            return Listed(messages[:limit], getattr(page, "total_count", None))
    # A total counts events, and a row may stand for many; on the last page nothing is left out.
    return Listed(messages, len(messages))


KINDS: Final[Mapping[str, Kind]] = {
    "meter": Kind(_meters, tables.METER_COLUMNS, tables.meter_row),
    "product": Kind(_products, tables.PRODUCT_COLUMNS, tables.product_row),
    "plan": Kind(_plans, tables.PLAN_COLUMNS, tables.plan_row),
    "customer": Kind(_customers, tables.CUSTOMER_COLUMNS, tables.customer_row),
    "contract": Kind(_contracts, tables.CONTRACT_COLUMNS, tables.contract_row),
    "billing-profile": Kind(_billing_profile, tables.PROFILE_COLUMNS, tables.profile_row, by_name=False),
    "backfill": Kind(_backfills, tables.BACKFILL_COLUMNS, tables.backfill_row),
    "parked": Kind(_parked, tables.PARKED_COLUMNS, tables.parked_row, by_name=False),
}
