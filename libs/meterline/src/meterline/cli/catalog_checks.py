"""What can be known to be wrong with a catalogue before any service is asked: all that its documents say alone.

The services check the same and more; these checks come first so that a file with such a mistake changes nothing.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import Reason
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from meterline.cli.catalog_messages import CatalogObject


def check(objects: Sequence[CatalogObject]) -> None:
    """Raise InputError for the first mistake."""
    _check_twins(objects)
    for entry in objects:
        checker = _CHECKERS.get(entry.kind)
        if checker is not None:
            checker(entry)
    _check_overlaps([entry for entry in objects if entry.kind == "Contract"])


def _wrong(entry: CatalogObject, field: str, message: str, reason: Reason) -> InputError:
    return InputError(f"{entry.place}: spec.{field}: {message} [{reason}]")


def _check_twins(objects: Sequence[CatalogObject]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in objects:
        first = seen.setdefault((entry.kind, entry.name), entry.place)
        if first != entry.place:
            raise InputError(f"{entry.place}: {entry.kind} {entry.name} is given twice; the first is in {first}")


def _check_meter(entry: CatalogObject) -> None:
    counts = entry.spec["aggregation"] == "COUNT"
    if counts and "value" in entry.spec:
        raise _wrong(entry, "value", "COUNT counts events and looks at no value; leave it out", Reason.METER_INVALID)
    if not counts and "value" not in entry.spec:
        message = f"name the property that {entry.spec['aggregation']} looks at"
        raise _wrong(entry, "value", message, Reason.METER_INVALID)


def _check_plan(entry: CatalogObject) -> None:
    names: set[str] = set()
    for number, item in enumerate(entry.spec["items"]):
        if item["name"] in names:
            message = f"the name {item['name']!r} stands twice; invoice lines are told apart by it"
            raise _wrong(entry, f"items.{number}.name", message, Reason.PLAN_INVALID)
        names.add(item["name"])
        price: Mapping[str, Any] = item.get("price", {})
        for model in ("graduated", "volume"):
            if model in price:
                _check_tiers(entry, f"items.{number}.price.{model}.tiers", price[model]["tiers"])
        if "package" in price and Decimal(price["package"]["size"]) == 0:
            message = "a block must hold more than zero units"
            raise _wrong(entry, f"items.{number}.price.package.size", message, Reason.PRICE_INVALID)


def _check_tiers(entry: CatalogObject, path: str, tiers: Sequence[Mapping[str, str]]) -> None:
    last = len(tiers) - 1
    for number, tier in enumerate(tiers):
        if number < last and "upTo" not in tier:
            message = "only the last tier is without an upper bound"
            raise _wrong(entry, f"{path}.{number}", message, Reason.TIERS_INVALID)
    if "upTo" in tiers[last]:
        message = "leave the upper bound of the last tier out, so that every quantity has a price"
        raise _wrong(entry, f"{path}.{last}.upTo", message, Reason.TIERS_INVALID)
    bounds = ["0", *(tier["upTo"] for tier in tiers[:last])]
    for number, (lower, upper) in enumerate(pairwise(bounds)):
        if Decimal(upper) <= Decimal(lower):
            message = f"upper bounds must rise: {upper} follows {lower}"
            raise _wrong(entry, f"{path}.{number}.upTo", message, Reason.TIERS_INVALID)


def _check_contract(entry: CatalogObject) -> None:
    start, end = _span(entry)
    if end is not None and end <= start:
        raise _wrong(entry, "end", "must be later than the start", Reason.CONTRACT_INVALID)
    try:
        ZoneInfo(entry.spec["timeZone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{entry.spec['timeZone']!r} is no IANA time zone; an example is America/New_York"
        raise _wrong(entry, "timeZone", message, Reason.TIME_ZONE_UNKNOWN) from None


def _check_overlaps(contracts: Sequence[CatalogObject]) -> None:
    by_customer: dict[str, list[CatalogObject]] = {}
    for entry in contracts:
        by_customer.setdefault(entry.spec["customer"], []).append(entry)
    for entries in by_customer.values():
        for one, next_one in pairwise(sorted(entries, key=lambda entry: _span(entry)[0])):
            end = _span(one)[1]
            if end is None or _span(next_one)[0] < end:
                message = f"overlaps contract {one.name!r} of the same customer ({one.place}); end that one first"
                raise _wrong(next_one, "start", message, Reason.CONTRACT_OVERLAP)


def _span(entry: CatalogObject) -> tuple[date, date | None]:
    return _date(entry, "start"), _date(entry, "end") if "end" in entry.spec else None


def _date(entry: CatalogObject, field: str) -> date:
    try:
        return date.fromisoformat(entry.spec[field])
    except ValueError:
        message = f"{entry.spec[field]!r} is no date of the calendar"
        raise _wrong(entry, field, message, Reason.FIELD_INVALID) from None


_CHECKERS: Mapping[str, Callable[[CatalogObject], None]] = {
    "Meter": _check_meter,
    "Plan": _check_plan,
    "Contract": _check_contract,
}
