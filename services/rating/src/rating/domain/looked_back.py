"""How far back usage matters to what is left of a feature: over the contracts that a customer had one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from rating.domain.billing_period import contract_span, periods_touching
from rating.domain.features import EXPIRES_AFTER_MAX
from rating.domain.zone_days import local_midnight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rating.domain.allowance import Grant
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.unbilled import PricedContract

ROLLOVER_PERIODS_MAX: Final = 3 * EXPIRES_AFTER_MAX
"""So many periods before the first one that matters are looked at for what they carried over."""
PERIODS_MAX: Final = 960
"""Periods that are looked at in all: what was granted before them counts as used up."""


@dataclass(frozen=True, slots=True)
class AgreedPeriod:
    """A billing period, and the contract that it is of."""

    contract: PricedContract
    period: BillingPeriod


def periods_that_matter(
    contracts: Sequence[PricedContract],
    current: AgreedPeriod,
    grants: Sequence[Grant],
    *,
    carries_over: bool,
) -> tuple[list[AgreedPeriod], list[Grant]]:
    """Return the periods whose usage decides what is left in the current one, and the grants that may have a rest.

    Grants are the customer's: what they had was drawn under earlier contracts, too. Where contracts overlap, the later
    one has the time.
    """
    first = current.period.start
    if grants:
        zone = ZoneInfo(current.contract.zone)
        first = min(first, *(local_midnight(grant.first_day, zone) for grant in grants))
    matter = _periods(contracts, current, first)
    if carries_over:
        before = _before(contracts, matter[0])[-ROLLOVER_PERIODS_MAX:]
        matter = [*before, *matter]
    if len(matter) <= PERIODS_MAX:
        return matter, list(grants)
    matter = matter[-PERIODS_MAX:]
    begins = matter[0].period.start.astimezone(ZoneInfo(current.contract.zone)).date()
    return matter, [grant for grant in grants if grant.first_day >= begins]


def _periods(contracts: Sequence[PricedContract], current: AgreedPeriod, first: datetime) -> list[AgreedPeriod]:
    """Return the periods from an instant on up to the current one."""
    found = _of_contract(current.contract, first, current.period.end)
    for contract in _by_start_falling(contracts, current.contract):
        begins = found[0].period.start
        if begins <= first:
            break
        found = [*_of_contract(contract, first, begins), *found]
    return found


def _before(contracts: Sequence[PricedContract], earliest: AgreedPeriod) -> list[AgreedPeriod]:
    """Return periods of the same contract, and of those before it, that come before one."""
    length = earliest.period.end - earliest.period.start
    since = earliest.period.start - length * (ROLLOVER_PERIODS_MAX + ROLLOVER_PERIODS_MAX // 4)
    return [one for one in _periods(contracts, earliest, since) if one.period.start < earliest.period.start]


def _of_contract(contract: PricedContract, first: datetime, end: datetime) -> list[AgreedPeriod]:
    schedule = contract.newest.content.schedule
    start = max(first, contract_span(schedule)[0])
    if start >= end:
        return []
    return [AgreedPeriod(contract, one) for one in periods_touching(schedule, start, end) if one.end <= end]


def _by_start_falling(contracts: Sequence[PricedContract], other_than: PricedContract) -> list[PricedContract]:
    others = [one for one in contracts if one is not other_than]
    return sorted(others, key=lambda one: contract_span(one.newest.content.schedule)[0], reverse=True)
