"""Drafts: what finalizing now would bill, and how a line of it comes about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Conflict, NotFound, Reason
from chassis.postgres import transaction
from invoicing.domain.accounts import Account
from invoicing.domain.composition import adjust, compose, explain_amount, same_prices
from invoicing.domain.document import LineKind
from invoicing.operations.profiles import profile_in_force
from invoicing.store.invoices import invoice_of_period
from invoicing.store.lines import billed_periods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.as_of import AsOf
    from invoicing.domain.charges import Rated
    from invoicing.domain.composition import Composition
    from invoicing.domain.document import Invoice, InvoiceLine
    from invoicing.domain.lines import BilledPeriod, LineRecord
    from invoicing.operations.deps import Deps, HandedThrough


@dataclass(frozen=True, slots=True)
class ExplainedDraftLine:
    """A line of a draft, how its amount follows from its live charge, and the price of its item."""

    line: InvoiceLine
    currency: str
    steps: Sequence[str]
    charge: HandedThrough
    item: HandedThrough
    as_of: AsOf


async def compose_draft(deps: Deps, rated: Rated, billed: Sequence[BilledPeriod], seller: str) -> Composition:
    """Return what finalizing a period now would bill: its live charges, and adjustments of what was billed before."""
    # Where live charges no longer follow the prices that were billed, an adjustment can't be foreseen.
    changed = [(one, now) for one, now in await billed_and_now(deps, rated.customer, billed) if same_prices(one, now)]
    adjustments = [line for earlier, now in changed for line in adjust(earlier, now, rated)]
    return compose(rated, adjustments, seller)


async def billed_and_now(
    deps: Deps, customer: str, billed: Sequence[BilledPeriod]
) -> Sequence[tuple[BilledPeriod, Rated]]:
    """Return each billed period with its charges as usage is now."""
    now = await deps.rating.live_charges_of_periods(customer, [(one.contract, one.billing_period) for one in billed])
    return list(zip(billed, now, strict=True))


async def explain_draft_line(
    deps: Deps, tenant: str, line_id: str, *, contract: str, customer: str, billing_period: str
) -> ExplainedDraftLine:
    """Return a line of the draft of a period with the charge and the price behind it.

    Raises NotFound, also of a period that is final, and Conflict if usage or prices change meanwhile.
    """
    rated, told = await deps.rating.told_charges(contract=contract, customer=customer, billing_period=billing_period)
    async with transaction(deps.engine) as conn:
        profile = await profile_in_force(conn, tenant)
        final = await invoice_of_period(conn, tenant, rated.contract, rated.billing_period)
        billed = await billed_periods(conn, tenant, Account(rated.customer, rated.currency))
    if final is not None:
        example = f"{final.number}.1"
        message = (
            f"{rated.billing_period} of {rated.contract} is final; explain a line of its invoice, such as {example}"
        )
        raise NotFound(Reason.LINE_NOT_FOUND, message)
    draft = (await compose_draft(deps, rated, billed, profile.seller)).draft()
    line = _line_of(draft, line_id)
    before: Sequence[LineRecord] = ()
    if line.kind is LineKind.ADJUSTMENT:
        owner = line.contract or rated.contract
        key = (owner, line.billing_period)
        before = next(one for one in billed if (one.contract, one.billing_period) == key).lines_of(line.item)
        rated, told = await deps.rating.told_charges(contract=owner, billing_period=line.billing_period)
    charge = next((charge for charge in rated.charges if charge.item == line.item), None)
    is_same = charge is not None and charge.exact_amount == line.exact_amount
    item: HandedThrough = None
    if charge is None or charge.kind.has_price:
        price = await deps.rating.price_of(rated.contract, rated.billing_period, line.item)
        is_same &= price.version == (line.plan, line.plan_version)
        item = price.item
    if not is_same:
        message = f"usage or prices of {line.item!r} changed while the line was explained; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    steps = explain_amount(line, draft.currency, before)
    return ExplainedDraftLine(line, draft.currency, steps, told[line.item], item, rated.as_of)


def _line_of(draft: Invoice, line_id: str) -> InvoiceLine:
    line = next((line for line in draft.lines if line.id == line_id), None)
    if line is None:
        count = len(draft.lines)
        known = f"its lines are draft.1 to draft.{count}" if count else "it has no lines"
        raise NotFound(Reason.LINE_NOT_FOUND, f"the draft has no line {line_id!r}; {known}")
    return line
