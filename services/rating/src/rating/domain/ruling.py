"""Which plan of a contract rules from which day on. A period is priced by what rules when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import BillingPeriod, Schedule, contract_span, period_at, starts_from
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
    mid_period: bool = False
    """Whether it rules from its midnight itself on, and not only from the first period that starts then."""

    def same_plan(self, other: Ruling | Contract) -> bool:
        """Whether the same plan, pinned to the same version, rules."""
        return (self.plan, self.plan_version) == (other.plan, other.plan_version)


@dataclass(frozen=True, slots=True)
class RuledSegment:
    """A part of a period, and what rules it."""

    start: datetime
    end: datetime
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class RatedSegment:
    """A part of a period that is rated, and by which version of which plan."""

    start: datetime
    end: datetime
    plan: str
    plan_version: int
    continues: bool = False
    """Whether it is a version that took effect at once, and so no change of the contract."""

    def is_priced_by(self, segment: RuledSegment) -> bool:
        """Whether it is the part that is ruled, and was rated by the plan that rules it."""
        ruling = segment.ruling
        is_of_plan = ruling.plan == self.plan and ruling.plan_version in {None, self.plan_version}
        return is_of_plan and (segment.start, segment.end) == (self.start, self.end)


@dataclass(frozen=True, slots=True)
class FrozenPeriod:
    """A period that is rated permanently, and the plan version it was rated by; `segments`: those of each part."""

    period: BillingPeriod
    plan: str
    plan_version: int
    segments: tuple[RatedSegment, ...] = ()

    def is_priced_by(self, ruled: Sequence[RuledSegment]) -> bool:
        """Whether what rules its parts asks for the plans that it was rated by."""
        whole = RatedSegment(self.period.start, self.period.end, self.plan, self.plan_version)
        parts = _agreed(self.segments or (whole,))
        return len(parts) == len(ruled) and all(map(RatedSegment.is_priced_by, parts, ruled))


def _agreed(parts: Sequence[RatedSegment]) -> list[RatedSegment]:
    """Return parts as the contract says them: what takes effect at once is of the part that it continues."""
    found: list[RatedSegment] = []
    for part in parts:
        if part.continues and found:
            # No one version rates all of it: a contract that is pinned to one is not what it was rated by.
            found[-1] = replace(found[-1], end=part.end, plan_version=0)
        else:
            found.append(part)
    return found


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
            ruling = Ruling(day, content.plan, content.plan_version, version.version, content.mid_period)
            found = _with(found, ruling)
        newest = version
    return found


def ruling_at(found: Sequence[Ruling], zone: str, instant: datetime) -> Ruling:
    """Return what rules a period that starts at `instant`; before the first day, what rules then."""
    ruling = [each for each in found if local_midnight(each.day, ZoneInfo(zone)) <= instant]
    return ruling[-1] if ruling else found[0]


def ruled_segments(found: Sequence[Ruling], zone: str, start: datetime, end: datetime) -> tuple[RuledSegment, ...]:
    """Return the parts of a period that has these bounds, in order: one, where no plan change cuts it."""
    turns = [(start, ruling_at(found, zone, start))]
    for ruling in found:
        at = local_midnight(ruling.day, ZoneInfo(zone))
        if ruling.mid_period and start < at < end and not ruling.same_plan(turns[-1][1]):
            turns.append((at, ruling))
    ends = [*(at for at, _ in turns[1:]), end]
    return tuple(RuledSegment(at, until, ruling) for (at, ruling), until in zip(turns, ends, strict=True) if at < until)


def ruling_in(found: Sequence[Ruling], schedule: Schedule, instant: datetime) -> Ruling:
    """Return what rules the part of a period that holds `instant`; outside of the contract, a period from then on."""
    period = period_at(schedule, instant)
    if period is None:
        return ruling_at(found, schedule.zone, instant)
    segments = ruled_segments(found, schedule.zone, period.start, period.end)
    return next(segment.ruling for segment in segments if instant < segment.end)


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
        return replace(wanted, effective_from=schedule.start, mid_period=False)
    found = rulings(versions)
    if found[-1].same_plan(wanted) and asked is None:
        wanted = replace(wanted, mid_period=found[-1].mid_period)
    elif wanted.mid_period:
        return _settled_inside(found, wanted, applied_at)
    is_first = len(found) == 1 and found[0].same_plan(wanted)
    day = found[0].day if is_first else asked or _day_by_default(found, versions[-1], wanted, applied_at)
    if day is None or day < schedule.start or not _prices(replace(wanted, effective_from=day)):
        raise _rules_nothing(found[-1], wanted, day)
    return replace(wanted, effective_from=day)


def _prices(settled: Contract) -> bool:
    """Whether a plan that rules from its day on prices anything."""
    day, schedule = settled.effective_from or settled.schedule.start, settled.schedule
    if settled.mid_period:
        return schedule.end is None or day < schedule.end
    return starts_from(schedule, _midnight(day, schedule)) is not None


def _settled_inside(found: Sequence[Ruling], wanted: Contract, applied_at: datetime) -> Contract:
    """Return a contract whose plan rules from a day itself on: the one that it says, or that of `applied_at`."""
    schedule = wanted.schedule
    if len(found) == 1 and found[0].same_plan(wanted):
        return replace(wanted, effective_from=found[0].day, mid_period=False)
    day = wanted.effective_from or applied_at.astimezone(ZoneInfo(schedule.zone)).date()
    if day < schedule.start or (schedule.end is not None and day >= schedule.end):
        last = "" if schedule.end is None else f" and before its end, {schedule.end}"
        message = f"{day} is no day of the contract; let the plan change on {schedule.start} or later{last}"
        raise Refused("effective_from", Reason.CONTRACT_INVALID, message)
    return replace(wanted, effective_from=day)


def is_same(newest: Contract, settled: Contract) -> bool:
    """Whether a contract that is settled says what the newest version says; why it says so does not count."""
    return replace(newest, effective_from=newest.effective_from or settled.effective_from) == settled


def check_priced(settled: Contract, plans: Sequence[Version[Plan]]) -> None:
    """Refuse a plan of which no version is effective yet when the first period begins that it should price."""
    day = settled.effective_from or settled.schedule.start
    first = day if settled.mid_period else starts_from(settled.schedule, _midnight(day, settled.schedule)) or day
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
        was, is_now = (ruled_segments(found, zone, kept.period.start, kept.period.end) for found in (before, after))
        if not _alike(was, is_now) and not kept.is_priced_by(is_now):
            raise _is_frozen(kept, frozen, content)
    ended = contract_span(newest.schedule)[1]
    begun_until = wanted.created_at if ended is None else min(wanted.created_at, ended)
    changed = _first_changed(before, after, newest.schedule)
    if changed is None or content.reason:
        return
    # Who says a day means it: that it is today's is no change of the past.
    if (content.mid_period and changed == content.effective_from) or not _starts_on(newest.schedule, changed):
        today = begun_until.astimezone(ZoneInfo(zone)).date()
        if changed < today:
            message = f"say why: what was used since {changed} gets another plan; or let it begin on {today} or later"
            raise Refused("reason", Reason.FIELD_REQUIRED, message)
    elif _midnight(changed, newest.schedule) < begun_until:
        message = (
            f"say why: the plan of periods that have begun changes, from the one of {changed} on; "
            f"or leave effectiveFrom out to change only later ones"
        )
        raise Refused("reason", Reason.FIELD_REQUIRED, message)


def _starts_on(schedule: Schedule, day: date) -> bool:
    """Whether a period begins on a day."""
    return starts_from(schedule, _midnight(day, schedule)) == day


def _alike(one: Sequence[RuledSegment], other: Sequence[RuledSegment]) -> bool:
    """Whether the same plans rule the same parts of a period."""
    return len(one) == len(other) and all(
        was.ruling.same_plan(is_now.ruling) and was.start == is_now.start
        for was, is_now in zip(one, other, strict=True)
    )


def _first_changed(before: Sequence[Ruling], after: Sequence[Ruling], schedule: Schedule) -> date | None:
    """Return the first day that another plan rules, of a period or inside one; between two rulings nothing changes."""
    days = {ruling.day for ruling in (*before, *after)}
    starts = {starts_from(schedule, _midnight(day, schedule)) for day in days} - {None}
    starts |= {ruling.day for ruling in (*before, *after) if ruling.mid_period}
    for start in sorted(filter(None, starts)):
        instant = _midnight(start, schedule)
        was, is_now = (ruling_in(found, schedule, instant) for found in (before, after))
        if not is_now.same_plan(was):
            return start
    return None


def _with(found: tuple[Ruling, ...], ruling: Ruling) -> tuple[Ruling, ...]:
    last = found[-1] if found else None
    if last is not None and last.same_plan(ruling):
        if len(found) == 1 or (last.day, last.mid_period) == (ruling.day, ruling.mid_period):
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
