"""Meters as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metering.aggregator.v1 import meter_pb2
from portal.domain.meters import Meter

if TYPE_CHECKING:
    from metering.aggregator.v1 import meter_pb2 as pb

_PREFIX = "AGGREGATION_"


def meter_from_proto(message: pb.MeterDescription) -> Meter:
    """Return a meter; its label is its name until a profile says otherwise."""
    aggregation = meter_pb2.Aggregation.Name(message.aggregation).removeprefix(_PREFIX)
    return Meter.model_validate(
        {
            "name": message.name,
            "label": message.name,
            "unit": message.unit,
            "aggregation": aggregation,
            "group_by": tuple(message.group_by),
        }
    )
