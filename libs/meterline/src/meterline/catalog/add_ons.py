"""Add-ons in catalog files: what they have of the contract that they extend is not written again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from metering.rating.v1 import catalog_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meterline.catalog.files import Entry

_LEFT_OUT = (0, catalog_pb2.BILLING_INTERVAL_MONTH)
"""The interval of a document that names none: the default of files."""


def fill_add_ons(entries: Iterable[Entry]) -> Iterator[str]:
    """Give the add-ons among entries what their base has; yield what keeps one from it, for people."""
    contracts = {entry.name: entry for entry in entries if entry.kind.name == "Contract"}
    for entry in contracts.values():
        spec = entry.request.spec
        if not spec.extends:
            continue
        base = contracts.get(spec.extends)
        if base is not None:
            fill_add_on(spec, base.request.spec)
        elif not spec.customer or not spec.time_zone:
            yield (
                f"{entry.place('spec.extends')}: contract {spec.extends!r} is not in the files; write it beside this "
                "one, or write customer, timeZone, interval and anchor as it has them"
            )


def fill_add_on(spec: catalog_pb2.ContractSpec, base: catalog_pb2.ContractSpec) -> None:
    """Give an add-on the customer, zone and periods of its base, where it does not say them itself."""
    spec.customer = spec.customer or base.customer
    spec.time_zone = spec.time_zone or base.time_zone
    if spec.interval in _LEFT_OUT:
        spec.interval = base.interval
    spec.every = spec.every or base.every
    if not spec.anchor and not spec.anchor_day:
        spec.anchor = base.anchor or _day_on_which_one_begins(base)
        spec.anchor_day = 0 if spec.anchor else base.anchor_day


def _day_on_which_one_begins(base: catalog_pb2.ContractSpec) -> str:
    """Return a day on which a period of a contract begins; empty where that takes more than its first month."""
    if not base.anchor_day:
        return base.start
    day = f"{base.start[:8]}{base.anchor_day:02}"
    try:
        date.fromisoformat(day)
    except ValueError:
        return ""
    return day
