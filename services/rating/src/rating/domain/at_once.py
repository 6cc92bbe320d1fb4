"""Versions of a plan that take effect at once: where they turn a period, and which of their prices can go on.

Such a version rules from the first midnight of the contract's zone on at which it is effective. An item that is priced
otherwise from then on is not begun anew: its ladder goes on at the position that is reached (`pricing.continued`), and
a fee goes by days. So what it prices otherwise must be something that can go on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.fees import Once, falls_at
from rating.domain.plans import Plan, plan_at
from rating.domain.pricing.continued import Continued, Stretch
from rating.domain.proration import goes_by_days
from rating.domain.versions import Version
from rating.domain.zone_days import local_midnight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from rating.domain.meters import KnownMeter
    from rating.domain.plans import PlanItem
    from rating.domain.pricing.price import Price

_DAY: Final = timedelta(days=1)


def turns(
    may_rule: Sequence[Version[Plan]], base: Version[Plan], start: datetime, end: datetime, zone: str
) -> list[tuple[datetime, Version[Plan]]]:
    """Return from when on which versions rule a time that `base` begins, that of the base first.

    `may_rule` are the versions of the plan that may rule the contract, each effective from when it may.
    """
    found = [(start, base)]
    begins = {at: None for one in may_rule if (at := _midnight_of(one, ZoneInfo(zone))) and start < at < end}
    for at in sorted(begins):
        version = plan_at(may_rule, at)
        if version is not None and version.content.effect.at_once and version.version != found[-1][1].version:
            found.append((at, version))
    return found


def _midnight_of(version: Version[Plan], zone: ZoneInfo) -> datetime | None:
    """Return the first midnight of a zone at which a version is effective; None for one that does not turn periods."""
    effective = version.content.effective_from
    if not version.content.effect.at_once or effective is None:
        return None
    day: date = effective.astimezone(zone).date()
    midnight = local_midnight(day, zone)
    return midnight if midnight >= effective else local_midnight(day + _DAY, zone)


def goes_on(before: PlanItem, after: PlanItem) -> bool:
    """Whether the price of an item goes on in another version of its plan."""
    same_usage = before.name == after.name and before.meter == after.meter and bool(before.meter)
    return same_usage and before.proration is after.proration and _is_ladder(before.price) and _is_ladder(after.price)


def is_same_fee(before: PlanItem, after: PlanItem) -> bool:
    """Whether two versions of a plan have a fee of every period, which a turn between them divides by days."""
    return before.name == after.name and all(
        item.price.is_fixed and falls_at(item) is Once.NONE for item in (before, after)
    )


def continued(stretches: Sequence[tuple[datetime, PlanItem]], zone: str) -> PlanItem:
    """Return an item whose prices follow one another, each from an instant on; a maximum and minimum are the last's."""
    last = stretches[-1][1]
    found = tuple(
        Stretch(
            start,
            start.astimezone(ZoneInfo(zone)).date().isoformat(),
            replace(item.price, adjustments=tuple(each for each in item.price.adjustments if each.IS_BEFORE)),
        )
        for start, item in stretches
    )
    around = tuple(each for each in last.price.adjustments if not each.IS_BEFORE)
    price = replace(last.price, adjustments=around, convert=None, spread=Continued(stretches=found))
    return replace(last, price=price)


def check_at_once(versions: Sequence[Version[Plan]], wanted: Plan, meters: Mapping[str, KnownMeter]) -> None:
    """Refuse a version that takes effect at once and prices something otherwise that can't go on.

    It may follow any of the versions that are there. `meters` are those that there are.
    """
    if not wanted.effect.at_once:
        return
    if not versions:
        message = "is of a later version: the first one of a plan follows no other prices; leave it out"
        raise Refused("takes_effect", Reason.PLAN_INVALID, message)
    for position, item in enumerate(wanted.items):
        for version in versions:
            before = next((one for one in version.content.items if one.name == item.name), None)
            why = None if before is None else _why_not(before, item, meters)
            if before is not None and why is None and before.price != item.price and item.meter:
                why = _why_not_cut(item.meter, wanted, version.content)
            if why is not None:
                message = (
                    f"{item.name!r} is priced otherwise than by version {version.version}, and {why}; let this version "
                    "take effect with a period (withPeriod), or keep this price for now"
                )
                raise Refused(f"items[{position}]", Reason.PLAN_INVALID, message)


def _why_not(before: PlanItem, item: PlanItem, meters: Mapping[str, KnownMeter]) -> str | None:
    """Say why the price of an item can't follow another one inside a period; None: it can."""
    if replace(before, product="", cost=None) == replace(item, product="", cost=None) or before.meter != item.meter:
        return None
    if item.price.is_fixed:
        by_days = goes_by_days(before.price) and goes_by_days(item.price)
        return None if by_days or not is_same_fee(before, item) else "a fee goes by days with at most 12 decimals"
    if before.proration is not item.proration:
        return "its proration is another one"
    if not goes_on(before, item):
        return "only one ladder of all units goes on: no matrix, perKey, calendar, formula or scope of events"
    known = meters.get(item.meter)
    if known is not None and not known.adds_up:
        return f"the meter {item.meter!r} does not add up over time, so no position of it goes on"
    return None


def _why_not_cut(meter: str, *plans: Plan) -> str | None:
    """Say why usage of a meter can't be cut where the version turns; None: it can."""
    if any(item.meter == meter and item.price.calendar for plan in plans for item in plan.items):
        return f"another item cuts the meter {meter!r} by a calendar"
    return None


def _is_ladder(price: Price) -> bool:
    return price.spread is None and price.formula is None and price.calendar is None
