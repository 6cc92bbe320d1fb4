"""A price: a model and what surrounds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.pricing.adjust import Adjustment, Included, Minimum, Multiplier
from rating.domain.pricing.calendar import PROPERTY, Calendar
from rating.domain.pricing.continued import Continued
from rating.domain.pricing.convert import Conversion
from rating.domain.pricing.each_event import EachEvent, bounds_of, check_bounds, check_each_event
from rating.domain.pricing.formula import Formula
from rating.domain.pricing.ladder import check_ladder
from rating.domain.pricing.matrix import Matrix
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.seats import SeatRule, check_model_of_seats
from rating.domain.pricing.spread import Ladder, Spread
from rating.domain.proration import WHOLE, DayShare


@dataclass(frozen=True, slots=True)
class Price:
    """A model with its adjustments, in the order in which they are applied; before all of them comes `convert`.

    With `spread` usage is priced in parts. The model is then that of each part, or of what no row of a matrix has.
    """

    model: PriceModel
    adjustments: tuple[Adjustment, ...] = ()
    convert: Conversion | None = None
    spread: Spread | None = None
    calendar: Calendar | None = None
    share: DayShare = WHOLE
    """The share of the days of a period for which included units, the maximum and the minimum hold; of plans: all."""
    seats: SeatRule | None = None
    """Of a price by a dated count: when changes of it are charged. The model is then that of the whole count."""

    def __post_init__(self) -> None:
        """Refuse any adjustment of a price that looks at no usage, another unit for money, and parts that clash."""
        adjustments = tuple(each for each in self.adjustments if not isinstance(each, Multiplier))
        if self.is_fixed and (adjustments or self.convert or self.spread or self.calendar):
            text = "a fixed fee has neither included units nor a minimum"
            raise Refused(self.model.KIND, Reason.PRICE_INVALID, text)
        if self.seats is not None:
            check_model_of_seats(self.model)
        if self.formula is not None and (self.convert or self.spread or self.calendar or self.included):
            text = "says all of its quantities itself; beside it stand a maximum and a minimum alone"
            raise Refused("formula", Reason.PRICE_INVALID, text)
        if self.convert and any(model.IS_OF_MONEY for model in self.models):
            text = "an amount of money has no other unit; leave it out"
            raise Refused("convert", Reason.PRICE_INVALID, text)
        if self.calendar is not None and PROPERTY not in self.by:
            text = f"decides nothing: write {PROPERTY} in the by of a matrix, or in perKey; or leave the calendar out"
            raise Refused("calendar", Reason.PRICE_INVALID, text)
        self._check_events()
        if self.spread is None:
            return
        if self.spread.ladder is Ladder.TOTAL:
            check_ladder(self.models)
        if isinstance(self.spread, Matrix) and self.spread.has_own_included and self.included is not None:
            text = "stands beside included units of rows; write them for the item, or for rows"
            raise Refused("included", Reason.PRICE_INVALID, text)

    def _check_events(self) -> None:
        if isinstance(self.spread, EachEvent):
            if isinstance(self.spread.inner, Matrix) and self.included is not None:
                text = "would be of some rows and not of others, by the order of events; write it in rows"
                raise Refused("included", Reason.PRICE_INVALID, text)
            for model, included in self._parts_of_events(self.spread):
                check_each_event(model, self.convert, has_included=included or self.included is not None)
            check_bounds(self.event_bounds)
        elif any(model.needs_events for model in self.models):
            text = "looks at each event, and a matrix at sums; write scope: event beside it, or leave the fee out"
            raise Refused(self.model.KIND, Reason.PRICE_INVALID, text)

    def _parts_of_events(self, spread: EachEvent) -> Iterator[tuple[PriceModel, bool]]:
        """Yield the models that price events, and whether units of theirs alone are included."""
        inner = spread.inner
        if isinstance(inner, Matrix):
            yield from ((row.model, bool(row.included)) for row in inner.rows)
            yield self.model, bool(inner.otherwise_included)
        else:
            yield self.model, False

    def multiplied(self, factor: Decimal) -> Price:
        """Return the price of a contract that pays so many times of it: before a maximum and a minimum."""
        before = tuple(each for each in self.adjustments if each.IS_BEFORE)
        after = self.adjustments[len(before) :]
        return replace(self, adjustments=(*before, Multiplier(factor), *after))

    def of_days(self, share: DayShare) -> Price:
        """Return the price for a share of the days of a period: tiers, blocks and rates are what they are."""
        return replace(self, adjustments=tuple(each.of_days(share) for each in self.adjustments), share=share)

    @property
    def has_days(self) -> bool:
        """Whether anything of it may go by days."""
        has_rows = isinstance(self.spread, Matrix | Continued) and self.spread.has_own_included
        return self.is_fixed or has_rows or any(each.GOES_BY_DAYS for each in self.adjustments)

    @property
    def takes_units_off(self) -> bool:
        """Whether it looks at one quantity, of which a contract may have some free."""
        return not self.is_fixed and self.formula is None and not self.is_of_events

    def with_units_off(self, off: Adjustment) -> Price:
        """Return the price of a contract that has some of the quantity free, after what is included."""
        before = tuple(each for each in self.adjustments if each.IS_BEFORE)
        return replace(self, adjustments=(*before, off, *self.adjustments[len(before) :]))

    @property
    def units_off(self) -> Sequence[Adjustment]:
        """What a contract has free of the quantity, beside included units; none of a price of a plan."""
        return [each for each in self.adjustments if each.IS_BEFORE and not isinstance(each, Included)]

    @property
    def models(self) -> Sequence[PriceModel]:
        """All models, that of the price itself last."""
        return [*(() if self.spread is None else self.spread.models), self.model]

    def of_part(self, model: PriceModel | None, included: Decimal | None) -> Price:
        """Return what a part alone costs: by its model (None: that of the price), with its own included units."""
        adjustments = (*([Included(included)] if included else []), *self.adjustments)
        return Price(model or self.model, adjustments, self.convert, EachEvent() if self.is_of_events else None)

    @property
    def by(self) -> tuple[str, ...]:
        """The properties whose values decide; none of most prices."""
        return () if self.spread is None else self.spread.by

    @property
    def included(self) -> Included | None:
        """The units of the item that are included, if there are any."""
        return next((each for each in self.adjustments if isinstance(each, Included)), None)

    @property
    def is_of_events(self) -> bool:
        """Whether each event is priced by itself."""
        return isinstance(self.spread, EachEvent)

    @property
    def event_bounds(self) -> tuple[Fraction, ...]:
        """The metered values above zero at which what an event costs turns, in one of its parts; rising."""
        return tuple(sorted({bound for model in self.models for bound in bounds_of(model, self.convert)}))

    @property
    def formula(self) -> Formula | None:
        """The formula by which several meters are priced together, if it is one."""
        return self.model if isinstance(self.model, Formula) else None

    @property
    def floors(self) -> bool:
        """Whether something costs more than the model says, also without usage."""
        return any(isinstance(each, Minimum) for each in self.adjustments)

    @property
    def is_fixed(self) -> bool:
        """Whether the price looks at no usage."""
        return self.seats is not None or not self.model.LOOKS_AT_USAGE
