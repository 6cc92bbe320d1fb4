"""Who looks: the session that a secret opens, under the profile of its tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.identity import Identity, Scope, set_identity
from portal.domain.viewers import Viewer
from portal.operations.profiles import profile_on_pages
from portal.operations.sessions import session_of

if TYPE_CHECKING:
    from portal.operations.deps import Deps


async def viewer_of(deps: Deps, secret: str) -> Viewer:
    """Return who looks, and act for the customer of the session for the rest of this task. Raises Unauthenticated."""
    session = await session_of(deps, secret)
    act_for(session.tenant, session.customer)
    return Viewer(session, await profile_on_pages(deps, session))


def act_for(tenant: str, customer: str) -> None:
    """Make every call of this task to another service one for that customer alone."""
    set_identity(Identity(tenant, "portal", frozenset({Scope.READ}), customer=customer, acts_for_customers=True))
