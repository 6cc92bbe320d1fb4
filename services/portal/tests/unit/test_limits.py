from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.errors import Overloaded, Reason
from portal.domain.sessions import SessionKind, Wanted, begun
from portal.operations.remembered import RememberedSessions
from portal.web.answers import csv_of
from portal.web.limits import Limits


def test_a_session_may_ask_in_a_burst_and_then_at_its_rate() -> None:
    limits = Limits(requests_per_s=20, streams_max=2)

    for _ in range(40):
        limits.begin("s", 0.0)
    with pytest.raises(Overloaded) as refused:
        limits.begin("s", 0.0)
    assert refused.value.reason is Reason.RATE_LIMITED
    limits.begin("other", 0.0)
    limits.begin("s", 0.1)


def test_a_stream_that_ends_makes_room_for_another() -> None:
    limits = Limits(requests_per_s=20, streams_max=1)

    for _ in range(2):
        with limits.stream("s"), pytest.raises(Overloaded), limits.stream("s"):
            raise AssertionError


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-12.50", "-12.50"),
        ("-", "'-"),
        ("12", "12"),
        ("a=b", "a=b"),
    ],
)
def test_a_cell_is_no_formula_and_an_amount_below_zero_stays(cell: str, written: str) -> None:
    body = bytes(csv_of("x", [cell], []).body).decode()

    assert body == f"{written}\r\n"


def test_a_session_is_remembered_for_a_while_and_forgotten_when_it_is_revoked() -> None:
    session = begun("acme", "s-1", Wanted("UA", SessionKind.EMBED), "platform", datetime(2026, 1, 1, tzinfo=UTC))
    remembered = RememberedSessions(kept_s=5)
    remembered.keep(b"digest", session, 0)

    assert remembered.find(b"digest", 4.9) == session
    assert remembered.find(b"digest", 5) is None
    remembered.forget("globex", "s-1")
    assert remembered.find(b"digest", 0) == session
    remembered.forget("acme", "s-1")
    assert remembered.find(b"digest", 0) is None
