"""`meterline get progress`: how far each service has come in the log of the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services
from meterline.cli.options import Output
from meterline.cli.output import print_document, print_table, write

if TYPE_CHECKING:
    from pathlib import Path

    from meterline.client import AsyncClient


def get_progress(context: Path | None, output: Output) -> None:
    """Show per service how far it has come, and what it still has to do."""

    async def ask(client: AsyncClient) -> dict[str, Any]:
        counted = await client.aggregator.GetProgress(aggregator_pb.GetProgressRequest())
        priced = await client.rating.GetProgress(rating_pb.GetProgressRequest())
        return {"aggregator": _aggregator_document(counted), "rating": _rating_document(priced)}

    document = call_services(ask, context)
    if output is Output.TABLE:
        _print(document)
    else:
        print_document(document, output)


def _aggregator_document(progress: aggregator_pb.GetProgressResponse) -> dict[str, Any]:
    applied = {entry.lane: entry.position for entry in progress.as_of.lanes}
    heads = {entry.lane: entry.position for entry in progress.head.lanes}
    # Both are read at slightly different moments, so what was counted may lie past the head.
    lags = {lane: max(heads.get(lane, 0) - applied.get(lane, 0), 0) for lane in sorted(applied | heads)}
    lanes = [
        {"lane": lane, "applied": str(applied.get(lane, 0)), "head": str(heads.get(lane, 0)), "lag": str(lag)}
        for lane, lag in lags.items()
    ]
    return {
        "epoch": progress.head.epoch,
        "lanes": lanes,
        "lag": str(sum(lags.values())),
        "fillingMeters": list(progress.filling_meters),
    }


def _rating_document(progress: rating_pb.GetProgressResponse) -> dict[str, Any]:
    lanes = [{"lane": entry.lane, "applied": str(entry.position)} for entry in progress.applied.lanes]
    return {"epoch": progress.applied.epoch, "lanes": lanes, "dirtyPeriods": str(progress.dirty_periods)}


def _print(document: dict[str, Any]) -> None:
    aggregator, rating = document["aggregator"], document["rating"]
    rows = [(f"lane {lane['lane']}", lane["applied"], lane["head"], lane["lag"]) for lane in aggregator["lanes"]]
    print_table(("aggregator", ">counted", ">accepted", ">lag"), rows)
    filling = ", ".join(aggregator["fillingMeters"]) or "none"
    write(f"log {aggregator['epoch']}; meters still being filled: {filling}\n")
    print_table(("rating", ">applied"), [(f"lane {lane['lane']}", lane["applied"]) for lane in rating["lanes"]])
    write(f"changes {rating['epoch'] or '-'}; live charges still to renew: {rating['dirtyPeriods']}")
