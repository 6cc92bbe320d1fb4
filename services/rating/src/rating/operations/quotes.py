"""What quantities would cost at the prices of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors.refused import refusals
from chassis.postgres import transaction
from rating.domain.charges import Terms
from rating.domain.contracts import AskedPeriod
from rating.domain.quotes import Question, Quote, quoted
from rating.operations.asking import select_period
from rating.operations.deps import Deps
from rating.operations.finding import find_terms


@dataclass(frozen=True, slots=True)
class Quotes:
    """Quotes by the terms of a period, in the order of the questions."""

    terms: Terms
    quotes: Sequence[Quote]


async def quote_price(deps: Deps, tenant: str, asked: AskedPeriod, questions: Sequence[Question]) -> Quotes:
    """Price quantities by the terms of a period, which may be one to come. Raises NotFound, InvalidRequest."""
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        terms = await find_terms(conn, tenant, versions, period)
    with refusals():
        return Quotes(terms, quoted(terms.plan.content, questions))
