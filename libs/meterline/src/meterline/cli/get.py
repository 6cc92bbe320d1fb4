"""`meterline get KIND [NAME]`: what the services hold."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.output import message_document, print_document, print_table
from meterline.cli.running import ContextOption, InputError, Output, OutputOption, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from google.protobuf.message import Message

    from meterline.client import AsyncClient

_PAGE: Final = 1000


class Kind(StrEnum):
    """What can be shown."""

    METER = "meter"
    PRODUCT = "product"
    PLAN = "plan"
    CUSTOMER = "customer"
    CONTRACT = "contract"
    BILLING_PROFILE = "billing-profile"
    BACKFILL = "backfill"
    PARKED = "parked"
    PROGRESS = "progress"


def get(
    kind: Annotated[
        str,
        typer.Argument(help="meter, product, plan, customer, contract, billing-profile, backfill, parked or progress."),
    ],
    name: Annotated[str, typer.Argument(help="Only the one of this name (for parked: of this meter).")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the services hold: catalogue objects, backfills, parked events, progress."""
    wanted = _kind(kind)
    messages = run(lambda client: _READERS[wanted](client, name), context)
    documents = [message_document(message) for message in messages]
    if name and wanted is not Kind.PARKED:
        documents = [document for document in documents if name in (document.get("name"), document.get("id"))]
        if not documents:
            raise InputError(f"there is no {wanted} {name!r}; `meterline get {wanted}` lists all")
    if output is not Output.TABLE:
        print_document(documents[0] if name and wanted is not Kind.PARKED else documents, output)
        return
    columns = list(dict.fromkeys(key for document in documents for key in document))
    print_table(columns, [[_cell(document.get(column, "")) for column in columns] for document in documents])


def _kind(text: str) -> Kind:
    singular = text.lower().removesuffix("s") if text.lower() != Kind.PROGRESS else text.lower()
    aliases = {"billingprofile": Kind.BILLING_PROFILE}
    try:
        return aliases.get(singular) or Kind(singular)
    except ValueError:
        raise InputError(f"{text!r} is no kind; known are {', '.join(Kind)}") from None


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_cell(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(_cell(entry) for entry in value)
    return str(value)


async def _meters(client: AsyncClient, name: str) -> Sequence[Message]:
    if name:
        response = await client.aggregator.GetMeter(aggregator_pb.GetMeterRequest(name=name))
        return [response.meter]
    request = aggregator_pb.ListMetersRequest(page_size=_PAGE)
    return await _pages(client.aggregator.ListMeters, request, "meters")


async def _products(client: AsyncClient, _name: str) -> Sequence[Message]:
    return await _pages(client.rating.ListProducts, rating_pb.ListProductsRequest(page_size=_PAGE), "products")


async def _plans(client: AsyncClient, name: str) -> Sequence[Message]:
    if name:
        return [(await client.rating.GetPlan(rating_pb.GetPlanRequest(name=name))).plan]
    return await _pages(client.rating.ListPlans, rating_pb.ListPlansRequest(page_size=_PAGE), "plans")


async def _customers(client: AsyncClient, name: str) -> Sequence[Message]:
    if name:
        return [(await client.rating.GetCustomer(rating_pb.GetCustomerRequest(name=name))).customer]
    return await _pages(client.rating.ListCustomers, rating_pb.ListCustomersRequest(page_size=_PAGE), "customers")


async def _contracts(client: AsyncClient, _name: str) -> Sequence[Message]:
    return await _pages(client.rating.ListContracts, rating_pb.ListContractsRequest(page_size=_PAGE), "contracts")


async def _billing_profile(client: AsyncClient, _name: str) -> Sequence[Message]:
    response = await client.invoicing.GetBillingProfile(invoicing_pb.GetBillingProfileRequest())
    return [response.profile]


async def _backfills(client: AsyncClient, _name: str) -> Sequence[Message]:
    return await _pages(client.ingest.ListBackfills, ingest_pb.ListBackfillsRequest(page_size=_PAGE), "backfills")


async def _parked(client: AsyncClient, name: str) -> Sequence[Message]:
    request = aggregator_pb.ListParkedEventsRequest(meter=name, page_size=_PAGE)
    return await _pages(client.aggregator.ListParkedEvents, request, "events")


async def _progress(client: AsyncClient, _name: str) -> Sequence[Message]:
    return [
        await client.aggregator.GetProgress(aggregator_pb.GetProgressRequest()),
        await client.rating.GetProgress(rating_pb.GetProgressRequest()),
    ]


async def _pages(call: Callable[[Any], Awaitable[Any]], request: Any, field: str) -> list[Message]:
    messages: list[Message] = []
    while True:
        response = await call(request)
        messages.extend(getattr(response, field))
        if not response.next_page_token:
            return messages
        request.page_token = response.next_page_token


_READERS: Final[Mapping[Kind, Callable[[AsyncClient, str], Awaitable[Sequence[Message]]]]] = {
    Kind.METER: _meters,
    Kind.PRODUCT: _products,
    Kind.PLAN: _plans,
    Kind.CUSTOMER: _customers,
    Kind.CONTRACT: _contracts,
    Kind.BILLING_PROFILE: _billing_profile,
    Kind.BACKFILL: _backfills,
    Kind.PARKED: _parked,
    Kind.PROGRESS: _progress,
}
