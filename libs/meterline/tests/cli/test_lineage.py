"""What is ahead of its left neighbor, from what the services list."""

from __future__ import annotations

import pytest

from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import feed_pb2, values_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.lineage import Ahead, charges_ahead, lines_ahead, print_ahead, snapshots_ahead

LINES = [
    invoice_pb2.InvoiceLine(id="INV-000001.1", charge_id="chg_fee"),
    invoice_pb2.InvoiceLine(id="INV-000001.2", charge_id="chg_calls", snapshot_id="snap-1"),
    invoice_pb2.InvoiceLine(id="INV-000002.1", charge_id="chg_lost", snapshot_id="snap-2"),
]
PERIODS = [
    rating_pb.RatedPeriod(
        contract="C-1", billing_period="2025-01", snapshot_id="snap-1", charge_ids=["chg_fee", "chg_calls"]
    ),
    rating_pb.RatedPeriod(contract="C-1", billing_period="2025-03", snapshot_id="snap-3", charge_ids=["chg_unbilled"]),
]


def reach(epoch: str, *positions: int) -> values_pb2.AsOf:
    lanes = [values_pb2.LanePosition(lane=lane, position=position) for lane, position in enumerate(positions)]
    return values_pb2.AsOf(epoch=epoch, lanes=lanes)


def heads(now: values_pb2.AsOf, *earlier: values_pb2.AsOf) -> feed_pb2.FeedHeads:
    return feed_pb2.FeedHeads(epoch=now.epoch, lanes=now.lanes, earlier=earlier)


def snapshot(as_of: values_pb2.AsOf) -> usage_pb2.UsageSnapshot:
    return usage_pb2.UsageSnapshot(id="snap-1", customer="UA", as_of=as_of)


def test_a_line_whose_charge_is_lost_is_named() -> None:
    assert list(lines_ahead(LINES, PERIODS)) == [
        Ahead("line", "INV-000002.1", "charge chg_lost", "rating", ("INV-000002.1",))
    ]


def test_charges_whose_snapshot_is_lost_are_named_billed_or_not() -> None:
    assert list(charges_ahead(LINES, PERIODS, [])) == [
        Ahead("charges", "C-1 2025-01", "snapshot snap-1", "aggregator", ("INV-000001.1", "INV-000001.2")),
        Ahead("charges", "C-1 2025-03", "snapshot snap-3", "aggregator"),
    ]


@pytest.mark.parametrize(
    ("as_of", "log", "beyond"),
    [
        (reach("a", 4, 2), heads(reach("a", 4, 2)), 0),
        (reach("a", 4, 2), heads(reach("a", 9, 9)), 0),
        (reach("a", 4, 2), heads(reach("a", 3)), 3),
        (reach("a", 4, 2), heads(reach("b", 9, 9), reach("a", 4, 2)), 0),
        (reach("a", 4, 2), heads(reach("b", 9, 9), reach("a", 4, 1)), 1),
        (reach("a", 4, 2), heads(reach("c", 9, 9), reach("b", 9, 9), reach("a", 1, 1)), 4),
        (reach("a", 4, 2), heads(reach("b", 9, 9)), 6),
        (reach(""), heads(reach("b", 9, 9)), 0),
    ],
)
def test_a_snapshot_that_reaches_beyond_what_the_log_still_has_is_named(
    as_of: values_pb2.AsOf, log: feed_pb2.FeedHeads, beyond: int
) -> None:
    found = list(snapshots_ahead(LINES, [snapshot(as_of)], log))

    assert [(one.kind, one.lost, one.lost_by, one.lines) for one in found] == (
        [("snapshot", f"{beyond} positions of the event log", "ingest", ("INV-000001.2",))] if beyond else []
    )


def test_what_is_ahead_is_printed_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_ahead([Ahead("charges", "C-1 2025-01", "snapshot snap-1", "aggregator", tuple(f"A.{n}" for n in range(7)))])

    told = capsys.readouterr()
    assert "snapshot snap-1 (by aggregator)" in told.out
    assert "A.0, A.1, A.2, A.3, A.4 and 2 more" in told.out
    assert "follow the runbook restore" in told.err


def test_that_nothing_is_ahead_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_ahead([])

    assert "nothing is ahead" in capsys.readouterr().out
