"""What `meterline explain --events` says when events and line contradict each other."""

from __future__ import annotations

import pytest

from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from meterline.cli.explain import contradiction_of, why_no_events


def explained(
    quantity: str,
    event_count: int,
    kind: int = invoice_pb2.LINE_KIND_USAGE,
    aggregation: int = meter_pb2.AGGREGATION_SUM,
) -> pb.ExplainLineResponse:
    response = pb.ExplainLineResponse(
        line=invoice_pb2.InvoiceLine(meter="m", quantity=quantity, event_count=event_count, kind=kind)  # type: ignore[arg-type]
    )
    response.charge.snapshot.usage.add(meter="m", aggregation=aggregation)
    return response


def events(*values: str) -> list[usage_pb2.MeteredEvent]:
    return [usage_pb2.MeteredEvent(value=value) for value in values]


def test_events_that_add_up_to_their_line_are_listed_in_peace() -> None:
    assert contradiction_of(explained("767.28", 2), events("700", "67.28"), 0) == ""
    assert contradiction_of(explained("767.28", 30), events(*["1"] * 20), 20) == ""
    assert contradiction_of(explained("9", 2, aggregation=meter_pb2.AGGREGATION_MAX), events("9", "8"), 0) == ""


@pytest.mark.parametrize("limit", [0, 20])
def test_events_that_add_up_to_something_else_are_called_out(limit: int) -> None:
    said = contradiction_of(explained("767.28", 2), events("1000000", "766.21"), limit)

    assert said == (
        "the line bills 767.28, but its events add up to 1000766.21; something was changed: "
        "follow the runbook data-corrupted"
    )


@pytest.mark.parametrize(("found", "limit"), [(1, 0), (3, 0), (1, 20), (19, 20)])
def test_too_few_or_too_many_events_are_called_out(found: int, limit: int) -> None:
    line = explained("2", 2 if found < 19 else 30)

    assert f"but {found} were listed" in contradiction_of(line, events(*["1"] * found), limit)


def test_a_line_without_events_says_why() -> None:
    fee = invoice_pb2.InvoiceLine(id="INV-000001.1", kind=invoice_pb2.LINE_KIND_FIXED)
    changed = explained("5", 3, invoice_pb2.LINE_KIND_ADJUSTMENT).line
    changed.adjusts_line_id = "INV-000001.2"

    assert why_no_events(fee) == "no events: the line does not look at usage"
    assert "another version of meter m" in why_no_events(changed)
    assert "`meterline explain INV-000001.2 --events` lists them" in why_no_events(changed)
    assert why_no_events(explained("0", 0).line) == "no events: nothing was used"


def test_of_an_adjustment_the_services_alone_can_tell() -> None:
    assert contradiction_of(explained("5", 3, invoice_pb2.LINE_KIND_ADJUSTMENT), events("1"), 0) == ""
