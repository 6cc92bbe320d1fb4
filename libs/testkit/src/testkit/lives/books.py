"""The year of generated lives as it was billed, beside what the oracle says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from metering.aggregator.v1 import usage_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from testkit.live import Tenant
from testkit.lives.plans import PLANS
from testkit.lives.seller import Seller, catalog_text, of_each
from testkit.lives.story import YEAR, Life
from testkit.oracle.contracts import Months, periods
from testkit.oracle.lives import Promise, Year, promises

LABELS: Final = (f"{YEAR - 1}-12", *(f"{YEAR}-{month:02}" for month in range(1, 13)))
PLACES: Final = {"USD": 2, "JPY": 0, "KWD": 3}
"""Decimals of the currencies."""
_LAST: Final = len(LABELS) - 1
_WINDOWS: Final = (usage_pb2.WINDOW_SIZE_DAY, usage_pb2.WINDOW_SIZE_WEEK)

Amounts = dict[str, Fraction]
"""By the names of charges."""


@dataclass
class Page:
    """A period of a contract: what the suite and the oracle say of it."""

    life: Life
    label: str
    live: Amounts = field(default_factory=dict)
    """Before it was billed."""
    foreseen: Amounts = field(default_factory=dict)
    """The same by the oracle."""
    frozen: Amounts = field(default_factory=dict)
    """Exact amounts of the lines by which it was first billed."""
    settled: set[str] = field(default_factory=set)
    """Charges that have no line, for each is what another one takes off."""
    billed: Amounts = field(default_factory=lambda: defaultdict(Fraction))
    """What is printed of it in all documents together."""
    now: Amounts = field(default_factory=dict)
    """What it costs at the end of the year, by the oracle: what is in advance is not among it."""
    is_cut: bool = False
    """A plan change cut it into segments."""
    cost: rating_pb.QueryCostResponse = field(default_factory=rating_pb.QueryCostResponse)
    variance: rating_pb.ExplainVarianceResponse | None = None
    """Why it costs more than the period before; None for the first, and where it can't be told."""


@dataclass
class Books:
    """All pages, by contract and label, and what is said of them together."""

    pages: dict[tuple[str, str], Page] = field(default_factory=dict)
    promised: dict[str, list[Promise]] = field(default_factory=dict)
    """What commitments come to, by contract."""
    simulated: list[rating_pb.SimulatePlansResponse] = field(default_factory=list)


class Writer:
    """Lives the year of all customers, month by month, and keeps the books."""

    def __init__(self, tenant: Tenant, seller: Seller, lives: Sequence[Life]) -> None:
        """Begin with empty books."""
        self.books = Books()
        self._tenant = tenant
        self._seller = seller
        self._lives = lives
        self._years = {life.contract: Year(PLANS, PLACES[life.currency]) for life in lives}
        self._page_of: dict[str, Page] = {}
        """By the id of a line."""

    async def write(self) -> Books:
        """Live the year, and ask about it at its end."""
        for month in range(len(LABELS)):
            await self._month(month)
        for life in self._lives:
            closing = await self._seller.close(life, LABELS[-1])
            if closing is not None:
                self._put_down(closing.lines)
        self._foresee()
        pages = list(self.books.pages.values())
        await of_each(enumerate(pages), lambda one: self._ask(*one))
        self.books.simulated = await self._seller.simulate(LABELS[0], LABELS[-1])
        return self.books

    async def _month(self, month: int) -> None:
        if any(month in life.versions for life in self._lives):
            self._tenant.run("apply", "-f", "-", stdin=catalog_text(self._lives, month))
        await self._late(month)
        billed = []
        for life in self._lives:
            for period in _periods(life, month):
                if period.label == LABELS[month]:
                    page = self.books.pages[life.contract, period.label] = Page(life, period.label)
                    self._foresee_period(page, period, month)
                    billed.append(page)
        await of_each(billed, self._bill)

    async def _late(self, month: int) -> None:
        """Report what becomes known before the invoices of a month, and take back what is void by then."""
        known = [(life.customer, use) for life in self._lives for use in life.uses if use.told == month]
        void = [use for life in self._lives for use in life.uses if use.void == month]
        if known:
            await self._seller.report(known)
        await self._seller.void(void)
        await self._seller.wait_until_counted()

    def _foresee_period(self, page: Page, period: Months, month: int) -> None:
        year, versions = self._years[page.life.contract], page.life.specs(month)
        page.foreseen = year.charges(versions, page.life.known(month), period)
        if month < _LAST:
            year.ahead[LABELS[month + 1]] = year.following(versions, period)

    async def _bill(self, page: Page) -> None:
        charges = (await self._seller.charges(page.life.contract, page.label)).charges
        page.live = {one.item: Fraction(one.exact_amount) for one in charges}
        page.settled = {one.item for one in charges if one.is_settled}
        lines = (await self._seller.finalize(page.life.contract, page.label)).lines
        first = [line for line in lines if not line.adjusts_line_id]
        page.frozen = {line.item: Fraction(line.exact_amount) for line in first}
        self._page_of |= {line.id: page for line in first}
        self._put_down(lines)

    def _put_down(self, lines: Iterable[invoice_pb2.InvoiceLine]) -> None:
        """Put each line of a document down to the period that it is of."""
        for line in lines:
            page = self._page_of[line.adjusts_line_id or line.id]
            page.billed[line.item] += Fraction(line.amount)
            self._page_of[line.id] = page

    def _foresee(self) -> None:
        for life in self._lives:
            year, versions, uses = self._years[life.contract], life.specs(_LAST), life.known(_LAST)
            for period in _periods(life, _LAST):
                page = self.books.pages[life.contract, period.label]
                page.now = year.own(versions, uses, period)
                page.is_cut = year.is_cut(versions, period)
            self.books.promised[life.contract] = promises(year, versions, uses, LABELS[-1])

    async def _ask(self, place: int, page: Page) -> None:
        window = _WINDOWS[place % len(_WINDOWS)]
        page.cost = await self._seller.cost(page.life.contract, page.label, window)
        before = LABELS[LABELS.index(page.label) - 1] if page.label != LABELS[0] else ""
        if (page.life.contract, before) in self.books.pages:
            page.variance = await self._seller.variance(page.life.contract, page.label)


def _periods(life: Life, month: int) -> list[Months]:
    """Return the periods of a contract as it is before the invoices of a month."""
    versions = life.specs(month)
    return list(periods(versions[-1], LABELS[-1])) if versions else []
