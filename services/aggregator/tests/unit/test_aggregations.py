"""The one list of aggregations is the contract's: nothing else needs to know an aggregation by name."""

from __future__ import annotations

from aggregator.domain.aggregations import AGGREGATIONS, BY_NAME
from metering.aggregator.v1 import meter_pb2


def test_every_aggregation_of_the_contract_is_in_the_list_and_the_other_way_round() -> None:
    of_contract = {name.removeprefix("AGGREGATION_") for name in dict(meter_pb2.Aggregation.items())} - {"UNSPECIFIED"}

    assert set(BY_NAME) == of_contract
    assert len(AGGREGATIONS) == len(BY_NAME) - 1
