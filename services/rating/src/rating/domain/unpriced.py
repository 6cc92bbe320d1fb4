"""Why a plan can't be priced: what it needs of a meter is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rating.domain.pricing.bands import BAND, bounds_said
from rating.domain.pricing.each_event import is_told_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rating.domain.cells import Cells
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
        bounds = bounds_said(item.price.event_bounds)
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


class _Groupable(Protocol):
    """A meter, as far as it matters whether its groups add up to the whole."""

    @property
    def adds_up(self) -> bool: ...


def check_meters(items: Iterable[PlanItem], meters: Mapping[str, _Groupable]) -> None:
    """Raise `MissingMeterError` if one of the items prices a meter that there is not, `NotByGroupError`."""
    for item in items:
        for meter in item.meters:
            if meter not in meters:
                raise MissingMeterError(item.name, meter)
        if item.price.by and not meters[item.meter].adds_up:
            raise NotByGroupError(item.name, item.meter)


def check_told_apart(items: Iterable[PlanItem], cells_of: Mapping[str, Cells | None]) -> None:
    """Raise `NotToldApartError` where one of the items prices by values and usage of its meter has unknown ones."""
    for item in items:
        cells = cells_of.get(item.meter) if item.price.by else None
        if cells is not None and not cells.are_told_apart:
            raise NotToldApartError(item.name, item.meter)
        if cells is not None and item.price.is_of_events:
            check_bands(item, cells)


def check_bands(item: PlanItem, cells: Cells) -> None:
    """Raise `NotByBandError` where an item prices each event, and some are in no band in which its price is a line."""
    bounds = item.price.event_bounds
    counted = (cell.values[0] for cell in cells.along((BAND,)).cells if cell.event_count or cell.billed)
    if not all(is_told_by(label, bounds) for label in counted):
        raise NotByBandError(item)
