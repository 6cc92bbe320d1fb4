"""Meters as a customer sees them: whatever they measure."""

from __future__ import annotations

import pytest

from metering.aggregator.v1 import meter_pb2
from portal.domain.meters import COMPUTED
from portal.wire.meters import meter_from_proto

NUMBERS = sorted(number for number in meter_pb2.Aggregation.values() if number)


@pytest.mark.parametrize("number", NUMBERS, ids=[meter_pb2.Aggregation.Name(one) for one in NUMBERS])
def test_every_aggregation_of_the_contract_is_shown(number: meter_pb2.Aggregation.ValueType) -> None:
    meter = meter_from_proto(meter_pb2.MeterDescription(name="calls", aggregation=number))

    assert meter_pb2.Aggregation.Name(number) == f"AGGREGATION_{meter.aggregation}"


def test_what_is_computed_is_told_by_its_name() -> None:
    described = meter_pb2.MeterDescription(name="traffic", aggregation=meter_pb2.AGGREGATION_FORMULA)

    assert meter_from_proto(described).aggregation == COMPUTED
