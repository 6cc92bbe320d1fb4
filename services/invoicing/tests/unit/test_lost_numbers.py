"""Lost numbers as a link of the chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from chassis.errors.refused import Refused
from invoicing.domain.audits import Audit, Problem, ProblemCode
from invoicing.domain.invoices import SeriesState
from invoicing.domain.lost_numbers import LostNumbers, lost_after
from invoicing.domain.numbering import invoice_number, read_number

MOMENT = datetime(2025, 2, 1, 12, tzinfo=UTC)
END = SeriesState(3, bytes(range(32)))


def lost(last_sequence: int = 5, end: SeriesState = END, **said: Any) -> LostNumbers:
    told = {"reason": "restored", "stated_by": "olga", "stated_at": MOMENT, "hold": 0, **said}
    return lost_after(end, "INV", last_sequence, **told)


@pytest.mark.parametrize(
    "changed",
    [
        {"prefix": "OTHER"},
        {"first_sequence": 5},
        {"last_sequence": 6},
        {"reason": ""},
        {"stated_by": "otto"},
        {"stated_at": MOMENT + timedelta(microseconds=1)},
        {"previous_chain": bytes(32)},
        {"chain": bytes(32)},
    ],
)
def test_whatever_is_said_of_lost_numbers_is_covered_by_the_chain(changed: dict[str, Any]) -> None:
    assert lost().is_as_stated
    assert not replace(lost(), **changed).is_as_stated


def test_the_zone_in_which_the_time_is_written_does_not_matter() -> None:
    assert replace(lost(), stated_at=MOMENT.astimezone(timezone(timedelta(hours=5)))).is_as_stated


def test_that_none_was_lost_leaves_the_chain_as_it_is() -> None:
    none = lost(END.sequence)

    assert (none.is_empty, none.chain, none.is_as_stated) == (True, END.chain, True)


def test_a_gap_at_the_end_of_a_series_is_gone_over() -> None:
    gap = lost(2, SeriesState())
    audit = Audit({"INV": [SeriesState(2, gap.chain)]})

    audit.finish([gap])

    assert (audit.problems, audit.lost, audit.head_chain) == ([], [gap], gap.chain)


def test_a_gap_that_belongs_nowhere_is_a_problem_unless_it_is_newer_than_the_check() -> None:
    claimed = {"INV": [SeriesState(2, lost(2, SeriesState()).chain)]}
    audit, later = Audit(claimed), Audit({"INV": [SeriesState()]})

    audit.finish([lost(2, SeriesState()), lost(2, SeriesState(1))])
    later.finish([lost(5)])

    assert audit.problems == [Problem(ProblemCode.LOST_DIFFERS, "INV-000002")]
    assert later.problems == []


@pytest.mark.parametrize("sequence", [1, 17, 999_999, 1_000_000, 123_456_789_012])
@pytest.mark.parametrize("prefix", ["INV", "A-1", "A-000001"])
def test_a_number_that_was_written_is_read(prefix: str, sequence: int) -> None:
    assert read_number(invoice_number(prefix, sequence)) == (prefix, sequence)


@pytest.mark.parametrize(
    "text", ["", "INV", "INV-", "INV-1", "INV-000000", "INV-0000001", "\N{CYRILLIC CAPITAL LETTER A}-000001"]
)
def test_what_was_never_written_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="such as INV-000017"):
        read_number(text)
