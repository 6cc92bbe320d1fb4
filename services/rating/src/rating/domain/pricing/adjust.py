"""What surrounds a model: steps before it that work on the quantity, and steps after it that work on the amount.

`ADJUSTMENTS` is the order in which they are applied. Each is one decimal in the contract, in a field of its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Exact, format_decimal, less, part_of, times
from rating.domain.pricing.model import check_not_negative
from rating.domain.pricing.rows import Step, StepName, Words
from rating.domain.proration import WHOLE, DayShare


@dataclass(frozen=True, slots=True)
class Adjustment(ABC):
    """One step, and the decimal that it goes by."""

    KIND: ClassVar[str]
    IS_BEFORE: ClassVar[bool]
    """Whether it is applied to the quantity before the model, or to the amount after it."""
    GOES_BY_DAYS: ClassVar[bool] = True
    """Whether an item whose `proration` is DAY has its part of it in a period that is cut short."""

    value: Decimal
    share: DayShare = WHOLE
    """The share of the days of a period for which it holds."""

    def __post_init__(self) -> None:
        """Refuse a negative value."""
        check_not_negative(self.KIND, self.value)

    @property
    def holds(self) -> Exact:
        """What it comes to for its share of the days, exactly."""
        return part_of(self.value, self.share.days, self.share.of_days)

    def of_days(self, share: DayShare) -> Adjustment:
        """Return what it is for a share of the days of a period."""
        return replace(self, share=share) if self.GOES_BY_DAYS else self

    def told_days(self, whole: str) -> str:
        """Say of how many days it is, where it is not of all; `whole` is what it is of all of them, in words."""
        return "" if self.share.is_whole else f" ({self.share.days} of {self.share.of_days} days of {whole})"

    def said(self, words: Words) -> str:  # noqa: ARG002 - whatever it is in
        """Return it in a plain sentence."""
        return f"Its {self.KIND} is {format_decimal(self.value)}."

    @abstractmethod
    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Return what becomes of a quantity or an amount, and the steps that tell it."""
        ...


@dataclass(frozen=True, slots=True)
class Included(Adjustment):
    """Units free of charge, taken off first."""

    KIND: ClassVar[str] = "included"
    IS_BEFORE: ClassVar[bool] = True

    def said(self, words: Words) -> str:
        """Return how many are included."""
        return f"The first {words.units(self.value)} of a period are included; what follows is about those beyond."

    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Take the included units off."""
        remaining = max(less(value, self.holds), ZERO)
        days = self.told_days(words.units(self.value))
        text = f"{words.units(self.holds)} included{days}, {words.units(remaining)} remain"
        return remaining, (Step(StepName.INCLUDED, text, remaining),)


@dataclass(frozen=True, slots=True)
class Maximum(Adjustment):
    """What the item costs at most."""

    KIND: ClassVar[str] = "maximum"
    IS_BEFORE: ClassVar[bool] = False

    def said(self, words: Words) -> str:
        """Return what it costs at most."""
        return f"It costs at most {words.money(self.value)} in a period."

    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Cap an amount above the maximum."""
        # Usage of days on which a contract is paused is priced as usual: where there are no others, nothing caps it.
        if value <= self.holds or not self.share.days:
            return value, ()
        days = self.told_days(words.money(self.value))
        text = f"The maximum of {words.money(self.holds)}{days} caps {words.money(value)}"
        return self.holds, (Step(StepName.MAXIMUM, text, self.holds),)


@dataclass(frozen=True, slots=True)
class Minimum(Adjustment):
    """What the item costs at least."""

    KIND: ClassVar[str] = "minimum"
    IS_BEFORE: ClassVar[bool] = False

    def said(self, words: Words) -> str:
        """Return what it costs at least."""
        return f"It costs at least {words.money(self.value)} in a period."

    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Lift an amount below the minimum."""
        if value >= self.holds:
            return value, ()
        days = self.told_days(words.money(self.value))
        text = f"The minimum of {words.money(self.holds)}{days} lifts {words.money(value)}"
        return self.holds, (Step(StepName.MINIMUM, text, self.holds),)


@dataclass(frozen=True, slots=True)
class Multiplier(Adjustment):
    """By what a contract of its own multiplies what the model says; no price of a plan has it."""

    KIND: ClassVar[str] = "multiplier"
    IS_BEFORE: ClassVar[bool] = False
    GOES_BY_DAYS: ClassVar[bool] = False

    def said(self, words: Words) -> str:  # noqa: ARG002 - it has no unit
        """Return what becomes of the amount."""
        return f"The customer pays {format_decimal(self.value)} times that."

    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Multiply an amount."""
        multiplied = times(value, self.value)
        text = f"The customer's own price: {words.money(value)} times {format_decimal(self.value)}"
        return multiplied, (Step(StepName.MULTIPLIER, f"{text} is {words.money(multiplied)}", multiplied),)


ADJUSTMENTS: Final[tuple[type[Adjustment], ...]] = (Included, Maximum, Minimum)


def adjustments_of(values: Mapping[str, Decimal | None]) -> tuple[Adjustment, ...]:
    """Return the adjustments that are given by kind, in the order in which they apply; zero units included is none."""
    least, most = values.get(Minimum.KIND), values.get(Maximum.KIND)
    if least is not None and most is not None and least > most:
        message = f"is {format_decimal(least)}, above the maximum of {format_decimal(most)}; lower it"
        raise Refused(Minimum.KIND, Reason.PRICE_INVALID, message)
    given = ((kind, values.get(kind.KIND)) for kind in ADJUSTMENTS)
    return tuple(kind(value) for kind, value in given if value is not None and (value or not kind.IS_BEFORE))
