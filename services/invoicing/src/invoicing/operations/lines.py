"""From a line of a final invoice back to its charge and its events."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import NotFound, Reason
from chassis.postgres import transaction
from invoicing.domain.composition import explain_amount
from invoicing.domain.document import Invoice, InvoiceLine, LineKind
from invoicing.domain.invoices import proven
from invoicing.domain.numbering import is_draft_line_id, is_line_id
from invoicing.store import invoices as invoice_store
from invoicing.store import lines as store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.operations.deps import Deps, HandedThrough


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line, how its amount follows from its charge, and the derivation of the charge."""

    invoice: Invoice
    line: InvoiceLine
    steps: Sequence[str]
    charge: HandedThrough


async def explain_line(deps: Deps, tenant: str, line_id: str, page_size: int, page_token: str) -> ExplainedLine:
    """Return line -> charge -> snapshot -> a page of windows, and how the amount follows from the charge."""
    invoice = (await _invoice_of_line(deps, tenant, line_id)).content()
    line = invoice.line(line_id)
    charge = await deps.rating.explain(line.charge_id, page_size, page_token)
    async with transaction(deps.engine) as conn:
        billed_before = await store.billed_before_line(conn, tenant, line_id)
    return ExplainedLine(invoice, line, explain_amount(line, invoice.currency, billed_before), charge)


async def list_line_events(
    deps: Deps, tenant: str, line_id: str, after: HandedThrough, limit: int, meter: str = ""
) -> AsyncGenerator[Sequence[HandedThrough], None]:
    """Yield the events behind a line; of an adjustment, those that arrived after the period was billed before.

    `after` is a place in the log to begin after, as the caller names it; None: from the first. `meter` is one that the
    formula of the line reads; empty: the line's own.
    """
    line = (await _invoice_of_line(deps, tenant, line_id)).content().line(line_id)
    if not line.kind.has_events:
        return
    only_amendment = line.kind is LineKind.ADJUSTMENT
    pages = deps.rating.events(line.charge_id, only_amendment=only_amendment, after=after, limit=limit, meter=meter)
    # Closed here, so that the call to rating ends with ours and not when the garbage collector comes by.
    async with aclosing(pages):
        async for page in pages:
            yield page


async def _invoice_of_line(deps: Deps, tenant: str, line_id: str) -> FrozenInvoice:
    """Return the invoice that holds a line. Raises NotFound, and Diverged DATA_CORRUPTED if it was changed."""
    return proven(await stored_invoice_of_line(deps, tenant, line_id))


async def stored_invoice_of_line(deps: Deps, tenant: str, line_id: str) -> FrozenInvoice:
    """Return the invoice that holds a line, whatever has become of it. Raises NotFound."""
    if is_line_id(line_id):
        async with transaction(deps.engine) as conn:
            number = await store.number_of_line(conn, tenant, line_id)
            invoice = None if number is None else await invoice_store.invoice_by_number(conn, tenant, number)
        if invoice is not None:
            return invoice
    raise line_not_found(line_id)


def line_not_found(line_id: str) -> NotFound:
    """Return the error for a line that no final invoice has."""
    if is_draft_line_id(line_id):
        message = (
            f"{line_id} is a line of a draft, which moves with usage; finalize the period and ask for its line then"
        )
    else:
        message = f"there is no invoice line {line_id!r}; look at its invoice to see which lines it has"
    return NotFound(Reason.LINE_NOT_FOUND, message)
