"""Seats as plain JSON documents: how many a contract has, what they cost, and those that a charge is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rating.domain.pricing.seats import SeatChange, SeatRule
from rating.domain.seats import SeatCount, SeatDays, SeatRun

Document = dict[str, Any]


def count_to_document(count: SeatCount) -> Document:
    """Return a count of a contract as a document."""
    return {"item": count.item, "start": count.start.isoformat(), "count": count.count}


def count_from_document(document: Mapping[str, Any]) -> SeatCount:
    """Return a count of a contract."""
    return SeatCount(document["item"], date.fromisoformat(document["start"]), document["count"])


def rule_to_document(rule: SeatRule) -> Document:
    """Return when changes are charged as a document."""
    return {"increase": rule.increase.value, "decrease": rule.decrease.value}


def rule_from_document(document: Mapping[str, Any]) -> SeatRule:
    """Return when changes are charged."""
    return SeatRule(SeatChange(document["increase"]), SeatChange(document["decrease"]))


def days_to_document(own: Sequence[SeatDays]) -> list[Document]:
    """Return the seats of the days of a charge as a document."""
    return [
        {"item": days.item, "opening": days.opening, "runs": [_run_to_document(run) for run in days.runs]}
        for days in own
    ]


def days_from_document(documents: Sequence[Mapping[str, Any]]) -> tuple[SeatDays, ...]:
    """Return the seats of the days of a charge."""
    return tuple(
        SeatDays(one["item"], one["opening"], tuple(map(_run_from_document, one["runs"]))) for one in documents
    )


def _run_to_document(run: SeatRun) -> Document:
    first = run.first and run.first.isoformat()
    return {"first": first, "days": run.days, "count": run.count, "peak": run.peak}


def _run_from_document(document: Mapping[str, Any]) -> SeatRun:
    first = document["first"] and date.fromisoformat(document["first"])
    return SeatRun(first, document["days"], document["count"], document["peak"])
