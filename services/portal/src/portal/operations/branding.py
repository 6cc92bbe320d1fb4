"""The profile for the seller's form, and how pages would look with one that is not saved."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

from chassis.errors import InvalidRequest
from chassis.errors.refused import refusals
from portal.domain.branding import Preview, ProfileProblem, verdicts_of
from portal.domain.profiles import checked
from portal.domain.sessions import SessionKind, Wanted, begun
from portal.domain.viewers import Viewer
from portal.operations.portal_session import get_portal_session
from portal.operations.viewers import act_for

if TYPE_CHECKING:
    from portal.domain.profiles import Profile
    from portal.operations.deps import Deps


async def preview_of(deps: Deps, tenant: str, customer: str, locale: str, wanted: Profile) -> Preview:
    """Return what the pages of a customer would be told first with a profile; nothing is kept of it."""
    verdicts = verdicts_of(wanted.accent, wanted.accent_dark)
    try:
        with refusals("spec"):
            sound = checked(wanted)
    except InvalidRequest as error:
        problems = tuple(
            ProfileProblem(field=found.field.removeprefix("spec."), message=found.message) for found in error.violations
        )
        return Preview(session=None, problems=problems, verdicts=verdicts, logo=None)
    act_for(tenant, customer)
    asked = Wanted(customer=customer, kind=SessionKind.EMBED, locale=locale)
    session = begun(tenant, str(uuid.uuid4()), asked, "preview", deps.clock.now())
    logo = base64.b64encode(sound.logo_png).decode() if sound.logo_png else None
    return Preview(
        session=await get_portal_session(deps, Viewer(session, sound), locale, ""),
        problems=(),
        verdicts=verdicts,
        logo=logo,
    )
