"""What `meterline usage` writes into files."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from meterline.cli.options import RowsOutput
from meterline.cli.usage_show import export_usage, print_usage, usage_rows_document


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


def test_groups_that_are_not_told_apart_are_marked_and_are_no_value(capsysbinary: Any) -> None:
    rows = [
        usage_pb2.UsageRow(customer="acme", group=["", ""], quantity="1", event_count=1),
        usage_pb2.UsageRow(customer="acme", group=["", ""], quantity="2", event_count=2, is_other_group=True),
    ]
    response, group_by = pb.QueryUsageResponse(rows=rows), ["region", "kind"]

    export_usage(pb.QueryUsageRequest(group_by=group_by), response, RowsOutput.CSV)
    first, *exported = capsysbinary.readouterr().out.decode().splitlines()
    print_usage(response, group_by, ZoneInfo("UTC"))
    printed = capsysbinary.readouterr().out.decode().splitlines()
    documents = usage_rows_document(response, group_by)

    assert first.split(",")[-1] == "other"
    assert [line.split(",")[-1] for line in exported] == ["false", "true"]
    assert ["(other groups)" in line for line in printed[1:3]] == [False, True]
    assert [(one["group"], one.get("isOtherGroup")) for one in documents] == [
        ({"region": "", "kind": ""}, None),
        ({}, True),
    ]
