"""The tables as the service's role may use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.postgres import open_engine, transaction
from portal.domain.profiles import Labels, Mode, Preset, Profile, UnitNames, WindowFloor
from portal.domain.sessions import PageName, SessionKind, Wanted, begun, redeemed
from portal.store import profiles, sessions
from testkit.postgres import DatabaseMaker

SETTINGS = SimpleNamespace(pool_size=4, statement_timeout_s=15.0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_rows_come_back_as_they_were_and_facts_stay(fresh_database: DatabaseMaker) -> None:
    database = await fresh_database("portal")
    engine = open_engine(database.dsn, SETTINGS)
    profile = Profile(
        version=1,
        accent="#123456",
        series=("#2a5bd7",),
        logo_png=b"\x89PNG",
        font="Inter",
        radius_px=3,
        mode=Mode.DARK,
        texts={"en": {"help": "Ask “us”"}},
        pages=(PageName.USAGE,),
        window_floor=WindowFloor.DAY,
        hidden_properties=("secret",),
        hidden_meters=("internal",),
        seller_name="Acme",
        hidden_items=("Discount, partners",),
        any_property=True,
        shows_correction_reasons=True,
        presets=(Preset("By airport", "/usage?groupBy=origin"),),
        labels=Labels({"m": "M"}, {"i": "I"}, {"p": "P"}, {"p": {"v": "V"}}, {"u": UnitNames("one", "many")}),
        trace_link="https://t.example.com/{traceId}",
        allowed_origins=("https://app.example.com",),
        created_at=NOW,
    )
    link = begun("acme", "s-1", Wanted("UA", SessionKind.LINK, (PageName.USAGE,), "en", reason="why"), "who", NOW)
    async with transaction(engine) as conn:
        await profiles.add_profile(conn, "acme", profile)
        await sessions.add_session(conn, link, b"c" * 32)

        assert await profiles.newest_profile(conn, "acme") == profile
        assert await profiles.is_allowed_origin(conn, "https://app.example.com")
        assert not await profiles.is_allowed_origin(conn, "https://other.example.com")
        assert await sessions.session_with_secret(conn, b"c" * 32) is None
        assert await sessions.lock_session_with_code(conn, b"c" * 32) == link
        await sessions.redeem_session(conn, redeemed(link, NOW), b"k" * 32)
        assert await sessions.session_with_secret(conn, b"k" * 32) == redeemed(link, NOW)

        assert await sessions.forget_sessions(conn, NOW + timedelta(hours=12)) == 0
        assert await sessions.forget_sessions(conn, NOW + timedelta(hours=13)) == 1
    for statement in ("UPDATE profile SET version = 2", "DELETE FROM profile"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(engine) as conn:
                await conn.execute(text(statement))
    await engine.dispose()


async def test_a_version_that_was_replaced_allows_nothing_any_more(fresh_database: DatabaseMaker) -> None:
    database = await fresh_database("portal")
    engine = open_engine(database.dsn, SETTINGS)
    async with transaction(engine) as conn:
        for version, origins in ((1, ("https://app.example.com",)), (2, ())):
            await profiles.add_profile(conn, "acme", Profile(version=version, allowed_origins=origins, created_at=NOW))
        assert not await profiles.is_allowed_origin(conn, "https://app.example.com")
        assert list(await profiles.profile_versions(conn, "acme")) == [2, 1]
    await engine.dispose()


async def test_what_is_tried_goes_with_its_session(fresh_database: DatabaseMaker) -> None:
    database = await fresh_database("portal")
    engine = open_engine(database.dsn, SETTINGS)
    saved, tried = Profile(version=1, created_at=NOW), Profile(seller_name="Unsaved", created_at=NOW)
    ends = NOW + timedelta(minutes=10)
    async with transaction(engine) as conn:
        await profiles.add_profile(conn, "acme", saved)
        for name in ("ends", "revoked"):
            session = begun("acme", name, Wanted("UA", SessionKind.EMBED), "who", NOW)
            await sessions.add_session(conn, session, name.encode().ljust(32))
            await profiles.try_profile(conn, "acme", name, tried)

        assert await profiles.profile_on_pages(conn, "acme", "ends") == tried
        assert await profiles.profile_on_pages(conn, "acme", "another") == saved
        assert await profiles.profile_on_pages(conn, "other", "ends") is None
        await sessions.revoke_session(conn, "acme", "revoked", NOW)
        assert await profiles.forget_tried_profiles(conn, NOW) == 1
        assert await profiles.forget_tried_profiles(conn, ends) == 1
        assert await profiles.profile_on_pages(conn, "acme", "ends") == saved
        await profiles.try_profile(conn, "acme", "ends", tried)
        assert await sessions.forget_sessions(conn, ends + timedelta(seconds=1)) == 2
        assert (await conn.execute(text("SELECT count(*) FROM tried_profile"))).scalar_one() == 0
    await engine.dispose()
