"""What a version of a contract must keep to: its plans, and the periods that are rated permanently."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from money import currency
from rating.domain.commitments import check_committed, check_kept_commitments
from rating.domain.contract_seats import check_kept_seats, check_seated
from rating.domain.discounts import check_discounted, check_kept_discounts
from rating.domain.fees import check_intervals
from rating.domain.overrides import check_kept_overrides, check_overridden
from rating.domain.pauses import check_kept_days
from rating.domain.segments import check_kept_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.contracts import Contract
    from rating.domain.plans import Plan
    from rating.domain.ruling import FrozenPeriod

Fact = TypeVar("Fact")


def check_by_plans(before: Contract | None, wanted: Contract, plans: Sequence[Plan]) -> None:
    """Refuse what none of the plans that a contract may have knows, in its fields. `before` is its last version.

    What stood there before was of a plan that the contract had then, and is not looked at again.
    """
    unit = currency(plans[-1].currency)
    check_intervals(plans, wanted.schedule)
    check_discounted(_new(wanted.discounts, () if before is None else before.discounts), plans, unit)
    check_overridden(_new(wanted.overrides, () if before is None else before.overrides), plans)
    check_committed(_new(wanted.commitments, () if before is None else before.commitments), plans, unit)
    check_seated(_new(wanted.seats, () if before is None else before.seats), plans)


def check_kept(before: Contract, wanted: Contract, frozen: Sequence[FrozenPeriod]) -> None:
    """Refuse what would change periods that are rated permanently, in its fields."""
    kept, zone = [each.period for each in frozen], wanted.schedule.zone
    check_kept_days(kept, wanted.schedule, before.pauses, wanted.pauses)
    check_kept_segments(frozen, wanted.schedule, before.pauses, wanted.pauses)
    check_kept_discounts(kept, zone, before.discounts, wanted.discounts)
    check_kept_overrides(kept, zone, before.overrides, wanted.overrides)
    check_kept_seats(kept, wanted.schedule, wanted.pauses, before.seats, wanted.seats)
    check_kept_commitments(kept, (before.schedule, before.commitments), (wanted.schedule, wanted.commitments))


def _new(facts: Sequence[Fact], before: Sequence[Fact]) -> list[Fact | None]:
    return [None if fact in before else fact for fact in facts]
