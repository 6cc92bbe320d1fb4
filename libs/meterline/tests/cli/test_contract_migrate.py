"""Contracts that get another plan together: months that are looked back at, and errors that name contracts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.errors import FieldViolation, InvalidRequest, Reason
from metering.rating.v1 import catalog_pb2
from meterline.cli import contract_migrate as migrate


@pytest.mark.parametrize(
    ("now", "months"),
    [
        (datetime(2026, 11, 28, tzinfo=UTC), ("2026-08", "2026-10")),
        (datetime(2026, 1, 1, tzinfo=UTC), ("2025-10", "2025-12")),
        (datetime(2026, 3, 31, tzinfo=UTC), ("2025-12", "2026-02")),
    ],
)
def test_the_effect_is_told_of_the_last_three_whole_months(now: datetime, months: tuple[str, str]) -> None:
    assert migrate.last_months(now) == months


def test_what_is_refused_names_the_contract_and_not_its_place() -> None:
    field = "entries[1].contract.spec.plan"
    violation = FieldViolation(field, Reason.CONTRACT_INVALID, "would price nothing")
    error = InvalidRequest(Reason.CONTRACT_INVALID, f"{field}: would price nothing", violations=(violation,))

    named = migrate.naming_contracts(error, [catalog_pb2.Contract(name=name) for name in ("a", "b")])

    assert named.message.startswith("contract b.spec.plan: would price nothing; mend it, or leave")
    assert [one.field for one in named.violations] == ["contract b.spec.plan"]


def test_the_first_period_is_that_which_the_change_prices_otherwise() -> None:
    kept = catalog_pb2.PricedPeriods(first="2026-01", last="2026-11", plan="a", plan_version=1)
    kept.plan_before, kept.plan_version_before = "a", 1
    changed = catalog_pb2.PricedPeriods(first="2026-12", plan="b", plan_version=1, plan_before="a")
    changed.plan_version_before = 1

    assert migrate.first_period(catalog_pb2.ContractChange(periods=[kept, changed])) == "2026-12"
    assert migrate.first_period(catalog_pb2.ContractChange(periods=[kept])) == "-"
    assert migrate.first_period(None) == "-"
