"""Accounts: what belongs together on invoices, and where an adjustment lands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

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
    """Whether the month of a label (such as "2013-01") has begun anywhere on earth; `now` is in UTC."""
    return billing_period <= (now + _EARLIEST_ZONE_OFFSET).isoformat()[:7]


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
    """Return the first run, from the `newest` billed period on, that has made no closing invoice of the account yet."""
    run = newest
    while (filed_under("", account), run) in invoiced:
        run = _month_after(run)
    return DuePeriod("", run, account.currency)


def _month_after(billing_period: str) -> str:
    year, month = map(int, billing_period.split("-"))
    return f"{year + month // 12:04}-{month % 12 + 1:02}"
