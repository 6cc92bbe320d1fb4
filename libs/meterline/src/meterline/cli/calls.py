"""Calls to the services: on one event loop, repeated while a service is away, and page by page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chassis.errors import DeadlineExceeded, Overloaded, Unavailable
from meterline.cli.options import CALL_REASON
from meterline.cli.running import run
from meterline.client import AsyncClient, ClientSettings
from meterline.suite import context as contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from chassis.errors import MeterlineError

T = TypeVar("T")

PAGE_ROWS: Final = 1000
RETRY_S: Final = 120.0
_CALL_S: Final = 30.0
_RETRY_PAUSE_MAX_S: Final = 2.0
_RETRIED: Final = (Unavailable, Overloaded, DeadlineExceeded)


def call_services(command: Callable[[AsyncClient], Awaitable[T]], context: Path | None) -> T:
    """Run a command against the services of a context. Ctrl-C and SIGTERM cancel it, and it can still clean up."""

    async def with_client() -> T:
        async with AsyncClient(contexts.load(context), ClientSettings(reason=CALL_REASON.get())) as client:
            return await command(client)

    return run(with_client())


async def until_reachable(
    call: Callable[..., Awaitable[T]],
    request: Any,
    *,
    for_s: float = RETRY_S,
    on_wait: Callable[[MeterlineError], None] = lambda _: None,
) -> T:
    """Call; repeat it while the service is away or overloaded. Only for requests whose ids make repeating safe."""
    loop = asyncio.get_running_loop()
    give_up_at_s, pause_s = loop.time() + for_s, 0.1
    while True:
        try:
            return await call(request, timeout=_CALL_S)
        except _RETRIED as error:
            if loop.time() > give_up_at_s:
                raise
            on_wait(error)
            await asyncio.sleep(error.retry_after_s or pause_s)
            pause_s = min(pause_s * 2, _RETRY_PAUSE_MAX_S)


async def pages(call: Callable[..., Awaitable[T]], request: Any, *, timeout_s: float | None = None) -> AsyncIterator[T]:
    """Ask for page after page, to the last one."""
    request.page_size = request.page_size or PAGE_ROWS
    while True:
        page: Any = await call(request, timeout=timeout_s)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
