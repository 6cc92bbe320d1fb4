"""`meterline reconcile`: whether all that was accepted is counted, parked, taken back, or asked for by no meter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import message_document, short_time
from meterline.cli.exits import ExitCode
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.usage import period_of, zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.aggregator.v1 import reconciliation_pb2
    from meterline.client import AsyncClient

_TIME_LIMIT_S: Final = 24 * 3600.0
_TELL_EVERY: Final = 1_000_000
_COLUMNS: Final = (
    "meter",
    ">accepted",
    ">not asked for",
    ">parked by schema",
    ">taken back",
    ">counted",
    ">parked",
    ">difference",
    ">sum",
    "digest",
    "verdict",
)
_FAULT_COLUMNS: Final = ("meter", "what", ">events", "customer", "window", "group", "in the log at")


def reconcile(
    meter: Annotated[list[str] | None, typer.Option("--meter", help="Meter; repeat for several. Default: all.")] = None,
    start: Annotated[str, typer.Option("--from", help="Happened from this instant on, RFC 3339, or a date.")] = "",
    end: Annotated[str, typer.Option("--until", "--to", help="Happened before this instant, or a date.")] = "",
    tz: Annotated[str, typer.Option(help="IANA zone of dates in --from and --until.")] = "UTC",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Read the log again and compare it with what is counted, parked and taken back. Exit code 1 if they differ."""
    request = pb.ReconcileRequest(meters=meter or [], period=period_of(start, end, zone_of(tz)))
    result = call_services(lambda client: _result(client, request), context)
    if output is Output.TABLE:
        _print(result)
    else:
        print_document(message_document(result), output)
    if not result.balances:
        say("usage is not what was accepted: docs/runbooks/usage-differs.md says what to do")
        raise SystemExit(int(ExitCode.DEFECT))


async def _result(client: AsyncClient, request: pb.ReconcileRequest) -> reconciliation_pb2.Reconciliation:
    """Follow the comparison to its end, and tell now and then how far it is."""
    told = 0
    found = pb.ReconcileResponse()
    async for found in client.aggregator.Reconcile(request, timeout=_TIME_LIMIT_S):
        progress = found.progress
        if progress.positions_done >= told + _TELL_EVERY:
            told = progress.positions_done
            again = "" if progress.passage == 1 else " again, to find what differs"
            say(f"read {told:,} of {progress.positions_total:,} positions{again}")
        elif progress.positions_done < told:
            told = 0
    return found.result


def _print(result: reconciliation_pb2.Reconciliation) -> None:
    print_table(_COLUMNS, map(_row, result.meters))
    if result.HasField("unmatched"):
        unmatched = result.unmatched
        is_same = unmatched.in_log + unmatched.held_in_log == unmatched.noted + unmatched.held_noted
        noted = f"DIFFERS: {unmatched.noted:,} and {unmatched.held_noted:,} are noted"
        verdict = "balances" if is_same and not unmatched.faults else noted
        write(
            f"asked for by no meter: {unmatched.in_log:,} events; parked by schemas: {unmatched.held_in_log:,} events; "
            f"{verdict}"
        )
    faults = [("-", fault) for fault in result.unmatched.faults]
    faults += [(balance.meter, fault) for balance in result.meters for fault in balance.faults]
    if faults:
        write("")
        print_table(_FAULT_COLUMNS, [_fault_row(meter, fault) for meter, fault in faults])
    if any(balance.filling for balance in result.meters):
        say("a meter that is being filled can't be compared yet; `meterline get progress` tells when it is filled")


def _row(balance: reconciliation_pb2.MeterBalance) -> Sequence[str]:
    is_same = balance.digest == balance.digest_in_log
    verdict = "balances" if balance.balances else "DIFFERS"
    return (
        balance.meter,
        f"{balance.accepted:,}",
        f"{balance.unasked:,}",
        f"{balance.held:,}",
        f"{balance.voided:,}",
        f"{balance.counted:,}",
        f"{balance.parked:,}",
        f"{balance.difference:,}",
        balance.sum if balance.sum == balance.sum_in_log else f"{balance.sum}, in the log {balance.sum_in_log}",
        balance.digest if is_same else f"{balance.digest}, of the log {balance.digest_in_log}",
        "being filled" if balance.filling else verdict,
    )


def _fault_row(meter: str, fault: reconciliation_pb2.BalanceFault) -> Sequence[str]:
    place = fault.place
    positions = f"{place.first_position}-{place.last_position}"
    return (
        meter,
        fault.kind,
        f"{fault.events:+,}",
        fault.customer or "-",
        short_time(fault.window_start) if fault.HasField("window_start") else "-",
        fault.group or "-",
        f"lane {place.lane}, {positions}" if fault.HasField("place") else "nowhere",
    )
