"""When a change of a count is charged, of what has a price for each seat and period."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.stairstep import Stairstep
from rating.domain.pricing.volume import Volume

if TYPE_CHECKING:
    from rating.domain.pricing.model import PriceModel
    from rating.domain.seats import SeatDays, SeatRun

MODELS_OF_SEATS: Final[tuple[type[PriceModel], ...]] = (PerUnit, Graduated, Volume, Package, Stairstep)
"""What may say what a count costs."""


class SeatChange(StrEnum):
    """From when another count is charged; the names are those of the contract, without its prefix."""

    PRORATED = "PRORATED"
    NEXT_PERIOD = "NEXT_PERIOD"


@dataclass(frozen=True, slots=True)
class SeatRule:
    """From when a higher count is charged, and from when a lower one."""

    increase: SeatChange = SeatChange.PRORATED
    decrease: SeatChange = SeatChange.NEXT_PERIOD

    def charged(self, run: SeatRun, of: SeatDays) -> int:
        """Return how many seats are charged on the days of a run."""
        waits = self.increase is SeatChange.NEXT_PERIOD
        if self.decrease is SeatChange.NEXT_PERIOD:
            return of.opening if waits else run.peak
        return min(run.count, of.opening) if waits else run.count

    @property
    def said(self) -> str:
        """Say from when changes are charged."""
        whens = {SeatChange.PRORATED: "from its day on", SeatChange.NEXT_PERIOD: "from the next period on"}
        return (
            "Each day costs its share of that for the seats it has: more are charged "
            f"{whens[self.increase]}, fewer {whens[self.decrease]}."
        )


def check_model_of_seats(model: PriceModel) -> None:
    """Refuse a model that prices no count."""
    if not isinstance(model, MODELS_OF_SEATS):
        raise Refused("seats", Reason.PRICE_INVALID, "have a price by their count; write a ladder or a price per unit")
