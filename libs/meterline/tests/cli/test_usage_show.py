"""What `meterline usage` writes into files."""

from __future__ import annotations

from typing import Any

import pytest

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from meterline.cli.options import RowsOutput
from meterline.cli.usage_show import export_usage


@pytest.mark.parametrize(
    ("billed", "header", "told"),
    [("120", "quantity,billed,unit", "61,120,s"), ("", "quantity,unit", "61,s")],
)
def test_what_is_billed_stands_beside_what_was_metered(billed: str, header: str, told: str, capsysbinary: Any) -> None:
    rows = [usage_pb2.UsageRow(customer="acme", quantity="61", billable_quantity=billed, event_count=1)]

    export_usage(pb.QueryUsageRequest(), pb.QueryUsageResponse(rows=rows, unit="s"), RowsOutput.CSV)

    first, second = capsysbinary.readouterr().out.decode().splitlines()
    assert header in first
    assert told in second
