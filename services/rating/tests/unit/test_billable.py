"""Whatever contract is accepted can be billed: its periods hold time, lie on the grid of usage and leave no gap."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import (
    Schedule,
    check_billable,
    contract_span,
    labels_from,
    last_label,
    parse_day,
    period_labelled,
    starts_from,
)
from rating.domain.zone_days import GRID, local_midnight, unfit_days

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime", "Factory", "posixrules"})
ODD_ZONES = [
    "Africa/Monrovia",
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "Pacific/Fakaofo",
    "Pacific/Kwajalein",
    "Pacific/Kanton",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Toronto",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Asia/Beirut",
]


def schedule(zone: str, start: str, end: str | None = None, anchor_day: int | None = None) -> Schedule:
    first = date.fromisoformat(start)
    return Schedule(first, date.fromisoformat(end) if end else None, anchor_day or first.day, zone)


@pytest.mark.parametrize(
    ("contract", "field", "words"),
    [
        (
            schedule("Pacific/Apia", "2011-12-30", "2011-12-31"),
            "start",
            "skipped.*; end on 2012-01-01 or later$",
        ),
        (schedule("Pacific/Fakaofo", "2011-12-30", "2011-12-31"), "start", "skipped 2011-12-30"),
        (schedule("Pacific/Kwajalein", "1993-08-21", "1993-08-22"), "start", "skipped 1993-08-21"),
        (schedule("Pacific/Kanton", "1994-12-31", "1995-01-01"), "start", "skipped 1994-12-31"),
        (schedule("Pacific/Kiritimati", "1994-12-31", "1995-01-01"), "start", "skipped 1994-12-31"),
        # The first period, cut by the start, and the last one, cut by the end, are the skipped day alone.
        (schedule("Pacific/Apia", "2011-12-30", None, 31), "start", "start on 2011-12-31"),
        (schedule("Pacific/Apia", "2011-01-30", "2011-12-31", 30), "end", "from 2011-12-30 .* end on 2011-12-30"),
        (schedule("Africa/Monrovia", "1971-11-01", "1972-03-01"), "start", "before 1972-01-08 begin between"),
        # To start on the grid would be to start after the end: another time zone is all that helps.
        (schedule("Africa/Monrovia", "1971-11-01", "1972-01-05"), "start", "two of them; take another time zone$"),
        (schedule("Africa/Monrovia", "1971-11-01", "1972-01-08"), "start", "two of them; take another time zone$"),
        (schedule("Africa/Monrovia", "1972-01-07"), "start", "start on 1972-01-08 or later"),
        (schedule("Pacific/Kiritimati", "1979-09-30"), "start", "start on 1979-10-02 or later"),
    ],
)
def test_a_contract_that_could_never_be_billed_is_refused(contract: Schedule, field: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        check_billable(contract)

    assert (caught.value.field, caught.value.reason) == (field, Reason.CONTRACT_INVALID)


@pytest.mark.parametrize(
    "contract",
    [
        schedule("Pacific/Apia", "2011-12-30", "2012-01-01"),
        schedule("Pacific/Apia", "2011-12-29", "2011-12-31"),
        schedule("Pacific/Apia", "2011-12-31", "2012-01-31"),
        schedule("Pacific/Apia", "2011-01-30", None, 30),
        schedule("Africa/Monrovia", "1972-01-08"),
        schedule("Pacific/Kiritimati", "1979-10-02", "1979-10-03"),
        schedule("America/Sao_Paulo", "2013-10-20", "2013-10-21"),
        schedule("America/Havana", "2013-11-03", "2013-11-04"),
        schedule("UTC", "1970-01-01"),
    ],
)
def test_a_contract_beside_such_days_is_accepted(contract: Schedule) -> None:
    check_billable(contract)


def test_the_days_that_are_unfit_are_found_in_every_zone_as_if_all_time_were_looked_at() -> None:
    """Offsets of every zone, every five days: an odd one, or one that jumps by half a day to the next."""
    step = timedelta(days=5)
    instants = [EPOCH + step * number for number in range(73 * 68)]
    for name in ZONES:
        zone = ZoneInfo(name)
        offsets = [instant.astimezone(zone).utcoffset() or timedelta() for instant in instants]
        odd = [instant.date() for instant, offset in zip(instants, offsets, strict=True) if offset % GRID]
        jumps = [
            instant.date()
            for instant, (offset, following) in zip(instants, pairwise(offsets), strict=False)
            if following - offset >= timedelta(hours=12)
        ]

        unfit = unfit_days(zone)

        assert set(odd) <= {*unfit.off_grid}, name
        assert abs(len(odd) * step.days - len(unfit.off_grid)) <= 2 * step.days, name
        assert len(unfit.skipped) == len(jumps), name
        for day, jump in zip(unfit.skipped, jumps, strict=True):
            assert timedelta(0) <= day - jump <= step, name


@settings(max_examples=300)
@given(
    st.sampled_from(ODD_ZONES) | st.sampled_from(ZONES),
    st.dates(date(1970, 1, 1), date(2045, 1, 1)),
    st.none() | st.integers(1, 1500) | st.integers(1, 3),
    st.integers(1, 31),
)
@example("Pacific/Apia", date(1970, 1, 1), None, 2)
def test_whatever_is_accepted_can_be_billed(zone: str, start: date, days: int | None, anchor_day: int) -> None:
    contract = Schedule(start, None if days is None else start + timedelta(days=days), anchor_day, zone)
    try:
        check_billable(contract)
    except Refused:
        unfit = unfit_days(ZoneInfo(zone))
        assert unfit.off_grid_in(start, contract.end) or unfit.skipped_in(start, contract.end)
        assume(False)

    labels = list(islice(labels_from(contract, contract.start), 60))
    periods = [period_labelled(contract, label) for label in labels]

    at, end = contract_span(contract)
    for period in periods:
        assert period is not None
        # Without gap or overlap, never empty, and on the grid, as is each day inside that is sealed by itself.
        assert period.start == at
        assert period.start < period.end
        assert starts_from(contract, period.start) is not None
        assert not (period.start - EPOCH) % GRID
        assert not (period.end - EPOCH) % GRID
        at = period.end
    if end is not None and len(labels) < 60:
        assert at == end
        assert last_label(contract) == labels[-1]
    for number in range(min(days or 400, 400)):
        assert not (local_midnight(start + timedelta(days=number), ZoneInfo(zone)) - EPOCH) % GRID


@given(
    st.sampled_from(ODD_ZONES), st.dates(date(2010, 1, 1), date(2030, 1, 1)), st.integers(1, 31), st.integers(0, 900)
)
def test_the_first_start_from_a_day_is_that_of_the_first_period_from_it(
    zone: str, start: date, anchor_day: int, days: int
) -> None:
    contract = Schedule(start, start + timedelta(days=800), anchor_day, zone)
    since = local_midnight(start + timedelta(days=days), ZoneInfo(zone))
    periods = [period_labelled(contract, label) for label in labels_from(contract, contract.start)]

    found = starts_from(contract, since)

    starts = [period.start for period in periods if period is not None and period.start >= since]
    assert (None if found is None else local_midnight(found, ZoneInfo(zone))) == (starts[0] if starts else None)
    assert found is None or found.day in {min(anchor_day, monthrange(found.year, found.month)[1]), start.day}


@pytest.mark.parametrize("text", ["2024-02-30", "2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "0000-01-01"])
def test_a_day_that_no_calendar_has_is_told_as_that_and_not_as_one_written_badly(text: str) -> None:
    with pytest.raises(Refused, match=f"^start: the calendar has no day {text}$|^the calendar has no day {text}$"):
        parse_day("start", text)


@pytest.mark.parametrize("text", ["2024-2-3", "20240203", "2024-W05-6", "2024-02-03 ", "\u0662024-02-03", ""])
def test_a_day_that_is_written_badly_is_told_how_to_write_it(text: str) -> None:
    with pytest.raises(Refused, match="is not a day; write it as 2013-01-31"):
        parse_day("start", text)
