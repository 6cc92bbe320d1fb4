"""Runs of closing invoices, and the month to which an invoice belongs, where periods are not months."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from eventlog.period import Period
from invoicing.domain.accounts import Account, filed_under, has_begun, newest_label, next_closing
from invoicing.domain.composition import compose
from invoicing.domain.document import InvoiceKind
from invoicing.domain.invoices import month_of

ACCOUNT = Account("UA", "USD")


@pytest.mark.parametrize(
    ("labels", "newest"),
    [
        (["2025-12", "2026-01"], "2026-01"),
        (["2026", "2026-01"], "2026-01"),
        (["2026-Q2", "2026-02", "2026-W12"], "2026-Q2"),
        (["2026-01-31", "2026-W05", "2026-01"], "2026-01-31"),
        # The week begins on 29 December.
        (["2026-W01", "2026-01"], "2026-01"),
    ],
)
def test_the_newest_label_is_the_one_whose_days_begin_last(labels: list[str], newest: str) -> None:
    assert newest_label(labels) == newest
    assert newest_label(reversed(labels)) == newest


@pytest.mark.parametrize(
    ("newest", "runs"),
    [
        ("2026-11", ["2026-11", "2026-12", "2027-01"]),
        ("2026", ["2026", "2026-01", "2026-02"]),
        ("2026-W01", ["2026-W01", "2025-12", "2026-01"]),
        ("2026-01-31", ["2026-01-31", "2026-01", "2026-02"]),
    ],
)
def test_closing_runs_after_that_of_the_newest_period_are_months(newest: str, runs: list[str]) -> None:
    found: list[str] = []
    while len(found) < len(runs):
        found.append(next_closing(ACCOUNT, newest, {(filed_under("", ACCOUNT), run) for run in found}).billing_period)

    assert found == runs


def test_a_run_has_begun_where_its_days_have_begun_anywhere() -> None:
    now = datetime(2026, 1, 11, 9, 59, tzinfo=UTC)
    labels = ("2026-01-11", "2026-01-12", "2026-W02", "2026-W03", "2026-Q1", "2026-Q2", "2026", "2027", "soon")

    begun = [label for label in labels if has_begun(label, now)]

    assert begun == ["2026-01-11", "2026-W02", "2026-Q1", "2026"]


@pytest.mark.parametrize(
    ("label", "start", "kind", "month"),
    [
        # Begun late in December, as the anchor has it: months belong to their label.
        ("2025-12", datetime(2026, 1, 2, 5, tzinfo=UTC), InvoiceKind.PERIOD, "2025-12"),
        ("2026-W05", datetime(2026, 2, 1, 5, tzinfo=UTC), InvoiceKind.PERIOD, "2026-02"),
        ("2026-W05", datetime(2026, 2, 1, 4, tzinfo=UTC), InvoiceKind.PERIOD, "2026-01"),
        ("2026", datetime(2026, 7, 1, 4, tzinfo=UTC), InvoiceKind.PERIOD, "2026-07"),
        # A closing invoice is of all the time that it adjusts; it belongs to its run.
        ("2026-Q2", datetime(2020, 7, 1, 4, tzinfo=UTC), InvoiceKind.CLOSING, "2026-04"),
    ],
)
def test_an_invoice_belongs_to_one_month(
    rated: Any, fee: Any, label: str, start: datetime, kind: InvoiceKind, month: str
) -> None:
    period = Period(start, datetime(2027, 7, 1, tzinfo=UTC))
    draft = compose(rated(fee(), billing_period=label, period=period, time_zone="America/New_York"), (), "").draft()

    assert month_of(replace(draft, kind=kind)) == month
