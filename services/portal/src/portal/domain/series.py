"""Rows of usage or cost as the series of a chart: each on its bucket, the largest first, the rest as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from portal.domain.exploring import Series
from portal.domain.percents import share_of
from portal.domain.views import Span

TOP_MAX: Final = 7
"""Series that are shown by themselves; there are as many colours."""
OTHER_LABEL: Final = "Other"


@dataclass(frozen=True, slots=True)
class Point:
    """What happened in one bucket of one series."""

    start: datetime
    key: str
    value: Decimal


def on_buckets(points: Iterable[Point], buckets: Sequence[Span]) -> Mapping[str, tuple[Decimal | None, ...]]:
    """Return the values of each key, one for each bucket; several points of one bucket are added up."""
    places = {bucket.start: place for place, bucket in enumerate(buckets)}
    found: dict[str, list[Decimal | None]] = defaultdict(lambda: [None] * len(buckets))
    for point in points:
        values, place = found[point.key], places[point.start]
        values[place] = point.value + (values[place] or Decimal(0))
    return {key: tuple(values) for key, values in found.items()}


def largest(totals: Mapping[str, Decimal]) -> list[str]:
    """Return the keys that are shown by themselves, the largest first. A rest of one is shown by itself, too."""
    ranked = sorted(totals, key=lambda key: (-abs(totals[key]), key))
    return ranked if len(ranked) <= TOP_MAX + 1 else ranked[:TOP_MAX]


def rest_of(totals: Sequence[Decimal | None], shown: Iterable[Sequence[Decimal | None]]) -> tuple[Decimal | None, ...]:
    """Return what the shown series leave of the totals, exactly, bucket by bucket; None where nothing happened."""
    columns = list(zip(*shown, strict=True)) or [()] * len(totals)
    return tuple(
        None if total is None else total - sum((value for value in column if value is not None), Decimal(0))
        for total, column in zip(totals, columns, strict=True)
    )


def series_of(
    values: Mapping[str, Sequence[Decimal | None]],
    totals: Mapping[str, Decimal],
    whole: Decimal | None,
    label: Callable[[str], str],
) -> tuple[Series, ...]:
    """Return series in the order of `totals`. Without a `whole`, parts do not add up, and have no share."""
    return tuple(
        Series(
            key=key,
            label=label(key),
            is_other=False,
            values=tuple(values[key]),
            total=total,
            share=None if whole is None else share_of(total, whole),
        )
        for key, total in totals.items()
    )


def other(values: Sequence[Decimal | None], total: Decimal, whole: Decimal | None) -> Series:
    """Return the series of all that is not shown by itself. Without a `whole`, parts do not add up."""
    share = None if whole is None else share_of(total, whole)
    return Series(key="", label=OTHER_LABEL, is_other=True, values=tuple(values), total=total, share=share)


def summed(columns: Sequence[Sequence[Decimal | None]], count: int) -> tuple[Decimal | None, ...]:
    """Return the sums of several series, bucket by bucket; None where nothing happened in any."""
    return tuple(_sum([column[place] for column in columns]) for place in range(count))


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known else None
