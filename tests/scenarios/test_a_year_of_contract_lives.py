"""A generated year of contracts that start, change, pause and end, with usage that comes late or is taken back.

What they cost is worked out by an oracle in fractions. Then live = frozen = simulated, cost over time and the effects
of each change add up, and all lines of an item and period, over all documents, are its charge as it is now, rounded.
`--lives 200` does it for as many customers, `--lives-seed` for others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction

import pytest
import pytest_asyncio

from testkit.live import Tenant
from testkit.lives import lives
from testkit.lives.books import PLACES, Amounts, Books, Page, Writer
from testkit.lives.seller import Seller
from testkit.oracle.exact import round_half_away

pytestmark = pytest.mark.timeout(3600)  # 200 lives take minutes
COMMITMENT = "Commitment: "
DAYS_OF_A_PART = re.compile(r" \(\S+ to \S+\)$")
AHEAD = ("Billed in advance: ", "Base (")


@pytest_asyncio.fixture(scope="module")
async def books(make_tenant: Callable[[str], Tenant], request: pytest.FixtureRequest) -> Books:
    tenant = make_tenant("lives")
    told = lives(request.config.getoption("--lives"), request.config.getoption("--lives-seed"))
    async with Seller(tenant.context) as seller:
        return await Writer(tenant, seller, told).write()


def printed(page: Page, exact: Fraction) -> Fraction:
    return round_half_away(exact, PLACES[page.life.currency])


def without(amounts: Amounts, *beginnings: str) -> Amounts:
    return {name: amount for name, amount in amounts.items() if not name.startswith(beginnings)}


def test_live_charges_are_those_of_the_oracle(books: Books) -> None:
    for place, page in books.pages.items():
        assert (place, without(page.live, COMMITMENT)) == (place, page.foreseen)


def test_what_was_live_is_what_is_billed(books: Books) -> None:
    for place, page in books.pages.items():
        shown = {name: amount for name, amount in page.live.items() if name not in page.settled}
        assert (place, without(page.frozen, COMMITMENT)) == (place, without(shown, COMMITMENT))


def test_all_lines_of_an_item_together_are_its_charge_as_it_is_now(books: Books) -> None:
    for place, page in books.pages.items():
        expected = {name: amount for name, amount in page.foreseen.items() if name not in page.now} | page.now
        found = {name: page.billed.get(name, Fraction(0)) for name in expected if name not in page.settled}
        assert (place, found) == (place, {name: printed(page, expected[name]) for name in found})


def test_a_commitment_costs_what_its_whole_window_does(books: Books) -> None:
    for contract, promised in books.promised.items():
        for promise in promised:
            lines = [books.pages[contract, label].billed for label in promise.labels]
            found = sum(
                (amount for each in lines for name, amount in each.items() if name.startswith(COMMITMENT)), Fraction(0)
            )
            assert (contract, promise.labels, found) == (contract, promise.labels, promise.amount)


def test_cost_over_time_adds_up_to_what_is_printed(books: Books) -> None:
    for place, page in books.pages.items():
        found: dict[str, Fraction] = defaultdict(Fraction)
        for row in page.cost.rows:
            found[row.item] += Fraction(row.amount)
        expected = {name: printed(page, amount) for name, amount in page.now.items()}
        assert (place, {name: found[name] for name in expected}) == (place, expected)


def test_the_effects_of_each_change_add_up(books: Books) -> None:
    for place, page in books.pages.items():
        if page.variance is None:
            continue
        for item in page.variance.items:
            before, after = (
                (Fraction(side.amount or 0), Fraction(side.exact_amount or 0)) for side in (item.before, item.after)
            )
            assert (place, item.item, Fraction(item.change)) == (place, item.item, after[0] - before[0])
            assert sum((Fraction(one.amount) for one in item.effects), Fraction(0)) == after[0] - before[0], place
            if all(one.exact_amount for one in item.effects):
                exact = sum((Fraction(one.exact_amount) for one in item.effects), Fraction(0))
                assert (place, item.item, exact) == (place, item.item, after[1] - before[1])


def test_the_catalog_as_it_is_gives_the_charges_as_they_are(books: Books) -> None:
    expected: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for page in books.pages.values():
        for name, amount in page.now.items():
            expected[page.life.customer][DAYS_OF_A_PART.sub("", name)] += printed(page, amount)
    customers = [customer for part in books.simulated for customer in part.customers]

    found = {
        one.customer: {item.item: Fraction(item.now) for item in one.items if not item.item.startswith(COMMITMENT)}
        for one in customers
    }
    assert [one for one in customers if one.now != one.then or Fraction(one.difference)] == []
    assert found == {customer: dict(items) for customer, items in expected.items()}
    assert [each for part in books.simulated for each in part.skipped] == []


def test_the_lives_are_not_dull(books: Books) -> None:
    pages = books.pages.values()
    assert any(page.is_cut for page in pages)
    assert any(name.startswith(AHEAD[0]) and name not in page.settled for page in pages for name in page.live)
    assert any(page.variance is not None and page.variance.items for page in pages)
    assert any(page.now != without(page.live, COMMITMENT) for page in pages)
    assert any(promised for promised in books.promised.values())
