"""What the routers work with; made once per process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from chassis.auth import TokenVerifier
from portal.operations.changes import Changes
from portal.operations.deps import Deps
from portal.web.assets import Assets
from portal.web.limits import Limits
from portal.web.own_calls import OwnCalls


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routers work with. `origin` is that of the portal's own pages."""

    deps: Deps
    limits: Limits
    verifier: TokenVerifier
    changes: Changes
    own_calls: OwnCalls
    assets: Assets
    origin: str
    draining: asyncio.Event
    """Set when the process ends: streams end then, so that their readers go elsewhere."""


def parts_of(request: Request) -> Parts:
    """Return what the app was made with."""
    return cast("Parts", request.app.state.parts)
