"""Questions about usage, as the commands below `meterline usage` take them from their options."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.documents import enum_word, period_document
from meterline.cli.output import say, write
from meterline.cli.usage import period_between, zone_of
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from google.protobuf.timestamp_pb2 import Timestamp

    from metering.common.v1 import values_pb2
    from meterline.client import AsyncClient

SCAN_EVENTS_MAX: Final = 1_000_000
_FIRST_LABEL: Final = "0001"
"""Before all billing periods."""


class Span(StrEnum):
    """Length of the windows, which may be the billing periods of a contract."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    PERIOD = "period"


_NAMED: Final[dict[Span | None, Any]] = {
    span: usage_pb2.WindowSize.Value(f"WINDOW_SIZE_{span.name}") for span in Span if span != Span.PERIOD
}

MeterArgument = Annotated[str, typer.Argument(help="Name of the meter.")]
FromOption = Annotated[str, typer.Option("--from", help="First instant, RFC 3339, or a date: its midnight in --tz.")]
ToOption = Annotated[str, typer.Option("--to", help="First instant after, RFC 3339, or a date.")]
CustomersOption = Annotated[
    list[str] | None, typer.Option("--customer", help="Customer; repeat for several. Default: all.")
]
WindowOption = Annotated[
    Span | None,
    typer.Option(help="Break down by time; `period` is by billing period. Default: the whole period."),
]
ContractOption = Annotated[
    str, typer.Option("--contract", help="Contract whose billing periods --window period means, if there are several.")
]
ZoneOption = Annotated[str, typer.Option(help="IANA zone of hours, days, weeks and months.")]
GroupOption = Annotated[list[str] | None, typer.Option(help="Property to break down by; repeat for several.")]
FilterOption = Annotated[
    list[str] | None,
    typer.Option("--filter", help="KEY=VALUE of a property; repeat a key for any of several values."),
]
TopOption = Annotated[
    int, typer.Option(min=0, max=1000, help="Only so many, the largest, and the exact rest. 0 = all.")
]
ChildrenOption = Annotated[
    bool, typer.Option("--with-children", help="Also the customers below those named; with --together, as one.")
]
TogetherOption = Annotated[bool, typer.Option("--together", help="All customers as one, without a name.")]
ScanOption = Annotated[
    int,
    typer.Option(
        "--scan-max",
        min=0,
        help="Events of the log that may be read for properties that the meter does not group by. 0 = none.",
    ),
]
AllGroupsOption = Annotated[
    bool,
    typer.Option("--all-groups", help="Tell all groups apart, also those that the meter counts as one: from the log."),
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until everything accepted so far is counted.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say, before it becomes a request."""

    meter: str
    start: str
    end: str
    tz: str
    customers: Sequence[str] | None
    filters: Sequence[str] | None
    window: Span | None = None
    contract: str = ""
    group_by: Sequence[str] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone. Raises InputError."""
        return zone_of(self.tz)

    def request(self, **fields: Any) -> pb.QueryUsageRequest:
        """Return the request, without bounds. Raises InputError."""
        return pb.QueryUsageRequest(
            meter=self.meter,
            customers=self.customers or [],
            period=period_between(self.start, self.end, self.zone),
            window_size=_NAMED.get(self.window, usage_pb2.WINDOW_SIZE_UNSPECIFIED),
            time_zone=self.tz,
            group_by=self.group_by or [],
            filters=filters_of(self.filters or []),
            **fields,
        )

    async def bounds(self, client: AsyncClient, period: values_pb2.Period) -> list[Timestamp]:
        """Return where billing periods begin within a period, if they are asked for. Raises InputError."""
        if self.window is not Span.PERIOD:
            if self.contract:
                raise InputError("--contract says whose billing periods --window period means; write that, too")
            return []
        customer = await self._customer_of_periods(client)
        request = rating_pb.ListBillingPeriodsRequest(
            customer=customer, from_billing_period=_FIRST_LABEL, ends_within_days=366
        )
        found = [
            one
            for one in (await client.rating.ListBillingPeriods(request)).periods
            if not self.contract or one.contract == self.contract
        ]
        contracts = sorted({one.contract for one in found})
        if len(contracts) > 1:
            raise InputError(f"{customer} has the contracts {', '.join(contracts)}; write --contract and one of them")
        if not found:
            raise InputError(f"{customer} has no billing period yet; take --window month")
        ends = {(edge.seconds, edge.nanos): edge for one in found for edge in (one.period.start, one.period.end)}
        inner = (period.start.seconds, period.start.nanos), (period.end.seconds, period.end.nanos)
        return [ends[place] for place in sorted(ends) if inner[0] < place < inner[1]]

    async def _customer_of_periods(self, client: AsyncClient) -> str:
        if self.contract:
            found = await client.rating.GetContract(rating_pb.GetContractRequest(name=self.contract))
            return found.contract.spec.customer
        if not self.customers or len(self.customers) != 1:
            raise InputError(
                "--window period needs one --customer, or --contract: billing periods are those of a contract"
            )
        return self.customers[0]


def filters_of(texts: Sequence[str]) -> list[meter_pb2.PropertyFilter]:
    """Read what --filter says; the values of a key stand together. Raises InputError."""
    by_key: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InputError(f"--filter {text!r} isn't KEY=VALUE; write one such as region=eu")
        by_key.setdefault(key, []).append(value)
    return [meter_pb2.PropertyFilter(property=key, values=values) for key, values in by_key.items()]


def source_document(source: pb.UsageSource) -> dict[str, Any]:
    """Write where an answer comes from as a document."""
    return {
        "kind": enum_word(source, "kind"),
        "eventsRead": source.events_read,
        "properties": list(source.properties),
    }


def tell_source(source: pb.UsageSource) -> None:
    """Say so if an answer comes from the log."""
    if source.kind == pb.UsageSource.KIND_LOG:
        named = ", ".join(source.properties)
        write(
            f"counted from the log, since the meter does not group by {named}: {source.events_read:,} events were read"
        )


def tell_left_out(response: pb.QueryUsageResponse | pb.SummarizeUsageResponse | pb.QueryHeatMapResponse) -> None:
    """Say so if filters left out groups that the meter counts as one."""
    if response.other_left_out:
        say("the meter counts some groups as one, which filters leave out; --all-groups tells them apart, from the log")


def told_group(group: Sequence[str], *, is_other_group: bool) -> Sequence[str]:
    """Return the values of a group as a table shows them."""
    return ("(other groups)", *group[1:]) if is_other_group else group


def group_document(group_by: Sequence[str], row: usage_pb2.UsageRow | pb.UsageSummary) -> dict[str, Any]:
    """Write the group of a row as a document: without values if it is all groups that the meter counts as one."""
    if row.is_other_group:
        return {"group": {}, "isOtherGroup": True}
    return {"group": dict(zip(group_by, row.group, strict=True)) if group_by else {}}


def maybe_period(message: Any, field: str) -> dict[str, str] | None:
    """Write a period as a document, None if it is absent."""
    return period_document(getattr(message, field)) if message.HasField(field) else None
