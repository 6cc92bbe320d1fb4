"""Seats of a contract as `meterline contract seats` sets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metering.rating.v1 import catalog_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence


def set_seats(spec: catalog_pb2.ContractSpec, item: str, count: int, day: str, *, correct: bool) -> None:
    """Set a number of seats from a day on, after those of earlier days; `correct`: in place of those of that day."""
    there = list(spec.seats)
    if correct:
        there = [one for one in there if (one.item, one.start) != (item, day)]
    if _holds(there, item, day) != (count, True):
        there.append(catalog_pb2.ContractSeats(item=item, start=day, count=count))
    there.sort(key=lambda one: one.start)
    del spec.seats[:]
    spec.seats.extend(there)


def _holds(there: Sequence[catalog_pb2.ContractSeats], item: str, day: str) -> tuple[int, bool]:
    """Return what an item has at the end of a day, and whether it was set on that day."""
    own = [one for one in there if one.item == item and one.start <= day]
    return (own[-1].count, own[-1].start == day) if own else (0, False)
