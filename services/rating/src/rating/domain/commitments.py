"""Commitments of a contract: spend that is promised for windows of whole periods, and billed where it lacks.

What the covered charges of a window come to, after discounts, is its progress. The last period of the window bears what
lacks of the promise; what goes beyond it may cost more. Both are one charge in each period of the window, and follow
from all periods that are counted so far: a charge is what the window comes to now, less what its other periods have
been charged. So whichever usage comes late, the charges of a window add up to what its whole progress costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import looked_at
from money import ZERO, Currency, exact_arithmetic, format_decimal, part_of, round_to_minor_unit
from rating.domain.pricing.rows import Derivation, Step, StepName, Words

if TYPE_CHECKING:
    from rating.domain.billing_period import BillingPeriod, Schedule
    from rating.domain.plans import Plan

LINE_PREFIX: Final = "Commitment: "
"""How the charge of a commitment is named, before its name; no item of a plan is named so."""
PERIODS_MAX: Final = 60
"""Most periods of a window: all of them are read for each charge."""
_ONE: Final = Decimal(1)
_ONE_DAY: Final = timedelta(days=1)


class Shortfall(StrEnum):
    """What happens to what lacks at a window's end; the names are those of the contract, without its prefix."""

    BILL = "BILL"
    FORFEIT = "FORFEIT"


class EarlyEnd(StrEnum):
    """What is due of a window in which the contract ends; the names are those of the contract, without its prefix."""

    DUE = "DUE"
    PRORATE = "PRORATE"
    WAIVE = "WAIVE"


@dataclass(frozen=True, slots=True)
class Window:
    """Days [start, until) for which an amount is promised."""

    start: date
    until: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Commitment:
    """A promise of spend. No `items`: all charges count. What goes beyond it costs `overage` times as much."""

    name: str
    windows: tuple[Window, ...]
    items: tuple[str, ...] = ()
    overage: Decimal = _ONE
    shortfall: Shortfall = Shortfall.BILL
    on_early_end: EarlyEnd = EarlyEnd.DUE
    is_prepaid: bool = False
    """Whether it is billed in full with the first period of a window, and is credit for the window then."""

    @property
    def line(self) -> str:
        """How its charge is named."""
        return LINE_PREFIX + self.name

    def window_of(self, day: date) -> Window | None:
        """Return the window of a period that starts on a day."""
        return next((window for window in self.windows if window.start <= day < window.until), None)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a commitment asks for a window of a contract, which may end inside of it. `labels` are its periods."""

    commitment: Commitment
    window: Window
    amount: Decimal
    bills: bool
    labels: tuple[str, ...]

    @property
    def first(self) -> str:
        """The period that bears what is paid before."""
        return self.labels[0]

    @property
    def last(self) -> str:
        """The period that bears what lacks."""
        return self.labels[-1]

    def kept(self, label: str) -> tuple[object, ...]:
        """Return what a period that is rated permanently keeps of it, whenever the contract ends."""
        return (self.commitment, self.window, self.bills and label == self.last)


@dataclass(frozen=True, slots=True)
class CountedPeriod:
    """What another period of the window comes to: its covered charges, and what the commitment was charged with it.

    `snapshot_id` is empty for one that is not rated permanently.
    """

    label: str
    snapshot_id: str
    net: Decimal
    charged: Decimal


@dataclass(frozen=True, slots=True)
class DueCommitment:
    """A promise in one period, with the other periods of its window that count so far."""

    promise: Promise
    label: str
    others: tuple[CountedPeriod, ...]

    @property
    def basis(self) -> CommitmentBasis:
        """What its charge follows from, beside the charges of the period itself."""
        periods = tuple((other.label, other.snapshot_id) for other in self.others)
        return CommitmentBasis(self.promise.amount, self.promise.last, periods)

    @property
    def is_closed(self) -> bool:
        """Whether the last period of the window counts, so that what lacks is known."""
        return self.promise.last in {self.label, *(other.label for other in self.others)}


@dataclass(frozen=True, slots=True)
class CommitmentBasis:
    """What a charge of a commitment was made from: the amount promised, the window's last period, and other periods.

    `periods` are labels and snapshots.
    """

    amount: Decimal
    last: str
    periods: tuple[tuple[str, str], ...]


def check_commitments(commitments: Sequence[Commitment], schedule: Schedule) -> None:
    """Refuse commitments that promise nothing, cut periods, or stand twice for the same time."""
    for place, commitment in enumerate(commitments):
        _check(f"commitments[{place}]", commitment, schedule)
    for (_, one), (place, other) in combinations(enumerate(commitments), 2):
        if looked_at(one.name) == looked_at(other.name):
            message = f"{other.name!r} stands twice; write its windows into one schedule, or name it otherwise"
            raise Refused(f"commitments[{place}].name", Reason.CONTRACT_INVALID, message)
        if set(one.items) == set(other.items) and _overlap([*one.windows, *other.windows]):
            message = f"covers what {one.name!r} covers, at the same time; let its windows follow one another"
            raise Refused(f"commitments[{place}].schedule", Reason.CONTRACT_INVALID, message)


def check_committed(commitments: Sequence[Commitment | None], plans: Iterable[Plan], unit: Currency) -> None:
    """Refuse commitments of items that no version of the plan has, and amounts that can't be paid in its currency.

    None stands for one that is not looked at.
    """
    known = {item.name for plan in plans for item in plan.items}
    for place, commitment in enumerate(commitments):
        if commitment is None:
            continue
        for name in commitment.items:
            if name not in known:
                message = f"the plan has no item {name!a}; its items: {', '.join(sorted(known)) or 'none'}"
                raise Refused(f"commitments[{place}].items", Reason.CONTRACT_INVALID, message)
        for position, window in enumerate(commitment.windows):
            if window.amount != round_to_minor_unit(window.amount, unit):
                field = f"commitments[{place}].schedule[{position}].amount"
                raise Refused(field, Reason.CONTRACT_INVALID, f"has at most {unit.minor_units} decimals in {unit.code}")


def check_kept_commitments(
    frozen: Iterable[BillingPeriod],
    before: tuple[Schedule, Sequence[Commitment]],
    after: tuple[Schedule, Sequence[Commitment]],
) -> None:
    """Refuse what changes the commitments of a period that is rated permanently, or which one is the last of a window.

    `before` and `after` are the schedule of the contract and its commitments.
    """
    for kept in frozen:
        was, is_now = (
            [promise.kept(kept.label) for promise in promises(commitments, schedule, kept)]
            for schedule, commitments in (before, after)
        )
        if was != is_now:
            message = (
                f"period {kept.label} is already rated permanently, and keeps its commitments and its place in their "
                "windows; let new ones begin, and the contract end, with a later period"
            )
            raise Refused("commitments", Reason.CATALOG_CONFLICT, message)


def promises(
    commitments: Sequence[Commitment], schedule: Schedule, period: BillingPeriod, currency: Currency | None = None
) -> tuple[Promise, ...]:
    """Return what commitments ask in a period. Without a currency, an amount by days is not rounded to it."""
    day = period.start.astimezone(ZoneInfo(schedule.zone)).date()
    found = ((commitment, commitment.window_of(day)) for commitment in commitments)
    return tuple(_promise(commitment, window, schedule, currency) for commitment, window in found if window is not None)


def charged(due: DueCommitment, net: Decimal, currency: Currency) -> Derivation:
    """Return what a commitment is charged with a period whose covered charges come to `net`, and how that comes about.

    It is a printed amount: below zero where other periods have been charged more than the window comes to now.
    """
    promise, words = due.promise, Words("", currency.code)
    if promise.commitment.is_prepaid:
        return _prepaid(due, words)
    amount, factor = promise.amount, promise.commitment.overage
    with exact_arithmetic():
        progress = sum((other.net for other in due.others), net)
        beyond, lacking = max(progress - amount, ZERO), max(amount - progress, ZERO)
        whole = round_to_minor_unit(beyond * (factor - _ONE), currency)
        if due.is_closed and promise.bills:
            whole += lacking
        before = sum((other.charged for other in due.others), ZERO)
        own = whole - before
    steps = [Step(StepName.BASE, f"Covered charges of this period: {words.money(net)}", net)]
    told = f"With {len(due.others)} other periods: " if due.others else ""
    until = f"from {promise.window.start} to before {promise.window.until}"
    text = f"{told}{words.money(progress)} of {words.money(amount)} promised {until}"
    steps.append(Step(StepName.PROGRESS, text, progress))
    steps.append(Step(StepName.COMMITMENT, _said(due, beyond, lacking, whole, words), whole))
    if before:
        steps.append(Step(StepName.COMMITMENT, f"Less charged with other periods: {words.money(before)}", own))
    steps.append(Step(StepName.TOTAL, f"Amount: {words.money(own)}", own))
    return Derivation(own, (), tuple(steps))


def _prepaid(due: DueCommitment, words: Words) -> Derivation:
    """Return what is charged of a window that is paid before: all of it with its first period."""
    promise = due.promise
    until = f"from {promise.window.start} to before {promise.window.until}"
    is_first = due.label == promise.first
    told = "paid before, with this period" if is_first else f"was paid before, with {promise.first}"
    own = promise.amount if is_first else ZERO
    steps = (
        Step(StepName.COMMITMENT, f"Credit of {words.money(promise.amount)} {until}, {told}", own),
        Step(StepName.TOTAL, f"Amount: {words.money(own)}", own),
    )
    return Derivation(own, (), steps)


def _said(due: DueCommitment, beyond: Decimal, lacking: Decimal, whole: Decimal, words: Words) -> str:
    promise = due.promise
    if beyond:
        factor = format_decimal(promise.commitment.overage)
        return f"{words.money(beyond)} beyond it cost {factor} times as much: {words.money(whole)} more"
    if not lacking:
        return "The commitment is reached"
    if not promise.bills:
        return f"{words.money(lacking)} lack, and are not billed"
    if due.is_closed:
        return f"{words.money(lacking)} lack at its end: {words.money(whole)} more"
    return f"{words.money(lacking)} lack so far; what lacks at the end is billed with {promise.last}"


def _promise(commitment: Commitment, window: Window, schedule: Schedule, currency: Currency | None) -> Promise:
    ends = schedule.end if schedule.end is not None and schedule.end < window.until else None
    amount = window.amount
    if ends is not None and commitment.on_early_end is EarlyEnd.PRORATE:
        exact = part_of(amount, (ends - window.start).days, (window.until - window.start).days)
        amount = amount if currency is None else round_to_minor_unit(exact, currency)
    is_waived = ends is not None and commitment.on_early_end is EarlyEnd.WAIVE
    bills = commitment.shortfall is Shortfall.BILL and not is_waived
    return Promise(commitment, window, amount, bills, tuple(_labels(schedule, window.start, ends or window.until)))


def _labels(schedule: Schedule, start: date, until: date) -> Iterator[str]:
    boundaries = schedule.boundaries
    for number in range(boundaries.number_at(start), boundaries.number_at(until - _ONE_DAY) + 1):
        yield boundaries.label(number)


def _check(field: str, commitment: Commitment, schedule: Schedule) -> None:
    if not commitment.name:
        message = "name it, for people: its line on the invoice says so"
        raise Refused(f"{field}.name", Reason.FIELD_REQUIRED, message)
    if commitment.overage < _ONE:
        message = "must be 1 or more: what goes beyond the promise costs so many times as much"
        raise Refused(f"{field}.overage", Reason.CONTRACT_INVALID, message)
    others = (commitment.overage != _ONE, commitment.shortfall, commitment.on_early_end)
    if commitment.is_prepaid and others != (False, Shortfall.BILL, EarlyEnd.DUE):
        message = "is paid before, so nothing can lack or go beyond it; leave overage, shortfall and onEarlyEnd out"
        raise Refused(f"{field}.kind", Reason.CONTRACT_INVALID, message)
    if len(set(commitment.items)) != len(commitment.items):
        raise Refused(f"{field}.items", Reason.CONTRACT_INVALID, "names an item twice; name it once")
    if not commitment.windows:
        message = "say for which days how much is promised: a list of {from, until, amount}"
        raise Refused(f"{field}.schedule", Reason.FIELD_REQUIRED, message)
    for place, window in enumerate(commitment.windows):
        _check_window(f"{field}.schedule[{place}]", window, schedule)
    if _overlap(commitment.windows):
        message = "windows overlap; let one begin where the one before it ends"
        raise Refused(f"{field}.schedule", Reason.CONTRACT_INVALID, message)


def _check_window(field: str, window: Window, schedule: Schedule) -> None:
    if window.amount <= ZERO:
        raise Refused(f"{field}.amount", Reason.CONTRACT_INVALID, "must be above 0; it is promised")
    if window.start < schedule.start:
        message = f"must be a day of the contract, which starts on {schedule.start}"
        raise Refused(f"{field}.start", Reason.CONTRACT_INVALID, message)
    if window.until <= window.start:
        message = f"{window.until} is the first day after the window; it must be later than {window.start}"
        raise Refused(f"{field}.until", Reason.CONTRACT_INVALID, message)
    boundaries = schedule.boundaries
    for name, day, own in (("start", window.start, schedule.start), ("until", window.until, schedule.end)):
        number = boundaries.number_at(day)
        if day not in {own, boundaries.day(number)}:
            near = f"{boundaries.day(number)} or {boundaries.day(number + 1)}"
            message = f"windows hold whole periods, and {day} lies inside of one; take {near}"
            raise Refused(f"{field}.{name}", Reason.CONTRACT_INVALID, message)
    count = boundaries.number_at(window.until - _ONE_DAY) - boundaries.number_at(window.start) + 1
    if count > PERIODS_MAX:
        message = f"holds {count} periods, and may hold {PERIODS_MAX}; take shorter windows, or longer periods"
        raise Refused(f"{field}.until", Reason.CONTRACT_INVALID, message)


def _overlap(windows: Sequence[Window]) -> bool:
    return any(one.start < other.until and other.start < one.until for one, other in combinations(windows, 2))


def with_counted(due: DueCommitment, nets: Mapping[str, Decimal], currency: Currency) -> DueCommitment:
    """Return a commitment with earlier periods that are not rated permanently; `nets` has them by label, in order."""
    others = due.others
    for label, net in nets.items():
        if label in due.promise.labels:
            own = DueCommitment(due.promise, label, others)
            amount = charged(own, net, currency).amount
            others = (*others, CountedPeriod(label, "", net, round_to_minor_unit(amount, currency)))
    return DueCommitment(due.promise, due.label, others)
