"""What invoicing does: one function a use case. Each asks rating first, decides in `domain`, then writes once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from chassis.errors import Conflict, NotFound, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import page_limit
from chassis.rpc.repeat import request_slot
from chassis.telemetry import link_from, start_span, traceparent_of
from invoicing import store, wire
from invoicing.domain.canonical import canonical_json, chain_of, digest_of
from invoicing.domain.composition import adjust, compose, default_profile, explain_amount, same_prices
from invoicing.domain.invoice import BilledPeriod, BillingProfile, InvoiceDraft, IssuedInvoice, IssuedLine, LineKind
from invoicing.domain.numbering import invoice_number, is_draft_line_id, is_line_id, line_id
from invoicing.domain.verification import Audit, FrozenInvoice
from invoicing.telemetry import FINALIZE_SPAN, LINE_SPAN
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from chassis.clock import Clock
    from invoicing.domain.invoice import DraftLine, Rated
    from invoicing.telemetry import Instruments
    from invoicing.upstream import RatingClient
    from metering.aggregator.v1 import usage_pb2
    from metering.invoicing.v1 import invoice_pb2

Given = TypeVar("Given")
Result = TypeVar("Result")

_FINALIZE_ATTEMPTS_MAX: Final = 5
# Rating answers each from its own store; more at once would only queue there.
_AMENDMENTS_AT_ONCE: Final = 8
# Half of the smallest usual message limit; the frozen text is longer than its message.
_PAGE_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Deps:
    """What the use cases work with; made once per process."""

    engine: AsyncEngine
    clock: Clock
    rating: RatingClient
    instruments: Instruments


# --- billing profile -------------------------------------------------------------------------------------------------


async def apply_profile(
    deps: Deps, tenant: str, request: pb.ApplyBillingProfileRequest
) -> pb.ApplyBillingProfileResponse:
    """Make the billing profile what the request says; the same content again changes nothing."""
    async with transaction(deps.engine) as conn, request_slot(conn, "ApplyBillingProfile", request) as slot:
        if slot.response is not None:
            return pb.ApplyBillingProfileResponse.FromString(slot.response)
        response = await _apply_profile(conn, request, tenant, deps.clock)
        slot.keep(response.SerializeToString())
        return response


async def _apply_profile(
    conn: AsyncConnection, request: pb.ApplyBillingProfileRequest, tenant: str, clock: Clock
) -> pb.ApplyBillingProfileResponse:
    await store.lock_profile(conn, tenant)
    newest = await store.newest_profile(conn, tenant)
    wanted = wire.profile_from_proto(request.spec, default_profile(tenant))
    if newest is not None and _content(newest) == _content(wanted):
        outcome = values_pb2.APPLY_OUTCOME_UNCHANGED
        return pb.ApplyBillingProfileResponse(outcome=outcome, profile=wire.profile_to_proto(newest))
    version = 1 if newest is None else newest.version + 1
    profile = replace(wanted, version=version, created_at=clock.now())
    await store.add_profile(conn, tenant, profile)
    outcome = values_pb2.APPLY_OUTCOME_CREATED if newest is None else values_pb2.APPLY_OUTCOME_NEW_VERSION
    return pb.ApplyBillingProfileResponse(outcome=outcome, profile=wire.profile_to_proto(profile))


def _content(profile: BillingProfile) -> BillingProfile:
    return replace(profile, version=0, created_at=None)


async def profile_of(deps: Deps, tenant: str) -> BillingProfile:
    """Give the billing profile in force."""
    async with transaction(deps.engine) as conn:
        return await store.newest_profile(conn, tenant) or default_profile(tenant)


# --- drafts ----------------------------------------------------------------------------------------------------------


async def preview(deps: Deps, tenant: str, request: pb.PreviewInvoiceRequest) -> InvoiceDraft:
    """Give the draft of a period as usage is now, with the adjustments that finalising it now would add."""
    rated = await deps.rating.live_charges(
        contract=request.contract, customer=request.customer, billing_period=request.billing_period
    )
    profile = await profile_of(deps, tenant)
    async with transaction(deps.engine) as conn:
        billed = await store.billed_periods(conn, tenant, rated.contract)

    async def adjusted(earlier: BilledPeriod) -> tuple[DraftLine, ...]:
        now = await deps.rating.live_charges(contract=rated.contract, billing_period=earlier.billing_period)
        # Finalising rates an earlier period by the prices it was billed by; live charges follow the contract as it is
        # now. Where the two differ, an adjustment can't be foreseen, and none is shown.
        return adjust(earlier, now, rated.currency) if same_prices(earlier, now) else ()

    adjustments = await _each(adjusted, [one for one in billed if one.billing_period != rated.billing_period])
    return compose(rated, [line for lines in adjustments for line in lines], profile.seller)


# --- finalisation ----------------------------------------------------------------------------------------------------


async def finalize(deps: Deps, tenant: str, contract: str, billing_period: str) -> tuple[FrozenInvoice, bool]:
    """Make the invoice of a period final; give it, and whether this call made it.

    Raises what rating raises while usage is not sealed, and Conflict if other finalisations of the same contract kept
    getting in between.
    """
    for _attempt in range(_FINALIZE_ATTEMPTS_MAX):
        async with transaction(deps.engine) as conn:
            existing = await store.invoice_of_period(conn, tenant, contract, billing_period)
            if existing is not None:
                return existing, False
            profile = await store.newest_profile(conn, tenant) or default_profile(tenant)
            billed = await store.billed_periods(conn, tenant, contract)
        try:
            return await _finalize_once(deps, tenant, contract, billing_period, profile, billed), True
        except store.AlreadyBilledError:
            deps.instruments.repeated()
    raise Conflict(
        Reason.TRANSACTION_CONFLICT, f"other invoices of contract {contract} are being made final; call again"
    )


async def _finalize_once(
    deps: Deps,
    tenant: str,
    contract: str,
    billing_period: str,
    profile: BillingProfile,
    billed: Sequence[BilledPeriod],
) -> FrozenInvoice:
    """Ask rating, decide, and write once. What was read may be stale by then: the keys of what is written tell."""
    started_s = deps.clock.monotonic_s()
    attributes = {"metering.contract": contract, "metering.billing_period": billing_period}
    with start_span(FINALIZE_SPAN, money=True, attributes=attributes) as span:
        rated = await deps.rating.rate(contract, billing_period, profile.grace)
        amended = await _amendments(deps, billed, rated, profile)
        adjustments = [line for earlier, now in amended for line in adjust(earlier, now, rated.currency)]
        draft = compose(rated, adjustments, profile.seller)
        snapshots = [_own(rated), *(_amended(earlier, now) for earlier, now in amended)]
        async with transaction(deps.engine) as conn:
            await store.claim_snapshots(conn, tenant, contract, snapshots, billing_period)
            invoice = await _issue(conn, draft, profile, tenant, deps.clock)
            await store.add_lines(conn, tenant, invoice)
        span.set_attribute("metering.invoice", invoice.number)
        span.set_attribute("metering.invoice.lines", len(invoice.lines))
    deps.instruments.finalized(lines=len(invoice.lines), duration_s=deps.clock.monotonic_s() - started_s)
    return _as_stored(invoice)


async def _amendments(
    deps: Deps, billed: Sequence[BilledPeriod], rated: Rated, profile: BillingProfile
) -> list[tuple[BilledPeriod, Rated]]:
    """Rate again each earlier period whose usage has changed since it was billed."""

    async def amendment(earlier: BilledPeriod) -> tuple[BilledPeriod, Rated]:
        now = await deps.rating.rate(
            rated.contract, earlier.billing_period, profile.grace, amends_snapshot_id=earlier.snapshot_id
        )
        return earlier, now

    pairs = await _each(amendment, [one for one in billed if one.billing_period != rated.billing_period])
    return [(earlier, now) for earlier, now in pairs if now.snapshot_id != earlier.snapshot_id]


async def _issue(
    conn: AsyncConnection, draft: InvoiceDraft, profile: BillingProfile, tenant: str, clock: Clock
) -> IssuedInvoice:
    sequence, previous_chain = await store.take_next_number(conn, tenant, profile.number_prefix)
    number = invoice_number(profile.number_prefix, sequence)
    finalized_at = clock.now()
    lines = tuple(_issue_line(number, ordinal, line) for ordinal, line in enumerate(draft.lines, start=1))
    frozen = canonical_json(number, draft, lines, finalized_at, previous_chain)
    digest = digest_of(frozen)
    invoice = IssuedInvoice(
        number=number,
        prefix=profile.number_prefix,
        sequence=sequence,
        draft=draft,
        lines=lines,
        finalized_at=finalized_at,
        canonical_json=frozen,
        digest=digest,
        previous_chain=previous_chain,
        chain=chain_of(previous_chain, digest),
    )
    await store.add_invoice(conn, tenant, invoice)
    return invoice


def _issue_line(number: str, ordinal: int, line: DraftLine) -> IssuedLine:
    link = link_from(line.charge_traceparent)
    attributes = {"metering.line": line_id(number, ordinal), "metering.charge": line.charge_id}
    with start_span(LINE_SPAN, money=True, links=[link] if link else [], attributes=attributes) as span:
        return IssuedLine(line_id(number, ordinal), ordinal, line, traceparent_of(span))


def _own(rated: Rated) -> BilledPeriod:
    return BilledPeriod(rated.billing_period, rated.period, rated.snapshot_id, revision=1)


def _amended(earlier: BilledPeriod, now: Rated) -> BilledPeriod:
    return replace(earlier, snapshot_id=now.snapshot_id, revision=earlier.revision + 1)


def _as_stored(invoice: IssuedInvoice) -> FrozenInvoice:
    return FrozenInvoice(
        number=invoice.number,
        prefix=invoice.prefix,
        sequence=invoice.sequence,
        contract=invoice.draft.contract,
        billing_period=invoice.draft.billing_period,
        customer=invoice.draft.customer,
        canonical_json=invoice.canonical_json,
        digest=invoice.digest,
        previous_chain=invoice.previous_chain,
        chain=invoice.chain,
    )


async def _each(ask: Callable[[Given], Awaitable[Result]], questions: Sequence[Given]) -> list[Result]:
    """Ask side by side, a few at a time, and give the answers in order; the first failure ends all."""
    free = asyncio.Semaphore(_AMENDMENTS_AT_ONCE)

    async def bounded(question: Given) -> Result:
        async with free:
            return await ask(question)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(question)) for question in questions]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


# --- reading ---------------------------------------------------------------------------------------------------------


async def invoice_by_number(deps: Deps, tenant: str, number: str) -> FrozenInvoice:
    """Give an invoice. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        invoice = await store.invoice_by_number(conn, tenant, number)
    if invoice is None:
        raise NotFound(Reason.INVOICE_NOT_FOUND, f"there is no invoice {number!a}; ListInvoices names them all")
    return invoice


async def invoice_of_line(deps: Deps, tenant: str, line: str) -> invoice_pb2.Invoice:
    """Give the invoice that holds a line. Raises NotFound."""
    if is_draft_line_id(line):
        message = f"{line} is a line of a draft, which moves with usage; finalize the period and ask for its line then"
        raise NotFound(Reason.LINE_NOT_FOUND, message)
    invoice = None
    if is_line_id(line):
        async with transaction(deps.engine) as conn:
            invoice = await store.invoice_of_line(conn, tenant, line)
    if invoice is None:
        message = f"there is no invoice line {line!a}; GetInvoice names the lines of an invoice"
        raise NotFound(Reason.LINE_NOT_FOUND, message)
    return wire.invoice_to_proto(invoice)


async def explain(deps: Deps, tenant: str, line_id: str) -> pb.ExplainLineResponse:
    """Give line -> charge -> snapshot -> windows, and how the amount follows from the charge."""
    invoice = await invoice_of_line(deps, tenant, line_id)
    line = wire.line_by_id(invoice, line_id)
    charge = await deps.rating.explain(line.charge_id)
    async with transaction(deps.engine) as conn:
        billed_before = await store.billed_before_line(conn, tenant, line_id)
    steps = explain_amount(
        kind=wire.kind_of(line),
        amount=wire.amount_of(line),
        exact_amount=wire.exact_amount_of(line),
        currency_code=invoice.currency,
        before=billed_before,
    )
    return pb.ExplainLineResponse(line=line, invoice_number=invoice.number, steps=steps, charge=charge)


async def line_events(
    deps: Deps, tenant: str, line_id: str, limit: int
) -> AsyncGenerator[Sequence[usage_pb2.MeteredEvent], None]:
    """Stream the events behind a line; of an adjustment, those that arrived after the period was billed before."""
    line = wire.line_by_id(await invoice_of_line(deps, tenant, line_id), line_id)
    kind = wire.kind_of(line)
    if kind is LineKind.FIXED:
        return
    pages = deps.rating.events(line.charge_id, only_amendment=kind is LineKind.ADJUSTMENT, limit=limit)
    # Closed here, so that the call to rating ends with ours and not when the garbage collector comes by.
    async with aclosing(pages):
        async for page in pages:
            yield page


async def list_invoices(
    deps: Deps, tenant: str, request: pb.ListInvoicesRequest, after: tuple[str, int]
) -> tuple[Sequence[FrozenInvoice], str]:
    """Give a page of invoices by series and number, and the token of the next page (empty on the last)."""
    limit = page_limit(request.page_size)
    async with transaction(deps.engine) as conn:
        found = await store.list_invoices(
            conn,
            tenant,
            customer=request.customer,
            billing_period=request.billing_period,
            after=after,
            limit=limit + 1,
        )
    page = _fitting(found[:limit])
    return page, wire.page_token_to_text(page[-1]) if len(page) < len(found) else ""


def _fitting(invoices: Sequence[FrozenInvoice]) -> Sequence[FrozenInvoice]:
    """Give as many invoices from the start as fit into one message, at least one."""
    total_bytes = 0
    for count, invoice in enumerate(invoices):
        total_bytes += len(invoice.canonical_json)
        if count and total_bytes > _PAGE_BYTES_MAX:
            return invoices[:count]
    return invoices


# --- checking --------------------------------------------------------------------------------------------------------


async def tenants(deps: Deps) -> Sequence[str]:
    """Give every tenant that has invoices; for the check in the background."""
    async with transaction(deps.engine) as conn:
        return await store.tenants(conn)


async def verify(deps: Deps, tenant: str) -> Audit:
    """Check all invoices of a tenant against their digests, their chains, their numbers and their rows."""
    async with transaction(deps.engine) as conn:
        # Before the invoices: those made final in the meantime lie beyond and are checked like the others.
        audit = Audit(await store.series_heads(conn, tenant))
    async with aclosing(store.every_invoice(deps.engine, tenant)) as stored:
        async for each in stored:
            audit.check(each.invoice, each.lines)
    audit.finish()
    return audit
