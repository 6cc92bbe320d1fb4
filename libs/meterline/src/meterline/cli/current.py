"""`meterline usage current`: a whole quantity from memory, with how old it is at most."""

from __future__ import annotations

from typing import Annotated

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import as_of_document
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.usage import period_between, zone_of


def current_usage(  # noqa: PLR0913, PLR0917 - options of a command
    meter: Annotated[str, typer.Argument(help="Name of the meter.")],
    customer: Annotated[str, typer.Option("--customer", help="Customer.")],
    start: Annotated[str, typer.Option("--from", help="First instant, RFC 3339, or a date: its midnight in --tz.")],
    end: Annotated[str, typer.Option("--to", help="First instant after, RFC 3339, or a date.")],
    tz: Annotated[str, typer.Option(help="IANA zone of dates in --from and --to.")] = "UTC",
    max_staleness_ms: Annotated[
        int, typer.Option(min=0, max=2000, help="Read again what is older. Default: 2000, the most.")
    ] = 0,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the usage of a customer, meter and period from memory, with how old it is at most."""
    request = pb.CurrentUsageRequest(
        customer=customer,
        meter=meter,
        period=period_between(start, end, zone_of(tz)),
        staleness_ms_max=max_staleness_ms,
    )
    found = call_services(lambda client: client.aggregator.CurrentUsage(request), context)
    if output is Output.TABLE:
        billed = [found.billable_quantity] if found.billable_quantity else []
        row = (customer, meter, found.quantity, *billed, f"{found.event_count:,}", f"{found.staleness_ms} ms")
        quantity = (f">quantity {found.unit}".rstrip(), *([">billed"] if billed else []))
        print_table(("customer", "meter", *quantity, ">events", ">at most so old"), [row])
        if not found.filled:
            say(f"{meter} is still being filled from the past; `meterline get progress` tells when it is filled")
        return
    print_document(
        {
            "customer": customer,
            "meter": meter,
            "quantity": found.quantity,
            **({"billableQuantity": found.billable_quantity} if found.billable_quantity else {}),
            "unit": found.unit,
            "eventCount": found.event_count,
            "stalenessMs": found.staleness_ms,
            "filled": found.filled,
            "asOf": as_of_document(found.as_of),
            "changePosition": str(found.change_position),
        },
        output,
    )
