"""Which period of a customer with several contracts a page is about."""

from __future__ import annotations

from datetime import UTC, datetime

from portal.domain.periods import ContractPeriod, before, described, find, named

NOW = datetime(2024, 3, 20, tzinfo=UTC)


def month(contract: str, number: int, first: int = 1, last: int = 1) -> ContractPeriod:
    """Return a month of 2024 of a contract, from its `first` day until `last` of the next one."""
    start, end = datetime(2024, number, first, tzinfo=UTC), datetime(2024, number + (last == 1), last, tzinfo=UTC)
    return ContractPeriod(contract, f"2024-{number:02}", start, end, "USD", "UTC")


BASE = [month("base", number) for number in range(1, 5)]
ADDED = [month("added", 2, first=10), month("added", 3), month("added", 4)]
ALL = named([*ADDED, *BASE])


def names(periods: list[ContractPeriod | None]) -> list[str]:
    return [period.name if period else "" for period in periods]


def test_the_contract_that_began_first_goes_by_the_label_and_the_other_by_both() -> None:
    assert sorted(one.name for one in ALL) == [
        "2024-01", "2024-02", "2024-02~added", "2024-03", "2024-03~added", "2024-04", "2024-04~added",
    ]  # fmt: skip
    found = [find(ALL, name, NOW) for name in ("", "2024-02", "2024-02~added", "2024-02~base", "2024-05")]
    assert names(found) == ["2024-03", "2024-02", "2024-02~added", "2024-02", ""]


def test_the_period_before_is_of_the_same_contract() -> None:
    pairs = {one.name: before(ALL, one) for one in ALL}

    assert names([pairs["2024-03"], pairs["2024-03~added"]]) == ["2024-02", "2024-02~added"]
    # Nothing came before it: what stands beside it went on.
    assert pairs["2024-02~added"] is None


def test_a_contract_that_follows_another_one_is_compared_with_it() -> None:
    old, new = month("old", 2, last=15), month("new", 2, first=15)
    periods = named([month("old", 1), old, new, month("new", 3)])

    assert [one.name for one in periods] == ["2024-01", "2024-02~old", "2024-02", "2024-03"]
    assert names([before(periods, periods[2]), before(periods, periods[3])]) == ["2024-02~old", "2024-02"]
    assert names([find(periods, "2024-02", NOW)]) == ["2024-02"]


def test_one_contract_is_listed_in_a_row_before_what_stands_beside_it() -> None:
    listed = described(ALL, {("added", "2024-02"): "A-1"}, NOW)

    assert [one.billing_period for one in listed] == ["2024-03", "2024-02", "2024-01", "2024-03~added", "2024-02~added"]
    assert [one.state for one in listed] == ["open", "closed", "closed", "open", "final"]
