"""`meterline get KIND [NAME]`: what the services hold."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from google.protobuf.message_factory import GetMessageClass

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline.catalog import kinds as catalog
from meterline.cli import tables
from meterline.cli.calls import PAGE_ROWS, call_services, pages
from meterline.cli.contracts import show_contract
from meterline.cli.documents import message_document
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.progress import get_progress
from meterline.cli.unknown_customers import tell_unknown_customers, unknown_customers
from meterline.cli.usage import UTC, period_of
from meterline.client import contract_of
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from meterline.client import AsyncClient

_TABLE_ROWS: Final = 100
_SPELLINGS: Final = {
    "billingprofile": "billing-profile",
    "eventschema": "event-schema",
    "schema": "event-schema",
    "schemas": "event-schema",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """Some objects of a kind, and how many there are in all (None: not known, but more)."""

    messages: Sequence[Message]
    total: int | None


Read = Callable[["AsyncClient", str, int], Awaitable[Listed]]
"""Reads with a client what has a name ("": all), at most so many rows (0: all)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be shown: how it is read and how a row of its table looks."""

    read: Read
    columns: Sequence[str]
    row: Callable[[Any], Sequence[str]]
    by_name: bool = True
    """Whether NAME names one object; else it is a condition."""


def get(  # noqa: PLR0913, PLR0917 - options of a command
    kind: Annotated[
        str,
        typer.Argument(
            help="meter, event-schema, product, plan, customer, contract, coupon, billing-profile, backfill, parked or "
            "progress; plurals too."
        ),
    ],
    name: Annotated[str, typer.Argument(help="Only the one of this name (for parked: of this meter).")] = "",
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in JSON and YAML.")
    ] = None,
    all_versions: Annotated[bool, typer.Option("--all-versions", help="Every version of a contract, and why.")] = False,  # noqa: FBT002
    customer: Annotated[str, typer.Option(help="Only of this customer; for parked alone.")] = "",
    start: Annotated[str, typer.Option("--from", help="First instant of events; for parked alone.")] = "",
    end: Annotated[str, typer.Option("--to", help="First instant after them; for parked alone.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the services hold: catalog objects, backfills, parked events, progress."""
    singular = _singular(kind)
    if all_versions and not (singular == "contract" and name):
        raise InputError("--all-versions goes with one contract; write `meterline get contract NAME --all-versions`")
    if singular == "progress":
        get_progress(context, output)
        return
    if singular == "contract" and name:
        show_contract(name, context, output, all_versions=all_versions)
        return
    wanted = KINDS[singular]
    if customer or start or end:
        wanted = _parked_of(singular, wanted, customer, period_of(start, end, UTC))
    rows = (_TABLE_ROWS if output is Output.TABLE else 0) if limit is None else limit

    async def ask(client: AsyncClient) -> tuple[Listed, list[str]]:
        found = await wanted.read(client, name, rows)
        return found, [] if found.messages else await unknown_customers(client, [customer])

    listed, unknown = call_services(ask, context)
    is_one = bool(name) and wanted.by_name
    if is_one and not listed.messages:
        raise InputError(f"there is no {singular} {name!r}; `meterline get {singular}` lists all")
    if output is Output.TABLE:
        print_table(wanted.columns, (wanted.row(message) for message in listed.messages))
    else:
        documents = [message_document(message) for message in listed.messages]
        print_document(documents[0] if is_one else documents, output)
    _tell_rest(listed)
    tell_unknown_customers(unknown)


def _tell_rest(listed: Listed) -> None:
    shown = len(listed.messages)
    if listed.total is None or listed.total > shown:
        of = "the first" if listed.total is None else f"{listed.total:,}, the first"
        say(f"these are {of} {shown:,}; --limit 0 shows all")


def _singular(text: str) -> str:
    lower = text.lower()
    kinds = (*KINDS, "progress")
    for candidate in (lower, lower.removesuffix("s"), _SPELLINGS.get(lower)):
        if candidate in kinds:
            return candidate
    raise InputError(f"{text!r} isn't a kind; write one of {', '.join(kinds)}")


def _catalog_kind(kind: catalog.Kind) -> Read:
    """Return how a kind of the catalog is read: by its name if its service can, else from the list."""
    methods = contract_of(kind.service)[0].methods_by_name

    async def read(client: AsyncClient, name: str, limit: int) -> Listed:
        stub = client.stub(kind.service)
        get, list_all = methods.get(f"Get{kind.name}"), methods.get(f"List{kind.name}s")
        if get is not None and (name or list_all is None):
            request = GetMessageClass(get.input_type)(**({"name": name} if kind.is_named else {}))
            response = await getattr(stub, get.name)(request)
            return Listed([getattr(response, _field_of(kind, get.output_type))], 1)
        assert list_all is not None  # noqa: S101 - a kind can be got or listed
        request = GetMessageClass(list_all.input_type)()
        return await _named(getattr(stub, list_all.name), request, _field_of(kind, list_all.output_type), limit, name)

    return read


def _field_of(kind: catalog.Kind, response: Descriptor) -> str:
    return next(field.name for field in response.fields if field.message_type and field.message_type.name == kind.name)


async def _backfills(client: AsyncClient, name: str, limit: int) -> Listed:
    request = ingest_pb.ListBackfillsRequest()
    return await _named(client.ingest.ListBackfills, request, "backfills", limit, name, key="id")


def _parked_of(singular: str, kind: Kind, customer: str, period: values_pb2.Period | None) -> Kind:
    """Narrow what is parked. Raises InputError for other kinds, which can't be."""
    if singular != "parked":
        raise InputError(
            f"--customer, --from and --to narrow what is parked, and nothing of a {singular}; leave them out"
        )

    async def read(client: AsyncClient, name: str, limit: int) -> Listed:
        return await _parked(client, name, limit, customer, period)

    return replace(kind, read=read)


async def _parked(
    client: AsyncClient, name: str, limit: int, customer: str = "", period: values_pb2.Period | None = None
) -> Listed:
    request = aggregator_pb.ListParkedEventsRequest(meter=name, customer=customer, period=period)
    listed = await _pages(client.aggregator.ListParkedEvents, request, "events", limit)
    if name and not listed.messages:
        # An empty list would pass for good news of a meter that there is not.
        await client.aggregator.GetMeter(aggregator_pb.GetMeterRequest(name=name))
    return listed


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
    **{
        # BillingProfile -> billing-profile
        re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): Kind(
            _catalog_kind(kind), *tables.OF_CATALOG[name], by_name=kind.is_named
        )
        for name, kind in catalog.KINDS.items()
    },
    "backfill": Kind(_backfills, tables.BACKFILL_COLUMNS, tables.backfill_row),
    "parked": Kind(_parked, tables.PARKED_COLUMNS, tables.parked_row, by_name=False),
}
