"""How much a discount takes off: percent or an amount of what is charged, or units or percent of what is priced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, places_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from decimal import Decimal

    from rating.domain.plans import Plan, PlanItem

_PERCENT_MAX: Final = 100
PERCENT_PLACES_MAX: Final = 6
"""Most decimals of a percentage of a quantity: several of them are multiplied, and an exact amount has its bounds."""


PARTS_MAX: Final = 4
"""Most of them that an item has at a time."""


class _Sized(Protocol):
    """What has one of the four sizes: a discount, or a coupon, which makes one."""

    @property
    def percent(self) -> Decimal | None: ...

    @property
    def amount(self) -> Decimal | None: ...

    @property
    def usage(self) -> Decimal | None: ...

    @property
    def usage_percent(self) -> Decimal | None: ...

    @property
    def items(self) -> tuple[str, ...]: ...


class _Dated(_Sized, Protocol):
    """A discount with its days."""

    @property
    def start(self) -> date: ...

    def rules(self, day: date) -> bool: ...


def check_one_size(field: str, reason: Reason, sized: _Sized) -> None:
    """Refuse what takes nothing, or in two ways."""
    sizes = (sized.percent, sized.amount, sized.usage, sized.usage_percent)
    if sum(size is not None for size in sizes) != 1:
        text = "takes one of percent, amount, usage (units of the quantity) and usage_percent; write one of them"
        raise Refused(field, reason, text)


def check_units(field: str, reason: Reason, sized: _Sized) -> None:
    """Refuse units of nobody knows what, none, and more than there are."""
    if not sized.items:
        raise Refused(f"{field}.items", reason, "say of which items: their units differ; each of them has it")
    if sized.usage is not None and sized.usage <= ZERO:
        raise Refused(f"{field}.usage", reason, "must be above 0: units that are taken off the quantity")
    percent = sized.usage_percent
    if percent is not None and not ZERO < percent <= _PERCENT_MAX:
        raise Refused(f"{field}.usage_percent", reason, "must be above 0, and at most 100: percent of the quantity")
    if percent is not None and (places_of(percent) or 0) > PERCENT_PLACES_MAX:
        raise Refused(f"{field}.usage_percent", reason, f"has at most {PERCENT_PLACES_MAX} decimals")


def check_few_parts(discounts: Sequence[_Dated]) -> None:
    """Refuse more percentages of one quantity at a time than an exact amount has room for."""
    parts = [(place, one) for place, one in enumerate(discounts) if one.usage_percent is not None]
    for place, one in parts:
        for item in one.items:
            if sum(item in other.items and other.rules(one.start) for _, other in parts) > PARTS_MAX:
                text = f"{item!a} has more than {PARTS_MAX} discounts in percent of its quantity at a time; join some"
                raise Refused(f"discounts[{place}].usage_percent", Reason.CONTRACT_INVALID, text)


def check_takes_units_off(field: str, reason: Reason, names: Iterable[str], plans: Sequence[Plan]) -> None:
    """Refuse units of items that look at no quantity of their own, in one of the versions of a plan."""
    items = [item for plan in plans for item in plan.items]
    for item in (item for name in names for item in items if item.name == name):
        if not item.price.takes_units_off:
            text = f"{item.name!a} {_how(item)}, so no units can be taken off; write percent or amount for it"
            raise Refused(field, reason, text)


def _how(item: PlanItem) -> str:
    if item.price.is_fixed:
        return "is a fixed fee"
    return "prices each event by itself" if item.price.is_of_events else "is priced by a formula"
