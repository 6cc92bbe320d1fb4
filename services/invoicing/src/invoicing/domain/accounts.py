"""Accounts: what belongs together on invoices, and where an adjustment lands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from eventlog.labels import days_of_label, month_after, month_label

ADJUST_WITHIN_DAYS: Final = 31
"""How many whole days an adjustment waits at most for the end of the period whose invoice carries it."""
CLOSING_PREFIX: Final = "closing:"
"""What the names begin with under which closing invoices are filed. No name of a contract has a colon."""
# The zone where a day begins first.
_EARLIEST_ZONE_OFFSET: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Account:
    """All that one customer is billed in one currency: an adjustment of one period goes on any invoice of it."""

    customer: str
    currency: str


def has_begun(billing_period: str, now: datetime) -> bool:
    """Whether the days of a label (such as "2013-01") have begun anywhere on earth; `now` is in UTC."""
    days = days_of_label(billing_period)
    return days is not None and days[0] <= (now + _EARLIEST_ZONE_OFFSET).date()


def newest_label(labels: Iterable[str]) -> str:
    """Return the label whose days begin last; of those that begin on one day, the shortest time."""

    def place(label: str) -> tuple[date, timedelta]:
        first, after = days_of_label(label) or (date.min, date.min)
        return first, first - after

    return max(labels, key=place)


def filed_under(contract: str, account: Account) -> str:
    """Return what an invoice is filed under, together with its period: its contract, or the account if it has none."""
    return contract or f"{CLOSING_PREFIX}{account.currency}:{account.customer}"


@dataclass(frozen=True, slots=True)
class DuePeriod:
    """A billing period of a contract that ends soon or has ended, in the currency of its plan.

    Without a contract: a run that makes a closing invoice.
    """

    contract: str
    billing_period: str
    currency: str


def next_due(due: Iterable[DuePeriod], currency: str, invoiced: Collection[tuple[str, str]]) -> DuePeriod | None:
    """Return the first period in `currency` that has no invoice; None: only a closing invoice can adjust.

    `invoiced` are contracts and labels.
    """
    return next(
        (
            period
            for period in due
            if period.currency == currency and (period.contract, period.billing_period) not in invoiced
        ),
        None,
    )


def next_closing(account: Account, newest: str, invoiced: Collection[tuple[str, str]]) -> DuePeriod:
    """Return the first run, from the `newest` billed period on, that has made no closing invoice of the account yet.

    After the run of that period come those of months, from the one in which it begins on.
    """
    run, days = newest, days_of_label(newest)
    following = newest if days is None else month_label(days[0])
    while (filed_under("", account), run) in invoiced:
        run, following = following, month_after(following)
    return DuePeriod("", run, account.currency)
