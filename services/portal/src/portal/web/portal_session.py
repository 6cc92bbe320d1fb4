"""What a page is told first, and which meters and periods there are to choose from."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from portal.domain.meters import Meter
from portal.domain.periods import BillingPeriod
from portal.domain.portal_session import PortalSession
from portal.operations.meters import list_meters
from portal.operations.periods import list_periods
from portal.operations.portal_session import get_portal_session
from portal.web.answers import sent
from portal.web.parts import parts_of
from portal.web.sessions import AnyViewer

router = APIRouter()
_LOCALE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"
ReaderLocale = Annotated[
    str,
    Query(
        pattern=f"^({_LOCALE})?$",
        description="Language tag that the reader has chosen, for the seller's own texts; empty = that of the session, "
        "or else of the browser.",
        examples=["de-AT"],
    ),
]


@router.get("/session", response_model=PortalSession)
async def session(request: Request, viewer: AnyViewer, locale: ReaderLocale = "") -> Response:
    """Whose pages these are, and how they look."""
    usual = re.match(_LOCALE, request.headers.get("accept-language", ""))
    shown = await get_portal_session(parts_of(request).deps, viewer, locale, usual[0] if usual else "")
    return sent(request, shown)


@router.get("/meters", response_model=list[Meter])
async def meters(request: Request, viewer: AnyViewer) -> Response:
    """All meters that may be looked at, by name."""
    return sent(request, await list_meters(parts_of(request).deps, viewer))


@router.get("/periods", response_model=list[BillingPeriod])
async def periods(request: Request, viewer: AnyViewer) -> Response:
    """All billing periods that have begun, the newest first."""
    return sent(request, await list_periods(parts_of(request).deps, viewer))
