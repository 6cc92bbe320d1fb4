"""Why a plan can't be priced: what it needs of a meter is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rating.domain.pricing.bands import BAND, bounds_said
from rating.domain.pricing.each_event import bounds_of

if TYPE_CHECKING:
    from rating.domain.plans import PlanItem


class MissingMeterError(LookupError):
    """A plan prices a meter that the aggregator does not have: its usage is unknown, which is not zero."""

    def __init__(self, item: str, meter: str) -> None:
        super().__init__(f"item {item!r} prices the meter {meter!r}, which does not exist; apply the meter first")
        self.meter = meter


class NotByGroupError(LookupError):
    """A plan prices a meter by values of properties, and its groups say nothing of the whole."""

    def __init__(self, item: str, meter: str) -> None:
        super().__init__(
            f"item {item!r} prices the meter {meter!r} by values of properties, which only meters that sum or count "
            "have; price such a meter, or the whole of this one"
        )


class NotByBandError(NotByGroupError):
    """A plan prices each event of a meter, and the meter does not tell their values apart as the price needs it."""

    def __init__(self, item: PlanItem) -> None:
        bounds = bounds_said(bounds_of(item.price.model, item.price.convert))
        LookupError.__init__(
            self,
            f"item {item.name!r} prices each event of the meter {item.meter!r} by itself, so the meter must tell their "
            f"values apart: apply it with bands: {bounds} (others may stand beside them) and with {BAND!r} in its "
            "groupBy, effective from before the period",
        )


class NotToldApartError(NotByGroupError):
    """A plan prices a meter by values of properties, and the meter has more groups than it tells apart."""

    def __init__(self, item: str, meter: str) -> None:
        LookupError.__init__(
            self,
            f"item {item!r} prices the meter {meter!r} by values of properties, and some of this usage is in groups "
            "that the meter does not tell apart, since it has too many; have the operator raise METER_GROUPS_MAX and "
            "rebuild the meter, or let it group by fewer properties",
        )
