"""Commitments of contracts as messages."""

from __future__ import annotations

from typing import Final

from chassis.errors.refused import each_of
from chassis.text import check_name
from metering.rating.v1 import catalog_pb2
from money import format_decimal
from rating.domain.billing_period import parse_day
from rating.domain.commitments import Commitment, EarlyEnd, Shortfall, Window
from rating.wire.values import decimal_in

# Left out means the first of each, and is not told.
_SHORTFALLS: Final = {
    Shortfall.BILL: catalog_pb2.SHORTFALL_UNSPECIFIED,
    Shortfall.FORFEIT: catalog_pb2.SHORTFALL_FORFEIT,
}
_EARLY_ENDS: Final = {
    EarlyEnd.DUE: catalog_pb2.EARLY_END_UNSPECIFIED,
    EarlyEnd.PRORATE: catalog_pb2.EARLY_END_PRORATE,
    EarlyEnd.WAIVE: catalog_pb2.EARLY_END_WAIVE,
}


def commitment_from_proto(message: catalog_pb2.ContractCommitment) -> Commitment:
    """Return a commitment. Raises Refused."""
    shortfalls = {number: one for one, number in _SHORTFALLS.items()}
    early_ends = {number: one for one, number in _EARLY_ENDS.items()}
    return Commitment(
        check_name("name", message.name),
        each_of("schedule", message.schedule, _window_from_proto),
        tuple(message.items),
        decimal_in("overage", message.overage or "1"),
        shortfalls.get(message.shortfall, Shortfall.BILL),
        early_ends.get(message.on_early_end, EarlyEnd.DUE),
        message.kind == catalog_pb2.COMMITMENT_KIND_PREPAID,
    )


def commitment_to_proto(commitment: Commitment) -> catalog_pb2.ContractCommitment:
    """Return the message of a commitment."""
    return catalog_pb2.ContractCommitment(
        name=commitment.name,
        schedule=[
            catalog_pb2.CommitmentWindow(
                start=window.start.isoformat(), until=window.until.isoformat(), amount=format_decimal(window.amount)
            )
            for window in commitment.windows
        ],
        items=commitment.items,
        overage=format_decimal(commitment.overage) if commitment.overage > 1 else "",
        shortfall=_SHORTFALLS[commitment.shortfall],
        on_early_end=_EARLY_ENDS[commitment.on_early_end],
        kind=catalog_pb2.COMMITMENT_KIND_PREPAID if commitment.is_prepaid else catalog_pb2.COMMITMENT_KIND_UNSPECIFIED,
    )


def _window_from_proto(message: catalog_pb2.CommitmentWindow) -> Window:
    return Window(
        parse_day("start", message.start), parse_day("until", message.until), decimal_in("amount", message.amount)
    )
