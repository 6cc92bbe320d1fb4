"""Billing periods as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventlog.wire import instant_from_proto
from portal.domain.periods import ContractPeriod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metering.rating.v1 import rating_service_pb2 as pb


def period_from_proto(message: pb.ContractPeriod, zones: Mapping[str, str]) -> ContractPeriod:
    """Return a billing period; `zones` has the time zone of each contract."""
    return ContractPeriod(
        contract=message.contract,
        billing_period=message.billing_period,
        start=instant_from_proto(message.period.start),
        end=instant_from_proto(message.period.end),
        currency=message.currency,
        time_zone=zones.get(message.contract, "UTC"),
    )
