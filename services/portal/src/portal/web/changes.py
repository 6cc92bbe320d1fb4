"""A stream that says when usage has changed, so that a page asks again just then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
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

    Data: `{"meters": ["flights"]}`. Every 15 s without one an event `alive` says up to when nothing has changed since:
    `{"completeUntil": "2026-11-27T18:00:00Z"}`, null where that is not known.
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
            yield (
                _event("changed", meters=taken) if taken else _event("alive", completeUntil=_text(watch.complete_until))
            )


def _event(name: str, **data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")
