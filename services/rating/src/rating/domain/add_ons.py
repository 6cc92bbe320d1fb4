"""Add-ons: contracts beside another one of the same customer, in its periods, that end with it at the latest."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import Schedule
from rating.domain.boundaries import counts_months
from rating.domain.contracts import Contract

_BOUNDARIES: Final = 24
"""Among so many, one has the day of the month that all are counted from, if any has."""


def as_add_on(wanted: Contract, base: Contract) -> Contract:
    """Return an add-on with what it has of its base: without an end of its own it ends with that.

    Raises Refused for one that is not of the base's customer and periods, or outlives it.
    """
    if base.extends:
        message = f"{wanted.extends!r} is an add-on itself; name {base.extends!r}, which it extends"
        raise Refused("extends", Reason.CONTRACT_INVALID, message)
    _check_alike(wanted, base)
    schedule, its = wanted.schedule, base.schedule
    if schedule.start < its.start or (its.end is not None and schedule.start >= its.end):
        message = f"must be a day of {wanted.extends!r}, which it extends: {_days(its)}"
        raise Refused("start", Reason.CONTRACT_INVALID, message)
    if its.end is not None and schedule.end is not None and schedule.end > its.end:
        message = f"must not be later than that of {wanted.extends!r}, {its.end}; leave it out to end with it"
        raise Refused("end", Reason.CONTRACT_INVALID, message)
    return replace(wanted, schedule=replace(schedule, end=schedule.end or its.end))


def ended_with(add_on: Contract, before: Contract, base: Contract) -> Contract:
    """Return an add-on as the new version of its base leaves it: unchanged, or with that version's end.

    One that ended with the base `before` does so now; any other one ends with it if it would outlive it.
    """
    end, until = add_on.schedule.end, base.schedule.end
    outlives = until is not None and (end is None or end > until)
    if end != before.schedule.end and not outlives:
        return add_on
    return replace(add_on, schedule=replace(add_on.schedule, end=until))


def _check_alike(wanted: Contract, base: Contract) -> None:
    own, its = wanted.schedule, base.schedule
    for field, given, is_there in (
        ("customer", wanted.customer, base.customer),
        ("time_zone", own.zone, its.zone),
        ("interval", own.interval, its.interval),
        ("every", own.every, its.every),
    ):
        if given != is_there:
            message = f"must be {is_there}, as {wanted.extends!r} has it, which it extends"
            raise Refused(field, Reason.CONTRACT_INVALID, message)
    first = its.boundaries.day(0)
    if own.boundaries.day(own.boundaries.number_at(first)) != first or own.anchor_day != its.anchor_day:
        message = f"gives other periods than {wanted.extends!r} has, which it extends; write {anchor_of(its)}"
        raise Refused("anchor", Reason.CONTRACT_INVALID, message)


def anchor_of(schedule: Schedule) -> str:
    """Return how another contract names the days on which periods of a schedule begin, for people."""
    days = (schedule.boundaries.day(number) for number in range(_BOUNDARIES))
    whole = [day for day in days if day.day == schedule.anchor_day or not counts_months(schedule.interval)]
    return f"anchor: {whole[0]}" if whole else f"anchorDay: {schedule.anchor_day}"


def _days(schedule: Schedule) -> str:
    return f"{schedule.start} or later" + ("" if schedule.end is None else f", before {schedule.end}")
