"""What the rows of revenue that are not shown come to."""

from __future__ import annotations

from metering.invoicing.v1 import invoicing_service_pb2 as pb
from meterline.cli.revenue import others


def row(currency: str, amount: str, final: str) -> pb.RevenueRow:
    return pb.RevenueRow(key="k", currency=currency, amount=amount, final_amount=final)


def test_what_is_shown_and_all_others_are_the_total_of_each_currency() -> None:
    totals = [
        pb.RevenueTotal(currency="EUR", amount="100.10", final_amount="60.00"),
        pb.RevenueTotal(currency="JPY", amount="5", final_amount="0"),
        pb.RevenueTotal(currency="USD", amount="-3.50", final_amount="0.00"),
    ]

    rest = others([row("EUR", "70.05", "60.00"), row("EUR", "20.00", "0.00"), row("JPY", "5", "0")], totals)

    assert [(one.currency, one.amount, one.final_amount) for one in rest] == [
        ("EUR", "10.05", "0.00"),
        ("USD", "-3.50", "0.00"),
    ]
