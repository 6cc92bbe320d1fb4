"""`meterline usage watch`: usage as it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import as_of_document
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_json_line, write
from meterline.cli.usage_questions import (
    Asked,
    ContractOption,
    CustomersOption,
    FilterOption,
    FromOption,
    GroupOption,
    MeterArgument,
    TogetherOption,
    ToOption,
    TopOption,
    WindowOption,
    ZoneOption,
)
from meterline.cli.usage_show import print_usage, usage_rows_document

if TYPE_CHECKING:
    from meterline.client import AsyncClient


def watch(  # noqa: PLR0913, PLR0917 - options of a command
    meter: MeterArgument,
    start: FromOption,
    end: ToOption,
    customer: CustomersOption = None,
    window: WindowOption = None,
    contract: ContractOption = "",
    tz: ZoneOption = "UTC",
    group_by: GroupOption = None,
    only: FilterOption = None,
    top: TopOption = 0,
    together: TogetherOption = False,  # noqa: FBT002
    count: Annotated[int, typer.Option("--count", min=0, help="End after so many answers. 0 = only with Ctrl-C.")] = 0,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show usage now, and again whenever it has changed.

    Each time a table or a document; in JSON a line of its own.
    """
    asked = Asked(meter, start, end, tz, customer, only, window, contract, group_by)
    query = asked.request(top=top, across_customers=together)

    async def follow(client: AsyncClient) -> None:
        query.bounds.extend(await asked.bounds(client, query.period))
        left = count
        while True:
            request = pb.WatchUsageRequest(query=query, answers_max=left)
            async for response in client.aggregator.WatchUsage(request):
                if not response.is_unchanged:
                    _show(asked, response.answer, output)
                    left -= 1 if left else 0
            if count and not left:
                return

    call_services(follow, context)


def _show(asked: Asked, answer: pb.QueryUsageResponse, output: Output) -> None:
    group_by = list(asked.group_by or ())
    if output is Output.TABLE:
        print_usage(answer, group_by, asked.zone)
        until = answer.as_of.complete_until.ToJsonString() if answer.as_of.HasField("complete_until") else "unknown"
        write(f"complete until {until}")
        return
    document = {
        "meter": asked.meter,
        "unit": answer.unit,
        "rows": usage_rows_document(answer, group_by),
        "filled": answer.filled,
        "asOf": as_of_document(answer.as_of),
    }
    if output is Output.JSON:
        print_json_line(document)
    else:
        print_document([document], output)
