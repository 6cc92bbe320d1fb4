"""`meterline completeness`: whether everything came from a source, or which sources were heard of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import message_document, short_time
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.usage import period_between, zone_of
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from metering.ingest.v1 import completeness_pb2
    from meterline.client import AsyncClient

_SOURCE_COLUMNS: Final = ("source", "last heard", "silent for", ">accepted", ">duplicates", ">conflicts", ">refused")
_COUNT_COLUMNS: Final = ("from", "to", ">declared", ">in the log", ">missing", ">surplus")
_GAPS_SHOWN: Final = 20


def completeness(
    source: Annotated[
        str, typer.Argument(help="Source. Without it: all sources, with when each was last heard of.")
    ] = "",
    start: Annotated[str, typer.Option("--from", help="From this instant on, RFC 3339, or a date.")] = "",
    end: Annotated[str, typer.Option("--to", help="Before this instant, RFC 3339, or a date.")] = "",
    tz: Annotated[str, typer.Option(help="IANA zone of dates in --from and --to.")] = "UTC",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell whether everything came from a source: expected, received, gaps, refused, and since when it is silent."""
    if not source:
        if start or end:
            raise InputError("--from and --to go with a source; name one, or leave them out to list all sources")
        _print_sources(call_services(_all_sources, context), output)
        return
    if not (start and end):
        raise InputError("name the period, --from and --to; for example --from 2026-11-01 --to 2026-12-01")
    request = pb.GetCompletenessRequest(source=source, period=period_between(start, end, zone_of(tz)))

    async def ask(client: AsyncClient) -> pb.GetCompletenessResponse:
        return await client.ingest.GetCompleteness(request, timeout=120.0)

    found = call_services(ask, context)
    if output is Output.TABLE:
        _print(source, found)
    else:
        print_document({"source": source, **_document(found)}, output)


async def _all_sources(client: AsyncClient) -> list[completeness_pb2.HeardSource]:
    request = pb.ListSourcesRequest()
    return [source async for page in pages(client.ingest.ListSources, request) for source in page.sources]


def _print_sources(found: Sequence[completeness_pb2.HeardSource], output: Output) -> None:
    if output is Output.TABLE:
        print_table(_SOURCE_COLUMNS, map(_source_row, found))
    else:
        print_document({"sources": [message_document(one) for one in found]}, output)


def _source_row(heard: completeness_pb2.HeardSource) -> Sequence[str]:
    came = heard.came
    return (
        heard.source or "(others)",
        short_time(heard.last_heard_at),
        _silence(heard.last_heard_at),
        f"{came.accepted:,}",
        f"{came.duplicates:,}",
        f"{came.conflicts:,}",
        f"{came.refused:,}",
    )


def _silence(last: Timestamp) -> str:
    """Say how long ago something was, roughly."""
    seconds = max(0, int((datetime.now(UTC) - last.ToDatetime(tzinfo=UTC)).total_seconds()))
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s} {unit}"
    return f"{seconds} s"


def _print(source: str, found: pb.GetCompletenessResponse) -> None:
    if not found.HasField("last_heard_at"):
        write(f"{source} was never heard of; check its name: `meterline completeness` lists all sources")
        return
    came = found.came
    write(f"{source}, last heard of {short_time(found.last_heard_at)}, {_silence(found.last_heard_at)} ago")
    write(
        f"came: {came.accepted:,} accepted, {came.duplicates:,} duplicates, {came.conflicts:,} in conflict, "
        f"{came.refused:,} refused"
    )
    if found.HasField("sequence"):
        _print_sequence(found.sequence)
    if found.counts:
        write("")
        print_table(_COUNT_COLUMNS, map(_count_row, found.counts))
    if not found.HasField("sequence") and not found.counts:
        say(
            "the source neither numbers its events nor declares counts, so what never came can't be told; "
            "docs/completeness.md says how"
        )
    if came.refused or came.conflicts:
        say("`meterline refusals` tells what was refused or in conflict, and why")


def _print_sequence(sequence: completeness_pb2.SequenceCompleteness) -> None:
    numbers = f"{sequence.first:,} to {sequence.last:,}" if sequence.expected else "none"
    write(
        f"by number: {numbers}: {sequence.expected:,} expected, {sequence.received:,} received, "
        f"{sequence.missing:,} missing"
    )
    for gap in sequence.gaps[:_GAPS_SHOWN]:
        write(f"  missing {gap.first}" + (f" to {gap.last}" if gap.last > gap.first else ""))
    left = len(sequence.gaps) - _GAPS_SHOWN + sequence.gaps_left_out
    if left > 0:
        write(f"  … and {left:,} gaps more")
    if sequence.missing:
        say("have the source send the missing numbers again, with the same ids: what did come counts as a duplicate")


def _count_row(count: completeness_pb2.CountCompleteness) -> Sequence[str]:
    return (
        short_time(count.period.start),
        short_time(count.period.end),
        f"{count.expected:,}",
        f"{count.received:,}",
        f"{count.missing:,}",
        f"{count.surplus:,}",
    )


def _document(found: pb.GetCompletenessResponse) -> dict[str, object]:
    document = message_document(found)
    return {"sequence": None, "lastHeardAt": None, **document}
