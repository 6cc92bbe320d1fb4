"""Which plan of a contract rules from which day on. A period is priced by what rules when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import BillingPeriod, Schedule, contract_span, starts_from
from rating.domain.contracts import Contract
from rating.domain.plans import Plan, plan_at
from rating.domain.versions import Version
from rating.domain.zone_days import local_midnight


@dataclass(frozen=True, slots=True)
class Ruling:
    """From `day` on a contract is priced by a plan. `contract_version` is the version of the contract that says so."""

    day: date
    plan: str
    plan_version: int | None
    contract_version: int

    def same_plan(self, other: Ruling | Contract) -> bool:
        """Whether the same plan, pinned to the same version, rules."""
        return (self.plan, self.plan_version) == (other.plan, other.plan_version)


@dataclass(frozen=True, slots=True)
class FrozenPeriod:
    """A period that is rated permanently, and the plan version it was rated by."""

    period: BillingPeriod
    plan: str
    plan_version: int

    def is_priced_by(self, ruling: Ruling) -> bool:
        """Whether a ruling asks for the plan that the period was rated by."""
        return ruling.plan == self.plan and ruling.plan_version in {None, self.plan_version}


def rulings(versions: Sequence[Version[Contract]]) -> tuple[Ruling, ...]:
    """Return what rules a contract, by day, for its versions, oldest first.

    A version rules from its day on, whatever versions before it said of later days. One that names the plan of the one
    before it only moves the day.
    """
    found: tuple[Ruling, ...] = ()
    newest: Version[Contract] | None = None
    for version in versions:
        content = version.content
        day = content.effective_from or _day_by_default(found, newest, content, version.created_at)
        if day is not None:
            found = _with(found, Ruling(day, content.plan, content.plan_version, version.version))
        newest = version
    return found


def ruling_at(found: Sequence[Ruling], zone: str, instant: datetime) -> Ruling:
    """Return what rules a period that starts at `instant`; before the first day, what rules then."""
    ruling = [each for each in found if local_midnight(each.day, ZoneInfo(zone)) <= instant]
    return ruling[-1] if ruling else found[0]


def settle(versions: Sequence[Version[Contract]], wanted: Contract, applied_at: datetime) -> Contract:
    """Return `wanted` with the day from which its plan rules. Raises Refused for a day from which it rules nothing.

    Where the contract does not say, a first plan rules from the start; the plan that is there already, as before; and
    another one, the periods that start at `applied_at` or later and those that the contract did not have before.
    """
    schedule, asked = wanted.schedule, wanted.effective_from
    if not versions:
        if asked not in {None, schedule.start}:
            message = f"the first plan of a contract rules from its start, {schedule.start}; leave it out"
            raise Refused("effective_from", Reason.CONTRACT_INVALID, message)
        return replace(wanted, effective_from=schedule.start)
    found = rulings(versions)
    is_first = len(found) == 1 and found[0].same_plan(wanted)
    day = found[0].day if is_first else asked or _day_by_default(found, versions[-1], wanted, applied_at)
    if day is None or day < schedule.start or starts_from(schedule, _midnight(day, schedule)) is None:
        raise _rules_nothing(found[-1], wanted, day)
    return replace(wanted, effective_from=day)


def is_same(newest: Contract, settled: Contract) -> bool:
    """Whether a contract that is settled says what the newest version says; why it says so does not count."""
    return replace(newest, effective_from=newest.effective_from or settled.effective_from) == settled


def check_priced(settled: Contract, plans: Sequence[Version[Plan]]) -> None:
    """Refuse a plan of which no version is effective yet when the first period begins that it should price."""
    day = settled.effective_from or settled.schedule.start
    first = starts_from(settled.schedule, _midnight(day, settled.schedule)) or day
    if settled.plan_version is None and plan_at(plans, _midnight(first, settled.schedule)) is None:
        begins = min(filter(None, (version.content.effective_from for version in plans)))
        message = (
            f"plan {settled.plan!r} is effective from {begins.isoformat()}, and would price the contract from {first}; "
            f"apply the plan with effectiveFrom {first} or earlier, or begin later"
        )
        raise Refused("plan", Reason.CONTRACT_INVALID, message)


def check_past(
    versions: Sequence[Version[Contract]], wanted: Version[Contract], frozen: Sequence[FrozenPeriod]
) -> None:
    """Refuse another plan for a period that is rated permanently; for one that has begun, unless a reason is given."""
    newest, content = versions[-1].content, wanted.content
    before, after, zone = rulings(versions), rulings([*versions, wanted]), content.schedule.zone
    if before == after:
        return
    for kept in frozen:
        was, is_now = (ruling_at(found, zone, kept.period.start) for found in (before, after))
        if not is_now.same_plan(was) and not kept.is_priced_by(is_now):
            raise _is_frozen(kept, frozen, content)
    ended = contract_span(newest.schedule)[1]
    begun_until = wanted.created_at if ended is None else min(wanted.created_at, ended)
    changed = _first_changed(before, after, newest.schedule)
    if changed is not None and _midnight(changed, newest.schedule) < begun_until and not content.reason:
        message = (
            f"say why: the plan of periods that have begun changes, from the one of {changed} on; "
            f"or leave effectiveFrom out to change only later ones"
        )
        raise Refused("reason", Reason.FIELD_REQUIRED, message)


def _first_changed(before: Sequence[Ruling], after: Sequence[Ruling], schedule: Schedule) -> date | None:
    """Return the first day of the first period that another plan rules; between two days of rulings nothing changes."""
    days = {ruling.day for ruling in (*before, *after)}
    starts = {starts_from(schedule, _midnight(day, schedule)) for day in days} - {None}
    for start in sorted(filter(None, starts)):
        instant = _midnight(start, schedule)
        was, is_now = (ruling_at(found, schedule.zone, instant) for found in (before, after))
        if not is_now.same_plan(was):
            return start
    return None


def _with(found: tuple[Ruling, ...], ruling: Ruling) -> tuple[Ruling, ...]:
    last = found[-1] if found else None
    if last is not None and last.same_plan(ruling):
        if len(found) == 1 or last.day == ruling.day:
            return found
        found = found[:-1]
    kept = tuple(each for each in found if each.day < ruling.day)
    return kept if kept and kept[-1].same_plan(ruling) else (*kept, ruling)


def _day_by_default(
    found: Sequence[Ruling], newest: Version[Contract] | None, wanted: Contract, applied_at: datetime
) -> date | None:
    if newest is None:
        return wanted.schedule.start
    if found[-1].same_plan(wanted):
        return found[-1].day
    ended = contract_span(newest.content.schedule)[1]
    return starts_from(wanted.schedule, applied_at if ended is None else min(applied_at, ended))


def _midnight(day: date, schedule: Schedule) -> datetime:
    return local_midnight(day, ZoneInfo(schedule.zone))


def _rules_nothing(last: Ruling, wanted: Contract, day: date | None) -> Refused:
    schedule = wanted.schedule
    if day is not None and day < schedule.start:
        message = f"must not lie before the start, {schedule.start}"
        return Refused("effective_from", Reason.CONTRACT_INVALID, message)
    since = "after now" if day is None else f"on {day} or later"
    message = (
        f"no period of the contract starts {since}, so plan {wanted.plan!r} would price nothing; "
        f"write effectiveFrom with the first day of a period and a reason, or keep plan {last.plan!r}"
    )
    return Refused("plan" if wanted.effective_from is None else "effective_from", Reason.CONTRACT_INVALID, message)


def _is_frozen(kept: FrozenPeriod, frozen: Sequence[FrozenPeriod], wanted: Contract) -> Refused:
    schedule = wanted.schedule
    following = starts_from(schedule, max(each.period.end for each in frozen))
    mend = "make another contract that follows" if following is None else f"write effectiveFrom: {following} or later"
    message = (
        f"period {kept.period.label} is already rated permanently, by plan {kept.plan!r} version {kept.plan_version}; "
        f"{mend}"
    )
    return Refused("effective_from", Reason.CATALOG_CONFLICT, message)
