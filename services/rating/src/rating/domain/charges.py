"""Charges: what is told of a period, of its terms, its usage and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from eventlog.as_of import AsOf
from eventlog.period import Period
from rating.domain.fees import BETWEEN, Once, Place, charged_of, falls_at, is_charged
from rating.domain.proration import WHOLE, DayShare
from rating.domain.segments import ChargedPart, ItemRun, item_runs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rating.domain.billed import Billed
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.cell_questions import Questions
    from rating.domain.cells import Cells
    from rating.domain.commitments import CommitmentBasis, DueCommitment
    from rating.domain.discounts import Discount
    from rating.domain.draws import Drawn
    from rating.domain.overrides import Override
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.rows import Derivation
    from rating.domain.reads import Reads
    from rating.domain.ruling import RatedSegment
    from rating.domain.segments import Segment
    from rating.domain.versions import Version


ONE = Decimal(1)


class ChargeKind(StrEnum):
    """What a charge is for."""

    USAGE = "USAGE"
    FIXED = "FIXED"
    DISCOUNT = "DISCOUNT"
    ADVANCE = "ADVANCE"
    BOUND = "BOUND"
    """What the maximum of a plan takes off its items, or its minimum adds to them."""
    COMMITMENT = "COMMITMENT"
    """What lacks of a commitment of the contract, or what goes beyond it costs more."""
    CREDIT = "CREDIT"
    """What a lot of credit pays of the charges before it."""


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """The total of one meter over a period; `adds_up`: whether the totals of its parts add up to it.

    `goes_on`: whether it may change without any event, until the period ends: a session that is open grows.
    """

    quantity: Decimal
    unit: str
    event_count: int
    adds_up: bool = False
    goes_on: bool = False
    rounded: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself; None: the quantity."""
    cells: Cells | None = None
    """The same by values of properties, where a price goes by them."""


@dataclass(frozen=True, slots=True)
class AskedQuantity:
    """Which quantity is asked for: of one customer and meter, over a period."""

    customer: str
    meter: str
    period: Period


@dataclass(frozen=True, slots=True)
class AskedTotals:
    """Whose usage of all meters in a period is asked for, and how some of it is told apart."""

    customer: str
    period: Period | BillingPeriod
    questions: Questions


@dataclass(frozen=True, slots=True)
class CurrentQuantity:
    """The quantity of one meter over a period, counted in full up to `staleness_s` seconds ago.

    `adds_up`: whether the quantities of its parts add up to it; None where the aggregator does not say.
    """

    quantity: Decimal
    unit: str
    as_of: AsOf
    staleness_s: float
    adds_up: bool | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """An exact, unrounded amount for one plan item and period. `quantity` is before included units; 1 for a fee.

    A discount and a bound of the plan are charges, too: of quantity 1, and below zero where they take something off.
    """

    item: str
    kind: ChargeKind
    meter: str
    unit: str
    quantity: Decimal
    event_count: int
    derivation: Derivation
    rounded: Decimal | None = None
    """What was priced of the quantity, where the meter rounds each event by itself."""
    share: DayShare | None = None
    """What share of its days is charged of a fee that goes by days; None: it does not."""
    cells: Cells | None = None
    """What was priced by values of properties; None: the price does not go by them."""
    reads: Reads = ()
    """What a price formula read of each of its meters, the own one first; none of other prices."""
    part: ChargedPart | None = None
    """What part of the period it is of, where a plan change cut it; None: of all of it, by the period's plan."""
    basis: CommitmentBasis | None = None
    """What a charge of a commitment follows from beside the charges of its own period; None for all others."""
    drawn: Drawn | None = None
    """What a lot of credit pays, of a charge that says so; None for all others."""

    @property
    def plan_item(self) -> str:
        """How its item is named in its plan; of a discount, how it is named itself."""
        return self.item if self.part is None else self.part.item


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of all meters of one customer and period. `snapshot_id` is empty for usage as it is now."""

    meters: Mapping[str, MeterUsage]
    as_of: AsOf
    snapshot_id: str = ""
    amends_snapshot_id: str = ""
    traceparent: str = ""
    spans: Mapping[Period, Mapping[str, MeterUsage]] = field(default_factory=dict)
    """The same over parts of the period, where a plan change cut it."""

    def of(self, part: ChargedPart | None) -> Mapping[str, MeterUsage]:
        """Return the totals of a part of the period. Raises KeyError for one that was not asked for."""
        return self.meters if part is None else self.spans[part.period]


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a period of a contract is rated: decided once, before any usage is looked at.

    `billed` says how it was billed before, if the caller knows: where nothing is rated yet, a restore has lost it.
    `share` is that of its days which the contract has. `discounts` are in the order in which they are taken.
    `plan` has the prices that `overrides` give the contract.
    """

    contract: str
    customer: str
    period: BillingPeriod
    time_zone: str
    plan: Version[Plan]
    billed: Billed | None = None
    share: DayShare = WHOLE
    discounts: tuple[Discount, ...] = ()
    overrides: tuple[Override, ...] = ()
    segments: tuple[Segment, ...] = ()
    """Its parts, where a plan change cut it; then `plan` prices the first one."""
    place: Place = BETWEEN
    kept: frozenset[str] | None = None
    """Names of the items that the period was charged where it is rated permanently: it keeps its one-off fees."""
    advance: tuple[Charge, ...] = ()
    """What it takes off of what was billed in advance, and what it bills of the period that follows."""
    commitments: tuple[DueCommitment, ...] = ()
    pending: tuple[Terms, ...] = ()
    """Earlier periods that count towards the commitments, and are not among them yet."""

    @property
    def charged(self) -> tuple[PlanItem, ...]:
        """The items of the plan that this period has, in its order."""
        return charged_of(self.plan.content, self.place, self.kept)

    @property
    def closing_plan(self) -> Version[Plan]:
        """What prices its last part: its bounds hold for the whole period."""
        return self.segments[-1].plan if self.segments else self.plan

    def plan_at(self, instant: datetime) -> Version[Plan]:
        """Return what prices the part that holds an instant; before the period its first part, after it the last."""
        found = [segment.plan for segment in self.segments if segment.start <= instant]
        return found[-1] if found else self.plan

    @property
    def runs(self) -> tuple[ItemRun, ...]:
        """What is priced by itself."""
        if not self.segments:
            return tuple(ItemRun(item, self.share, None) for item in self.charged)
        return tuple(run for run in item_runs(self.segments, self.time_zone) if self._has(run))

    def _has(self, run: ItemRun) -> bool:
        """Whether the period has an item: a one-off fee falls where the contract starts or ends, in no other part."""
        at_edge = (
            run.part is None
            or {
                Once.NONE: True,
                Once.START: run.part.period.start == self.period.start,
                Once.END: run.part.period.end == self.period.end,
            }[falls_at(run.item)]
        )
        return at_edge and is_charged(run.item, self.place, self.kept)

    @property
    def parts(self) -> tuple[Period, ...]:
        """The parts of the period over which usage is priced, beside the whole of it."""
        metered = (run.part for run in self.runs if run.item.meter)
        return tuple(dict.fromkeys(part.period for part in metered if part is not None))

    def items_of(self, part: Period | None) -> tuple[PlanItem, ...]:
        """Return the items that are priced over a part of the period; None: over all of it."""
        return tuple(run.item for run in self.runs if (run.part and run.part.period) == part)


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """The charges of one contract and period. Frozen if it has a `snapshot_id`, else as usage is now.

    `traceparent` names the span that rated it.
    """

    contract: str
    customer: str
    period: BillingPeriod
    plan: str
    plan_version: int
    currency: str
    charges: tuple[Charge, ...]
    as_of: AsOf
    snapshot_id: str = ""
    amends_snapshot_id: str = ""
    traceparent: str = ""
    segments: tuple[RatedSegment, ...] = ()

    def plan_of(self, charge: Charge) -> tuple[str, int]:
        """Return the plan by which a charge came about, and its version: what is beside items is of the last part."""
        if charge.part is not None:
            return charge.part.plan, charge.part.plan_version
        if self.segments and charge.kind not in {ChargeKind.USAGE, ChargeKind.FIXED}:
            return self.segments[-1].plan, self.segments[-1].plan_version
        return self.plan, self.plan_version
