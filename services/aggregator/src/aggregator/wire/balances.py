"""Whether everything is where it has to be, as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from aggregator.domain.conservation import Reread
from eventlog.wire import as_of_to_proto, timestamp_of_us
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import reconciliation_pb2
from money import exact_arithmetic, format_decimal

if TYPE_CHECKING:
    from fractions import Fraction

    from aggregator.domain.conservation import Fault, MeterBalance, Reconciliation


def step_to_proto(step: Reread | Reconciliation) -> pb.ReconcileResponse:
    """Return how far a comparison is, or its result."""
    if isinstance(step, Reread):
        return pb.ReconcileResponse(progress=progress_to_proto(step))
    unmatched = step.unmatched
    result = reconciliation_pb2.Reconciliation(
        balances=step.balances, as_of=as_of_to_proto(step.as_of), meters=map(_balance_to_proto, step.meters)
    )
    if unmatched is not None:
        result.unmatched.CopyFrom(
            reconciliation_pb2.UnmatchedBalance(
                in_log=unmatched.in_log,
                noted=unmatched.noted,
                held_in_log=unmatched.held_in_log,
                held_noted=unmatched.held_noted,
                faults=map(_fault_to_proto, unmatched.faults),
            )
        )
    return pb.ReconcileResponse(result=result)


def progress_to_proto(step: Reread) -> reconciliation_pb2.ReconcileProgress:
    """Return how far the log is read."""
    return reconciliation_pb2.ReconcileProgress(
        positions_done=step.done, positions_total=step.total, passage=step.passage
    )


def _balance_to_proto(balance: MeterBalance) -> reconciliation_pb2.MeterBalance:
    return reconciliation_pb2.MeterBalance(
        meter=balance.meter,
        balances=balance.balances,
        filling=balance.filling,
        accepted=balance.accepted,
        unasked=balance.unasked,
        voided=balance.voided,
        counted=balance.counted.events,
        parked=balance.parked,
        held=balance.held,
        difference=balance.difference,
        sum=_text(balance.counted.sum),
        sum_in_log=_text(balance.in_log.sum),
        digest=balance.counted.digest_text(),
        digest_in_log=balance.in_log.digest_text(),
        faults=map(_fault_to_proto, balance.faults),
    )


def _fault_to_proto(fault: Fault) -> reconciliation_pb2.BalanceFault:
    message = reconciliation_pb2.BalanceFault(
        kind=fault.kind.value,
        events=fault.events,
        version=fault.version,
        customer=fault.customer,
        group=fault.group,
    )
    if fault.start_us is not None:
        message.window_start.CopyFrom(timestamp_of_us(fault.start_us))
    if fault.lane is not None:
        place = reconciliation_pb2.BalancePlace(
            lane=fault.lane, first_position=fault.first_position, last_position=fault.last_position
        )
        message.place.CopyFrom(place)
    return message


def _text(number: Fraction) -> str:
    """Write a sum of decimals, which is one itself."""
    with exact_arithmetic():
        return format_decimal(Decimal(number.numerator) / Decimal(number.denominator))
