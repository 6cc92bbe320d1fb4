from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import Forbidden, Reason, Unauthenticated
from chassis.errors.refused import Refused
from portal.domain.sessions import (
    PageName,
    Session,
    SessionKind,
    Wanted,
    begun,
    check_alive,
    check_may_see,
    is_secret,
    new_secret,
    redeemed,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def session(kind: SessionKind = SessionKind.LINK, **changed: object) -> Session:
    made = begun("acme", "s-1", Wanted("UA", kind), "platform", NOW)
    return replace(made, **changed)  # type: ignore[arg-type]


def test_secrets_differ_and_begin_so_that_scanners_find_them() -> None:
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(is_secret(secret) and secret.startswith("mlp_") and len(secret) == 47 for secret in secrets)


@pytest.mark.parametrize(
    "text", ["", "mlp_", "mlp_" + "a" * 42, "xyz_" + "a" * 43, "mlp_" + "a" * 42 + "é", "mlp_" + "a" * 44]
)
def test_what_cannot_be_a_secret_is_not_looked_up(text: str) -> None:
    assert not is_secret(text)


def test_a_session_ends_with_its_secret() -> None:
    made = session(SessionKind.EMBED)

    assert check_alive(made, NOW + timedelta(minutes=9, seconds=59)) == made
    with pytest.raises(Unauthenticated) as refused:
        check_alive(made, NOW + timedelta(minutes=10))
    assert refused.value.reason is Reason.TOKEN_EXPIRED


def test_a_cookie_ends_an_hour_after_its_last_use_and_after_twelve_hours_anyhow() -> None:
    opened = redeemed(session(), NOW)

    assert not opened.is_over(NOW + HOUR - timedelta(seconds=1))
    assert opened.is_over(NOW + HOUR)
    used = replace(opened, last_used_at=NOW + 11.5 * HOUR)
    assert not used.is_over(NOW + 12 * HOUR - timedelta(seconds=1))
    assert used.is_over(NOW + 12 * HOUR)


def test_a_revoked_session_is_over_at_once() -> None:
    with pytest.raises(Unauthenticated) as refused:
        check_alive(session(revoked_at=NOW), NOW)

    assert refused.value.reason is Reason.TOKEN_REVOKED


def test_a_session_sees_the_pages_it_was_made_for() -> None:
    narrow = session(pages=(PageName.USAGE,))

    check_may_see(narrow, PageName.USAGE)
    check_may_see(session(), PageName.INVOICES)
    with pytest.raises(Forbidden):
        check_may_see(narrow, PageName.INVOICES)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted("UA", SessionKind.EMBED, ttl=2 * HOUR), "ttl"),
        (Wanted("UA", SessionKind.EMBED, ttl=timedelta(0)), "ttl"),
        (Wanted("UA", SessionKind.EMBED, locale="English"), "locale"),
        (Wanted("UA", SessionKind.OPERATOR), "reason"),
        (Wanted("U\u200bA", SessionKind.EMBED), "customer"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_session_that_may_not_be_is_refused(wanted: Wanted, field: str) -> None:
    with pytest.raises(Refused) as refused:
        wanted.check()

    assert refused.value.field == field
