"""Hosted links: GET shows a button and changes nothing, since mail scanners follow links; POST redeems once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from chassis.errors import MeterlineError
from portal.domain.sessions import SessionKind
from portal.operations.sessions import redeem
from portal.web.pages import rendered
from portal.web.parts import parts_of
from portal.web.problems import status_of
from portal.web.sessions import set_cookie

router = APIRouter(include_in_schema=False)
Code = Annotated[str, Path(max_length=128)]


@router.get("/l/{code}")
async def link(request: Request, code: Code) -> HTMLResponse:
    """Show the button that opens the portal. Whether the code is good is not told before."""
    return rendered(request, "link.html", code=code)


@router.post("/l/{code}")
async def opened(request: Request, code: Code) -> Response:
    """Redeem the code: the browser gets a cookie, and goes to an address without any secret in it."""
    parts = parts_of(request)
    try:
        made = await redeem(parts.deps, code)
    except MeterlineError as error:
        return rendered(request, "problem.html", status=int(status_of(error)), text=error.message)
    page = next(iter(made.session.pages), None)
    start = "/" if page is None or made.session.kind is SessionKind.OPERATOR else f"/{page.value}"
    answer = RedirectResponse(start, status_code=303)
    set_cookie(answer, made.secret)
    return answer
