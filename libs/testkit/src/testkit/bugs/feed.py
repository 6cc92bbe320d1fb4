"""Bugs of those who follow a log: what is done and how far one has read are not one fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text

from chassis.postgres import transaction

Real = Callable[..., Any]


def forgets_what_only_it_remembers(real: Real) -> Real:
    """A batch that was seen once is passed over, though what it should have done was never stored."""
    seen: set[str] = set()

    async def commit(consumer: Any, before: Any, after: Any, prepared: Any) -> None:
        place = repr(after)
        if place not in seen:
            seen.add(place)
            await real(consumer, before, after, prepared)
            return
        handler, consumer._handler = consumer._handler, _Nothing()
        try:
            await real(consumer, before, after, prepared)
        finally:
            consumer._handler = handler

    return commit


class _Nothing:
    async def apply(self, conn: object, prepared: object) -> None:
        """Do nothing, as if all was done."""


def begins_at_the_end(real: Real) -> Real:
    """Whoever follows a log for the first time begins with what comes next."""

    async def begin(conn: Any, consumer: str, lanes: Mapping[int, int], epoch: str) -> None:
        statement = text(
            """
            INSERT INTO feed_checkpoint (consumer, lane, epoch, position, chain)
            SELECT :consumer, lane, CAST(:epoch AS uuid), position, chain FROM lane_head
            ON CONFLICT (consumer, lane) DO NOTHING
            """
        )
        await conn.execute(statement, {"consumer": consumer, "epoch": epoch})
        await real(conn, consumer, lanes, epoch)

    return begin


def moves_on_before_it_has_stored(real: Real) -> Real:
    """The place in the log is stored first, in a transaction of its own."""

    async def commit(consumer: Any, before: Any, after: Any, prepared: Any) -> None:
        handler, consumer._handler = consumer._handler, _Nothing()
        try:
            await real(consumer, before, after, prepared)
        finally:
            consumer._handler = handler
        async with transaction(consumer._engine) as conn:
            await handler.apply(conn, prepared)

    return commit


def stores_before_it_moves_on(real: Real) -> Real:
    """What is done is stored at once, and the place in the log in a transaction of its own."""

    async def commit(consumer: Any, before: Any, after: Any, prepared: Any) -> None:
        handler, consumer._handler = consumer._handler, _Nothing()
        try:
            async with consumer._engine.connect() as conn:
                try:
                    await handler.apply(conn, prepared)
                finally:
                    await conn.commit()
            await real(consumer, before, after, prepared)
        finally:
            consumer._handler = handler

    return commit


def takes_any_place_for_its_own(real: Real) -> Real:
    """Nobody asks whether another instance has applied the batch since."""
    return lambda held, before: True
