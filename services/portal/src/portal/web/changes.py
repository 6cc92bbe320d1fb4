"""A stream that says when usage has changed, so that a page asks again just then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from portal.domain.viewers import Viewer
from portal.web.parameters import BillingPeriodName
from portal.web.parts import Parts, parts_of
from portal.web.sessions import AnyViewer

router = APIRouter()
KEEP_ALIVE_S: Final = 15.0
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


@router.get("/changes", response_class=StreamingResponse)
async def changes(request: Request, viewer: AnyViewer, billing_period: BillingPeriodName = "") -> StreamingResponse:
    """Events `changed` with the names of the meters whose usage of the period has changed, one a second at most.

    Data: `{"meters": ["flights"]}`. A comment keeps the stream alive every 15 s.
    """
    parts = parts_of(request)
    stream = _stream(parts, viewer, billing_period)
    # The first part is what takes the place: a refusal must come before the answer has begun.
    first = await anext(stream)
    return StreamingResponse(_rest(first, stream), media_type="text/event-stream", headers=_HEADERS)


async def _rest(first: str, stream: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for part in stream:
        yield part


async def _stream(parts: Parts, viewer: Viewer, billing_period: str) -> AsyncIterator[str]:
    with (
        parts.limits.stream(viewer.session.id),
        parts.changes.watching(viewer, billing_period) as watch,
    ):
        yield ": watching\n\n"
        while not parts.draining.is_set() and not viewer.session.is_over(parts.deps.clock.now()):
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await watch.woken.wait()
            taken = watch.take()
            yield f"event: changed\ndata: {json.dumps({'meters': taken})}\n\n" if taken else ": alive\n\n"
