"""What is earned in some months: final invoices by one question to the database, drafts by rating's live charges."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.errors import NotFound
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.side_by_side import each
from invoicing.domain.accounts import Account
from invoicing.domain.composition import compose
from invoicing.domain.revenue import Cut, rows_of, totals_of
from invoicing.operations.drafts import compose_draft
from invoicing.operations.profiles import profile_in_force
from invoicing.store import revenue as store
from invoicing.store.lines import billed_periods
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from decimal import Decimal

    from invoicing.domain.charges import Rated
    from invoicing.domain.document import Invoice
    from invoicing.domain.revenue import Months, Row, Total
    from invoicing.operations.deps import Deps

DRAFTS_MAX: Final = 1000
"""Drafts that are added up at once: each is a question to rating, as is each period billed before on its account."""
_CONTRACTS_PER_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class RevenuePage:
    """A page of rows, the totals over all pages, and the names of the page's customers as printed."""

    rows: Page[Row]
    totals: Sequence[Total]
    names: Mapping[str, str]
    is_cut_off: bool


async def query_revenue(
    deps: Deps, tenant: str, months: Months, cut: Cut, after: tuple[str, Decimal, str] | None, limit: int
) -> RevenuePage:
    """Return a page of sums of the bills of some months, after a place among them. Raises InvalidRequest."""
    with refusals():
        labels = months.labels()
    # In one transaction: what becomes final after it still counts as a draft, and nothing counts twice.
    async with transaction(deps.engine) as conn:
        sums = await store.final_sums(conn, tenant, months, cut)
        counts = await store.final_counts(conn, tenant, months)
        final = await store.final_periods(conn, tenant, months)
    due, is_cut_off = await _due(deps, labels, final)
    drafts = await _drafts(deps, tenant, due)
    rows = rows_of(sums, drafts, cut)
    following = [row for row in rows if after is None or row.place > after]
    page = page_of(following, limit, lambda row: (row.currency, format_decimal(row.amount), row.key))
    names = {draft.customer: draft.customer_name for draft in drafts} if cut is Cut.CUSTOMER else {}
    if cut is Cut.CUSTOMER:
        async with transaction(deps.engine) as conn:
            names |= await store.printed_names(conn, tenant, {row.key for row in page.entries} - names.keys())
    return RevenuePage(page, totals_of(rows, dict(counts), drafts), names, is_cut_off)


async def _due(
    deps: Deps, labels: Iterable[str], final: Collection[tuple[str, str]]
) -> tuple[list[tuple[str, str]], bool]:
    """Return the contracts and periods of some months that are not final, at most so many; and whether more are."""
    due: list[tuple[str, str]] = []
    for label in labels:
        after = ""
        while len(due) <= DRAFTS_MAX:
            page = await deps.rating.periods_of_month(label, after, _CONTRACTS_PER_PAGE)
            due += [period for period in page.entries if period not in final]
            after = page.next_page_token
            if not after:
                break
    return due[:DRAFTS_MAX], len(due) > DRAFTS_MAX


async def _drafts(deps: Deps, tenant: str, due: Sequence[tuple[str, str]]) -> list[Invoice]:
    """Return the drafts of some periods. Of each account the earliest carries what is to be adjusted."""

    async def rated(wanted: tuple[str, str]) -> Rated | None:
        try:
            return await deps.rating.live_charges(contract=wanted[0], billing_period=wanted[1])
        except NotFound:
            # The contract was changed between the two questions.
            return None

    by_account: dict[Account, list[Rated]] = defaultdict(list)
    for one in await each(rated, due):
        if one is not None:
            by_account[Account(one.customer, one.currency)].append(one)

    async with transaction(deps.engine) as conn:
        seller = (await profile_in_force(conn, tenant)).seller
        billed = {account: await billed_periods(conn, tenant, account) for account in by_account}

    async def carrying(account: Account) -> list[Invoice]:
        first, *others = sorted(by_account[account], key=lambda one: (one.period.start, one.contract))
        own = {(one.contract, one.billing_period) for one in (first, *others)}
        earlier = [one for one in billed[account] if (one.contract, one.billing_period) not in own]
        drafts = [await compose_draft(deps, first, earlier, seller), *(compose(one, (), seller) for one in others)]
        return [draft.draft() for draft in drafts]

    return [draft for drafts in await each(carrying, list(by_account)) for draft in drafts]
