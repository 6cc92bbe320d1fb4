"""Checks that frozen invoices are as they were."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Diverged, NotFound
from chassis.postgres import transaction
from invoicing.domain.audits import Audit, Problem, ProblemCode
from invoicing.domain.document import LineKind
from invoicing.domain.invoices import chain_of, digest_of
from invoicing.domain.line_checks import CheckedLine, check_events, check_line
from invoicing.operations.invoices import invoice_not_found
from invoicing.operations.lines import stored_invoice_of_line
from invoicing.store import audits as store
from invoicing.store.invoices import invoice_before, invoice_by_number, invoice_following
from invoicing.store.lines import records_of_invoices
from invoicing.store.lost_numbers import lost_numbers
from invoicing.store.profiles import every_profile
from money import currency

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from invoicing.domain.document import InvoiceLine
    from invoicing.operations.deps import Deps


async def list_tenants(deps: Deps) -> Sequence[str]:
    """Return every tenant that has invoices; for the check in the background."""
    async with transaction(deps.engine) as conn:
        return await store.tenants(conn)


async def verify_invoices(deps: Deps, tenant: str) -> Audit:
    """Check all invoices of a tenant against their digests, their chains, their numbers and their rows."""
    async with transaction(deps.engine) as conn:
        # Before the invoices: those made final in the meantime lie beyond and are checked like the others.
        audit = Audit(await store.series_heads(conn, tenant))
    async with aclosing(store.every_invoice(deps.engine, tenant)) as stored:
        async for invoice, rows, made_by, lost in stored:
            audit.check(invoice, rows, made_by, lost)
    async with transaction(deps.engine) as conn:
        audit.found(ProblemCode.INVOICE_MISSING, await store.invoices_gone(conn, tenant))
        audit.found(ProblemCode.SNAPSHOT_DIFFERS, await store.invoices_of_other_snapshots(conn, tenant))
        lost = await lost_numbers(conn, tenant)
    audit.finish(lost)
    return audit


@dataclass(frozen=True, slots=True)
class CheckedInvoice:
    """What the check of one invoice found, and its hashes, computed anew; empty where the invoice is gone."""

    problems: Sequence[Problem]
    checked_at: datetime
    digest: bytes = b""
    chain: bytes = b""
    line_count: int = 0


async def verify_invoice(deps: Deps, tenant: str, number: str) -> CheckedInvoice:
    """Check one invoice as `verify_invoices` does, and its links to those before and after it. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        # Before the invoices, as above.
        heads = await store.series_heads(conn, tenant)
        invoice = await invoice_by_number(conn, tenant, number)
        if invoice is None:
            if not await store.invoices_gone(conn, tenant, number):
                raise invoice_not_found(number)
            return CheckedInvoice([Problem(ProblemCode.INVOICE_MISSING, number)], deps.clock.now())
        prefix, sequence = invoice.prefix, invoice.sequence
        given = await store.number_given(conn, tenant, prefix, sequence)
        audit = Audit({prefix: [*heads.get(prefix, ()), *given]})
        lost = await lost_numbers(conn, tenant)
        rows = (await records_of_invoices(conn, tenant, [number])).get(number, [])
        audit.begin_after(prefix, await invoice_before(conn, tenant, prefix, sequence))
        audit.check(invoice, rows, await every_profile(conn, tenant), lost)
        audit.check_link(prefix, await invoice_following(conn, tenant, prefix, sequence), lost)
        audit.found(ProblemCode.SNAPSHOT_DIFFERS, await store.invoices_of_other_snapshots(conn, tenant, number))
    digest = digest_of(invoice.canonical_json)
    chain = chain_of(invoice.previous_chain, digest)
    return CheckedInvoice(audit.problems, deps.clock.now(), digest, chain, len(rows))


async def verify_line(deps: Deps, tenant: str, line_id: str) -> CheckedLine:
    """Check that a line follows from its charge, and count the events behind it again. Raises NotFound."""
    invoice = await stored_invoice_of_line(deps, tenant, line_id)
    if not invoice.is_as_finalized:
        return CheckedLine((Problem(ProblemCode.CONTENT_CHANGED, invoice.number),), deps.clock.now())
    content = invoice.content()
    line = next((line for line in content.lines if line.id == line_id), None)
    if line is None:
        return CheckedLine((Problem(ProblemCode.LINE_MISSING, line_id),), deps.clock.now())
    try:
        evidence = await deps.rating.evidence(line.charge_id)
    except (NotFound, Diverged) as error:
        unproven = Problem(ProblemCode.CHARGE_UNPROVEN, line_id, detail=error.message)
        return CheckedLine((unproven,), deps.clock.now())
    event_count, unproven_events = await _count_events(deps, line)
    problems = (
        *check_line(line, evidence.charge, currency(content.currency)),
        *(unproven_events or check_events(line, event_count)),
    )
    return CheckedLine(problems, deps.clock.now(), event_count, evidence.charge.quantity, evidence.snapshot_digest)


async def _count_events(deps: Deps, line: InvoiceLine) -> tuple[int, Sequence[Problem]]:
    """Return how many events are behind a line; at the end of their list the aggregator has compared what they say."""
    if not line.kind.has_events:
        return 0, ()
    is_adjustment = line.kind is LineKind.ADJUSTMENT
    try:
        event_count = await deps.rating.count_events(line.charge_id, only_amendment=is_adjustment)
    except (NotFound, Diverged) as error:
        return 0, [Problem(ProblemCode.EVENTS_UNPROVEN, line.id, detail=error.message)]
    # An adjustment that takes more events away than it adds bills none, and its quantity tells the rest.
    return max(0, event_count), ()
