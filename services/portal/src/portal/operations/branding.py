"""The profile for the seller's form, and how pages would look with one that is not saved."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

from chassis.errors import Forbidden, InvalidRequest, Reason
from chassis.errors.refused import refusals
from chassis.identity import Scope, current_identity
from portal.domain.branding import Preview, ProfileProblem, verdicts_of
from portal.domain.profiles import checked
from portal.domain.sessions import SessionKind, Wanted, begun
from portal.domain.viewers import Viewer
from portal.operations.portal_session import get_portal_session
from portal.operations.profiles import Tried, try_profile
from portal.operations.viewers import act_for

if TYPE_CHECKING:
    from portal.domain.profiles import Profile
    from portal.operations.deps import Deps


async def preview_of(deps: Deps, tenant: str, customer: str, locale: str, wanted: Profile, session_id: str) -> Preview:
    """Return what the pages of a customer would be told first with a profile.

    With a session, that session's pages follow the profile as long as it lives; else nothing is kept. Raises Forbidden
    and NotFound where the session may not have it.
    """
    verdicts = verdicts_of(wanted.accent, wanted.accent_dark)
    try:
        with refusals("spec"):
            sound = checked(wanted)
    except InvalidRequest as error:
        problems = tuple(
            ProfileProblem(field=found.field.removeprefix("spec."), message=found.message) for found in error.violations
        )
        return Preview(session=None, problems=problems, verdicts=verdicts, logo=None)
    if session_id:
        await _try_on(deps, tenant, session_id, Tried(sound, customer, current_identity().subject))
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


async def _try_on(deps: Deps, tenant: str, session_id: str, tried: Tried) -> None:
    """Try a profile on a session. Who may not save it may not try it either: it could show what is hidden."""
    if Scope.ADMIN not in current_identity().scopes:
        message = "trying a profile on a session needs a token with the scope admin; leave the session out without one"
        raise Forbidden(Reason.SCOPE_MISSING, message)
    await try_profile(deps, tenant, session_id, tried)
