"""What a correction gives back to a lot that has expired since: it goes on as a lot of its own, for a month.

Without it the customer would lose what it never used, because a mistake was found late. The amount leaves the expired
lot as a draw that is of no period, so it is never there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from money import ZERO, exact_arithmetic
from rating.domain.draws import Draw
from rating.domain.wallets import Lot

GOOD_FOR: Final = timedelta(days=30)
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A lot that goes on, the draw by which it leaves the one that has expired, and that one."""

    lot: Lot
    leaves: Draw
    of: str


def given_back(
    changes: Mapping[str, Sequence[Draw]], lots: Iterable[Lot], today: date, now: datetime, numbers_from: int
) -> list[GivenBack]:
    """Return what changes of draws give back to lots that have expired, and were not taken back."""
    found: list[GivenBack] = []
    for lot in lots:
        with exact_arithmetic():
            back = -sum((draw.amount for draw in changes.get(lot.id, ())), ZERO)
        if back > ZERO and lot.voided is None and lot.until is not None and lot.until <= today:
            number = numbers_from + len(found)
            # The identity follows from the number, which no other lot of the customer has.
            goes_on = replace(
                lot,
                id=f"{lot.id}.{number}",
                number=number,
                amount=back,
                first_day=today,
                until=today + GOOD_FOR,
                granted_at=now,
            )
            last = lot.until - _ONE_DAY
            found.append(GivenBack(goes_on, Draw(f"Goes on as lot {number}", last, last, back), lot.id))
    return found
