"""Lets the events of a batch in: those that must be refused are, the rest get their keys and go on to the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chassis.errors import Reason, TooBig, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import driver_transaction
from eventlog.as_of import AsOf
from eventlog.columns import EventRows
from eventlog.instants import microseconds_of
from eventlog.log.writer import SEGMENT_BYTES_MAX
from eventlog.payload import compress, encode_payload
from eventlog.rows import columns_of
from ingest.domain.admission import admit
from ingest.domain.backfills import backfill_not_open, uuid_of
from ingest.domain.completeness import RANGES_MAX, check_sequences
from ingest.domain.keys import keys_of
from ingest.domain.reports import none_accepted, verdicts_of
from ingest.domain.text import shown
from ingest.intake.batches import LARGE_COLUMNS_BYTES, LARGE_ROWS_BYTES
from ingest.intake.submission import Submission
from ingest.store import backfills, completeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from eventlog.columns import EventColumns
    from ingest.domain.admission import Admission, BackfillWindow, Limits
    from ingest.domain.backfills import Backfill
    from ingest.domain.completeness import NumberedSource
    from ingest.domain.keys import EventKeys
    from ingest.domain.reports import Reported, Verdicts
    from ingest.intake.batches import Batches
    from ingest.intake.committer import Committer
    from ingest.intake.hearing import SourceNotes
    from ingest.intake.refusing import RefusalNotes
    from ingest.intake.sources import SourceNumbers
    from ingest.intake.submission import Callers
    from ingest.telemetry import Instruments


class Admitter:
    """Takes batches in, one after the other or several at once; it keeps nothing between them."""

    def __init__(  # noqa: PLR0913, PLR0917 - each neighbor once, from the composition root
        self,
        engine: AsyncEngine,
        clock: Clock,
        limits: Limits,
        sources: SourceNumbers,
        committer: Committer,
        instruments: Instruments,
        batches: Batches,
        refusals: RefusalNotes,
        heard: SourceNotes,
    ) -> None:
        """Let in what `limits` allow, on to `committer`; keep note in `refusals` of what is not, in `heard` of whom."""
        self._engine = engine
        self._clock = clock
        self._limits = limits
        self._sources = sources
        self._committer = committer
        self._instruments = instruments
        self._batches = batches
        self._refusals = refusals
        self._heard = heard

    async def take_in(self, tenant: str, reported: Reported, callers: Callers) -> Verdicts:
        """Refuse what can't be accepted, write the rest exactly once, say what became of each event."""
        sent, verdicts = await self._take_in(tenant, reported, callers)
        if reported.sequences:
            # Before the batch is acknowledged: whoever hears nothing sends it again, which adds the same numbers.
            async with driver_transaction(self._engine) as driver:
                await completeness.add_numbers(driver, tenant, self._heard.today(), reported.sequences)
        self._refusals.note(tenant, reported.events, sent, verdicts, callers)
        self._heard.note(tenant, sent, verdicts)
        return verdicts

    async def _take_in(self, tenant: str, reported: Reported, callers: Callers) -> tuple[EventColumns, Verdicts]:
        backfill = await self._open_backfill(tenant, reported.backfill_id) if reported.backfill_id else None
        sent, admission = await self._admit(tenant, reported, None if backfill is None else backfill.window)
        if not admission.accepted.size:
            self._instruments.reported(accepted=0, duplicates=0, conflicts=0, refused=len(admission.refusals))
            return sent, none_accepted(admission, AsOf(await self._committer.epoch()))
        # Not clean without a refusal: a value that no event uses must not enter the log either.
        events = sent if admission.is_clean else sent.take(admission.accepted)
        source_ids = await self._sources.of(tenant, events.sources.values)
        verbatim = reported.verbatim if admission.is_clean else None
        keys, payload = await self._batches.run(
            tenant, reported.message_bytes, _large_bytes(reported), _prepared, tenant, events, source_ids, verbatim
        )
        submission = Submission(
            tenant=tenant,
            events=events,
            keys=keys,
            payload=payload,
            backfill_id=None if backfill is None else backfill.id,
            callers=callers if admission.is_clean else callers.take(admission.accepted),
            message_bytes=reported.message_bytes,
        )
        outcome = await self._committer.submit(submission)
        accepted = len(events) if outcome.is_new is None else int(np.count_nonzero(outcome.is_new))
        self._instruments.reported(
            accepted=accepted,
            duplicates=len(events) - accepted - len(outcome.conflicts),
            conflicts=len(outcome.conflicts),
            refused=len(admission.refusals),
        )
        return sent, verdicts_of(admission, events, outcome)

    async def judge(self, tenant: str, reported: Reported, window: BackfillWindow | None) -> Admission:
        """Say what `take_in` would refuse, of a batch in the backfill it names or else in a `window`; keep nothing."""
        if reported.backfill_id:
            window = (await self._open_backfill(tenant, reported.backfill_id)).window
        return (await self._admit(tenant, reported, window))[1]

    async def _admit(
        self, tenant: str, reported: Reported, window: BackfillWindow | None
    ) -> tuple[EventColumns, Admission]:
        now_us = microseconds_of(self._clock.now())
        size, large = reported.message_bytes, _large_bytes(reported)
        sent, admission = await self._batches.run(
            tenant, size, large, _admitted, reported, self._limits, now_us, window
        )
        if reported.sequences:
            await self._check_numbers(tenant, sent, reported.sequences)
        return sent, admission

    async def _check_numbers(self, tenant: str, sent: EventColumns, sequences: Sequence[NumberedSource]) -> None:
        with refusals():
            check_sequences(sent, sequences)
        async with driver_transaction(self._engine) as driver:
            sources = [numbered.source for numbered in sequences]
            scattered = await completeness.scattered_sources(driver, tenant, self._heard.today(), sources)
        if scattered:
            message = (
                f"numbers of {shown(scattered[0])} have {RANGES_MAX} gaps today; number events one after the other"
            )
            raise invalid_field("sequences", Reason.FIELD_INVALID, message)

    async def _open_backfill(self, tenant: str, backfill_id: str) -> Backfill:
        """Find the backfill a batch names; whether it is still open is checked again in the commit."""
        known = uuid_of(backfill_id)
        if known is not None:
            async with driver_transaction(self._engine) as driver:
                backfill = await backfills.find_open_backfill(driver, tenant, known)
            if backfill is not None:
                return backfill
        raise backfill_not_open(shown(backfill_id))


def _large_bytes(reported: Reported) -> int:
    return LARGE_ROWS_BYTES if isinstance(reported.events, EventRows) else LARGE_COLUMNS_BYTES


def _admitted(
    reported: Reported, limits: Limits, now_us: int, window: BackfillWindow | None
) -> tuple[EventColumns, Admission]:
    """Read a batch into columns and decide about its events."""
    sent = columns_of(reported.events) if isinstance(reported.events, EventRows) else reported.events
    return sent, admit(sent, limits, now_us, window)


def _prepared(
    tenant: str, events: EventColumns, source_ids: Sequence[int], verbatim: bytes | None
) -> tuple[EventKeys, bytes]:
    """Make the keys and the payload of admitted events here, beside the commits in work. Raises TooBig."""
    payload = encode_payload(events) if verbatim is None else compress(verbatim)
    if len(payload) > SEGMENT_BYTES_MAX:
        message = f"the batch takes {len(payload)} bytes compressed, at most {SEGMENT_BYTES_MAX} fit; split it"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)
    return keys_of(tenant, events.ids, events.sources, source_ids), payload
