"""What a contract agreed besides its plan: without what has ended before a day, and each window by itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from metering.rating.v1 import catalog_pb2
from portal.wire.agreed import agreed_from_proto

CONTRACT = catalog_pb2.ContractSpec(
    start="2026-01-01",
    discounts=[
        catalog_pb2.ContractDiscount(name="SPRING", percent="12.5"),
        catalog_pb2.ContractDiscount(name="Old", amount="20", until="2026-03-01"),
        catalog_pb2.ContractDiscount(
            name="Free", usage="1000", items=["Calls"], start="2026-03-01", until="2026-04-01"
        ),
    ],
    commitments=[
        catalog_pb2.ContractCommitment(
            name="Year",
            schedule=[
                catalog_pb2.CommitmentWindow(start="2025-01-01", until="2026-01-01", amount="9000"),
                catalog_pb2.CommitmentWindow(start="2026-01-01", until="2027-01-01", amount="12000"),
            ],
        )
    ],
)


def test_what_rules_on_a_day_or_later_is_told_with_what_it_is_worth() -> None:
    found = agreed_from_proto(CONTRACT, date(2026, 3, 1))

    told = [(one.kind, one.name, one.percent or one.amount or one.usage, one.start, one.until) for one in found]
    assert told == [
        ("Discount", "SPRING", Decimal("12.5"), date(2026, 1, 1), None),
        ("Discount", "Free", Decimal(1000), date(2026, 3, 1), date(2026, 4, 1)),
        ("Commitment", "Year", Decimal(12000), date(2026, 1, 1), date(2027, 1, 1)),
    ]
    assert [one.items for one in found] == [(), ("Calls",), ()]


def test_an_end_is_the_first_day_after_it() -> None:
    assert [one.name for one in agreed_from_proto(CONTRACT, date(2026, 2, 28))][1] == "Old"
