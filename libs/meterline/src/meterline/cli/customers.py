"""`meterline customers [WORDS]`: customers by the beginnings of words of their keys and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.calls import PAGE_ROWS, call_services, pages
from meterline.cli.documents import message_document
from meterline.cli.exports import Column, Kind, check_export, export_rows
from meterline.cli.options import ContextOption, RowsOutput, RowsOutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.tables import CUSTOMER_COLUMNS, customer_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.rating.v1 import catalog_pb2
    from meterline.client import AsyncClient

_TABLE_ROWS: Final = 100
_COLUMNS: Final = (
    Column("name"),
    Column("version", Kind.WHOLE),
    Column("display_name"),
    Column("currency"),
    Column("parent"),
)


def customers(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Each is the beginning of a word of the key or the name, in any case. Default: all."),
    ] = None,
    under: Annotated[str, typer.Option(help="Only this customer and those below it.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in every other form.")
    ] = None,
    context: ContextOption = None,
    output: RowsOutputOption = RowsOutput.TABLE,
) -> None:
    """Find customers by the beginnings of words of their keys and names."""
    search = " ".join(words or ())
    rows = (_TABLE_ROWS if output is RowsOutput.TABLE else 0) if limit is None else limit
    check_export(output)

    async def ask(client: AsyncClient) -> tuple[Sequence[catalog_pb2.Customer], bool]:
        request = pb.ListCustomersRequest(search=search, under=under, page_size=min(rows, PAGE_ROWS))
        found: list[catalog_pb2.Customer] = []
        async for page in pages(client.rating.ListCustomers, request):
            found.extend(page.customers)
            if rows and len(found) >= rows:
                return found[:rows], bool(page.next_page_token) or len(found) > rows
        return found, False

    found, has_more = call_services(ask, context)
    if output.is_export:
        lines = (
            (one.name, str(one.version), one.spec.display_name, one.spec.currency, one.spec.parent) for one in found
        )
        export_rows(_COLUMNS, lines, output)
    elif output is RowsOutput.TABLE:
        print_table(CUSTOMER_COLUMNS, map(customer_row, found))
    else:
        print_document([message_document(one) for one in found], output.document)
    if has_more:
        say(f"these are the first {len(found):,}; --limit 0 shows all, and more words find fewer")
    if search and not found:
        say("no customer has such words in its key or name; `meterline customers` lists all")
