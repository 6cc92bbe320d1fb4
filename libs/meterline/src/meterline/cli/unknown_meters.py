"""Which meters a catalog prices that do not exist: nothing of such a plan could be billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import MeterlineError
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from meterline.cli.calls import PAGE_ROWS, pages
from meterline.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meterline.catalog.files import Entry
    from meterline.client import AsyncClient


async def unknown_meters(client: AsyncClient, entries: Sequence[Entry]) -> list[tuple[Entry, str, str]]:
    """Return the entries, with field and meter, that price a meter which neither the files nor the services have."""
    named = [(entry, field, meter) for entry in entries for field, meter in _meters_of(entry) if meter]
    in_files = {entry.name for entry in entries if entry.kind.name == "Meter"}
    wanted = [each for each in named if each[2] not in in_files]
    if not wanted:
        return []
    request = aggregator_pb.ListMetersRequest(page_size=PAGE_ROWS)
    try:
        known = {meter.name async for page in pages(client.aggregator.ListMeters, request) for meter in page.meters}
    except MeterlineError:
        # It is only a hint, and the token may not allow to read.
        return []
    return [each for each in wanted if each[2] not in known]


def tell_unknown_meters(found: Sequence[tuple[Entry, str, str]]) -> None:
    """Say which meters there are not."""
    for entry, field, meter in found:
        say(f"{entry.place(field)}: there is no meter {meter!r}; until it is applied, nothing of it is counted")


def _meters_of(entry: Entry) -> Iterator[tuple[str, str]]:
    if entry.kind.name == "Product":
        yield "spec.meter", entry.request.spec.meter
    if entry.kind.name == "Plan":
        for position, item in enumerate(entry.request.spec.items):
            yield f"spec.items[{position}].meter", item.meter
            for place, component in enumerate(item.usage.formula.components):
                yield f"spec.items[{position}].usage.formula.components[{place}].meter", component.meter
        for position, feature in enumerate(entry.request.spec.features):
            yield f"spec.features[{position}].meter", feature.meter
