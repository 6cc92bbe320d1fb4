"""Versions of the portal's profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import RowMapping, text

from portal.domain.profiles import Labels, Mode, Preset, Profile, UnitNames, WindowFloor
from portal.domain.sessions import PageName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

_PROFILES: Final = "SELECT version, content, logo_png, created_at FROM profile WHERE tenant = :tenant"


async def newest_profile(conn: AsyncConnection, tenant: str) -> Profile | None:
    """Return the newest version of a tenant's profile."""
    row = (
        (await conn.execute(text(f"{_PROFILES} ORDER BY version DESC LIMIT 1"), {"tenant": tenant})).mappings().first()
    )
    return None if row is None else _profile(row)


async def profile_on_pages(conn: AsyncConnection, tenant: str, session_id: str) -> Profile | None:
    """Return the profile that the pages of a session follow: the one that is tried on them, else the newest."""
    query = text(
        """
        SELECT version, content, logo_png, created_at FROM (
            SELECT 0 AS version, content, logo_png, created_at, true AS is_tried FROM tried_profile
            WHERE tenant = :tenant AND session_id = :session_id
            UNION ALL
            (
                SELECT version, content, logo_png, created_at, false FROM profile
                WHERE tenant = :tenant ORDER BY version DESC LIMIT 1
            )
        ) AS either
        ORDER BY is_tried DESC LIMIT 1
        """
    )
    row = (await conn.execute(query, {"tenant": tenant, "session_id": session_id})).mappings().first()
    return None if row is None else _profile(row)


async def profile_version(conn: AsyncConnection, tenant: str, version: int) -> Profile | None:
    """Return one version of a tenant's profile."""
    query = text(f"{_PROFILES} AND version = CAST(:version AS bigint)")
    row = (await conn.execute(query, {"tenant": tenant, "version": version})).mappings().first()
    return None if row is None else _profile(row)


async def profile_versions(conn: AsyncConnection, tenant: str) -> Sequence[int]:
    """Return the numbers of all versions of a tenant's profile, the newest first."""
    query = text("SELECT version FROM profile WHERE tenant = :tenant ORDER BY version DESC")
    return (await conn.execute(query, {"tenant": tenant})).scalars().all()


async def lock_profile(conn: AsyncConnection, tenant: str) -> None:
    """Let one transaction at a time decide on a tenant's next version; held until commit."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('portal_profile/' || :tenant, 0))"), {"tenant": tenant}
    )


async def add_profile(conn: AsyncConnection, tenant: str, profile: Profile) -> None:
    """Add a version of the profile."""
    statement = text(
        """
        INSERT INTO profile (tenant, version, content, logo_png, created_at)
        VALUES (:tenant, :version, CAST(:content AS jsonb), :logo_png, :created_at)
        """
    )
    parameters = {
        "tenant": tenant,
        "version": profile.version,
        "content": json.dumps(_content(profile)),
        "logo_png": profile.logo_png,
        "created_at": profile.created_at,
    }
    await conn.execute(statement, parameters)


def _content(profile: Profile) -> Mapping[str, Any]:
    """Return all of a profile but its logo, as JSON."""
    labels = profile.labels
    return {
        "seller_name": profile.seller_name,
        "accent": profile.accent,
        "accent_dark": profile.accent_dark,
        "series": list(profile.series),
        "font": profile.font,
        "radius_px": profile.radius_px,
        "mode": profile.mode,
        "texts": {locale: dict(texts) for locale, texts in profile.texts.items()},
        "pages": list(profile.pages),
        "window_floor": profile.window_floor,
        "hidden_properties": list(profile.hidden_properties),
        "hidden_meters": list(profile.hidden_meters),
        "hidden_items": list(profile.hidden_items),
        "presets": [[preset.name, preset.query] for preset in profile.presets],
        "any_property": profile.any_property,
        "shows_correction_reasons": profile.shows_correction_reasons,
        "labels": {
            "meters": dict(labels.meters),
            "items": dict(labels.items),
            "properties": dict(labels.properties),
            "values": {name: dict(values) for name, values in labels.values.items()},
            "units": {unit: [names.one, names.other] for unit, names in labels.units.items()},
        },
        "trace_link": profile.trace_link,
        "allowed_origins": list(profile.allowed_origins),
    }


def _profile(row: RowMapping) -> Profile:
    content = row["content"]
    labels = content["labels"]
    return Profile(
        version=row["version"],
        seller_name=content.get("seller_name", ""),
        accent=content["accent"],
        accent_dark=content["accent_dark"],
        series=tuple(content["series"]),
        logo_png=bytes(row["logo_png"]),
        font=content["font"],
        # Numbers of JSON columns are read as decimals.
        radius_px=int(content["radius_px"]),
        mode=Mode(content["mode"]),
        texts=content["texts"],
        pages=tuple(map(PageName, content["pages"])),
        window_floor=WindowFloor(content["window_floor"]),
        hidden_properties=tuple(content["hidden_properties"]),
        hidden_meters=tuple(content["hidden_meters"]),
        # Profiles of before these were there have none.
        hidden_items=tuple(content.get("hidden_items", ())),
        presets=tuple(Preset(name, query) for name, query in content.get("presets", ())),
        any_property=content.get("any_property", False),
        shows_correction_reasons=content.get("shows_correction_reasons", False),
        labels=Labels(
            meters=labels["meters"],
            items=labels["items"],
            properties=labels["properties"],
            values=labels["values"],
            units={unit: UnitNames(one, other) for unit, (one, other) in labels["units"].items()},
        ),
        trace_link=content["trace_link"],
        allowed_origins=tuple(content["allowed_origins"]),
        created_at=row["created_at"],
    )


async def try_profile(conn: AsyncConnection, tenant: str, session_id: str, profile: Profile) -> None:
    """Have the pages of a session follow a profile that is not saved, in place of what was tried on them before."""
    statement = text(
        """
        INSERT INTO tried_profile (tenant, session_id, content, logo_png, created_at)
        VALUES (:tenant, :session_id, CAST(:content AS jsonb), :logo_png, :created_at)
        ON CONFLICT (tenant, session_id) DO UPDATE
        SET content = excluded.content, logo_png = excluded.logo_png, created_at = excluded.created_at
        """
    )
    parameters = {
        "tenant": tenant,
        "session_id": session_id,
        "content": json.dumps(_content(profile)),
        "logo_png": profile.logo_png,
        "created_at": profile.created_at,
    }
    await conn.execute(statement, parameters)


async def forget_tried_profiles(conn: AsyncConnection, now: datetime) -> int:
    """Delete what was tried on the pages of sessions of all tenants that have ended; return how many."""
    statement = text(
        """
        DELETE FROM tried_profile USING session
        WHERE session.tenant = tried_profile.tenant AND session.id = tried_profile.session_id
            AND (session.expires_at <= :now OR session.revoked_at IS NOT NULL)
        """
    )
    return (await conn.execute(statement, {"now": now})).rowcount


async def is_allowed_origin(conn: AsyncConnection, origin: str) -> bool:
    """Return whether the newest profile of any tenant allows an origin."""
    query = text(
        """
        SELECT EXISTS (
            SELECT FROM (SELECT DISTINCT ON (tenant) content FROM profile ORDER BY tenant, version DESC) AS newest
            WHERE jsonb_exists(content -> 'allowed_origins', :origin)
        )
        """
    )
    return bool((await conn.execute(query, {"origin": origin})).scalar_one())
