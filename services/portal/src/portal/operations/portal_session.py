"""What a page is told first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chassis.errors import NotFound
from portal.domain.periods import find
from portal.domain.portal_session import ActingFor, Branding, LabelSet, Party, PortalSession, UnitLabel
from portal.domain.sessions import SessionKind
from portal.operations.seldom import periods_of

if TYPE_CHECKING:
    from portal.domain.periods import ContractPeriod
    from portal.domain.profiles import Labels, Profile
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def get_portal_session(deps: Deps, viewer: Viewer, chosen: str, usual: str) -> PortalSession:
    """Return whose pages a session shows, and how they look.

    Texts are those of the locale that the reader has chosen, else of the session's, else of the reader's usual one.
    """
    periods, name = await asyncio.gather(periods_of(deps, viewer), _customer_name(deps, viewer.customer))
    newest = find(periods, "", deps.clock.now())
    session, profile = viewer.session, viewer.profile
    acting = ActingFor(operator=session.created_by, reason=session.reason)
    return PortalSession(
        customer=Party(key=viewer.customer, name=name),
        seller=await _seller(deps, viewer, newest),
        views=viewer.pages(),
        locale=session.locale or None,
        time_zone="UTC" if newest is None else newest.time_zone,
        currency="" if newest is None else newest.currency,
        mode=profile.mode,
        branding=branding_of(profile),
        texts=profile.texts_for(chosen or session.locale or usual or "en"),
        labels=_labels(profile.labels),
        window_min=profile.window_floor,
        trace_link=profile.trace_link or None,
        expires_at=session.ends_at(),
        kind=session.kind,
        acting_for=acting if session.kind is SessionKind.OPERATOR else None,
    )


def branding_of(profile: Profile) -> Branding:
    """Return how pages look by a profile."""
    return Branding(
        accent=profile.accent,
        accent_dark=profile.accent_dark,
        accent_ink=profile.accent_ink(),
        logo_url=f"/branding/logo-{profile.version}.png" if profile.logo_png else None,
        font=profile.font or None,
        radius=profile.radius_px,
        series=profile.series,
    )


async def _customer_name(deps: Deps, customer: str) -> str:
    """Return the customer's name; one that the catalog does not know has its key alone."""
    try:
        return await deps.rating.customer_name(customer) or customer
    except NotFound:
        return customer


async def _seller(deps: Deps, viewer: Viewer, newest: ContractPeriod | None) -> str:
    """Return the seller as the profile names it, or else the customer's newest invoice, or else the draft."""
    if viewer.profile.seller_name:
        return viewer.profile.seller_name
    page = await deps.invoicing.invoices(viewer.customer, "", 1)
    if page.invoices:
        return page.invoices[0].seller
    if newest is None:
        return ""
    return (await deps.invoicing.preview(newest.contract, newest.billing_period)).seller


def _labels(labels: Labels) -> LabelSet:
    return LabelSet(
        meters=labels.meters,
        items=labels.items,
        properties=labels.properties,
        values=labels.values,
        units={unit: UnitLabel(one=names.one, other=names.other) for unit, names in labels.units.items()},
    )
