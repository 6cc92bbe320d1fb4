"""Who bears what a window costs, where the price goes by values of properties: each part has its own exact cost.

Inside a part, cells bear it by what is priced of them in the window, below zero counting as zero; where nothing was
used with the part in the window, and its cost changes because of others, by what is priced of them so far.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from money import ZERO, Exact, divided, less, print_parts, times, total
from rating.domain.cells import decimal_of
from rating.domain.rate_parts import scaled

if TYPE_CHECKING:
    from money import Currency
    from rating.domain.cells import Cells
    from rating.domain.cost import Breakdown, CostRow
    from rating.domain.pricing.rows import Derivation
    from rating.domain.pricing.spread import Spread

Group = tuple[str, ...]
Costs = dict[Group | None, list[Exact]]


def costs_of_groups(
    spread: Spread, usage: tuple[Cells, Cells], now: Derivation, before: Derivation, by: tuple[str, ...]
) -> dict[Group | None, Exact]:
    """Return by how much the cost of each group rises in a window; None: what comes from no usage.

    `usage` is that of the window, and all up to its end; groups are told by `by`.
    """
    costs_now, costs_before = _of_parts(now), _of_parts(before)
    found: Costs = {}
    weights = [_weights(spread, cells, by) for cells in usage]
    for key in dict.fromkeys((*costs_now, *costs_before)):
        cost = less(costs_now.get(key, ZERO), costs_before.get(key, ZERO))
        if cost:
            _share_part(cost, next((one[key] for one in weights if key in one), {}), found)
    return {group: total(parts) for group, parts in found.items()}


def rows_of_groups(
    row: CostRow,
    costs: Mapping[Group | None, Exact],
    quantities: Mapping[Group, Decimal],
    breakdown: Breakdown,
    currency: Currency,
) -> Iterator[CostRow]:
    """Yield the rows of the groups of a window, whose printed amounts add up to that of the window.

    First what comes from no usage is told from the rest, then what the filters tell apart is printed, then the groups
    inside each: so a filter shows just what its values have in the question that groups by them.
    """
    by_narrowed: dict[Group, dict[Group, list[tuple[Exact, Decimal]]]] = {}
    for values in sorted({*costs, *quantities} - {None}, key=lambda one: one or ()):
        if values is not None:
            told = (costs.get(values, ZERO), quantities.get(values, ZERO))
            groups = by_narrowed.setdefault(breakdown.narrowed(values), {})
            groups.setdefault(breakdown.group_of(values), []).append(told)
    exact = [total(cost for told in groups.values() for cost, _ in told) for groups in by_narrowed.values()]
    of_none = costs.get(None, ZERO)
    if of_none:
        rest, amount = print_parts([total(exact), of_none], row.amount, currency)
        yield replace(row, group=None, quantity=ZERO, amount=amount, exact_amount=of_none)
    else:
        rest = row.amount
    printed = print_parts(exact, rest, currency) if exact else []
    parts: dict[Group, list[CostRow]] = {}
    for (narrowed, groups), amount in zip(by_narrowed.items(), printed, strict=True):
        if breakdown.lets_pass(narrowed):
            sums = {group: total(cost for cost, _ in told) for group, told in groups.items()}
            shares = print_parts(list(sums.values()), amount, currency)
            for (group, cost), part in zip(sums.items(), shares, strict=True):
                quantity = decimal_of(total(quantity for _, quantity in groups[group]))
                one = replace(row, group=group, quantity=quantity, amount=part, exact_amount=cost)
                parts.setdefault(group, []).append(one)
    for group in sorted(parts):
        yield _together(parts[group])


def _of_parts(derivation: Derivation) -> dict[Hashable, Exact]:
    """Return what each part costs once a maximum has cut them."""
    return {part.key: part.amount for part in scaled(derivation.parts, derivation.amount)}


def _weights(spread: Spread, cells: Cells, by: tuple[str, ...]) -> dict[Hashable, dict[Group, Decimal]]:
    """Return by which quantities the groups of each part bear its cost; none for a part without any above zero."""
    found: dict[Hashable, dict[Group, Decimal]] = {}
    deciding = [cells.by.index(key) for key in spread.by]
    telling = [cells.by.index(key) for key in by]
    for cell in cells.cells:
        if cell.billed > ZERO:
            key = spread.key_of(tuple(cell.values[place] for place in deciding))
            group = tuple(cell.values[place] for place in telling)
            own = found.setdefault(key, {})
            own[group] = decimal_of(total((own.get(group, ZERO), cell.billed)))
    return found


def _share_part(cost: Exact, weights: Mapping[Group, Decimal], found: Costs) -> None:
    if not weights:
        found.setdefault(None, []).append(cost)
        return
    whole = total(weights.values())
    for group, weight in weights.items():
        found.setdefault(group, []).append(divided(times(cost, weight), whole))


def _together(rows: list[CostRow]) -> CostRow:
    if len(rows) == 1:
        return rows[0]
    return replace(
        rows[0],
        quantity=decimal_of(total(row.quantity or ZERO for row in rows)),
        amount=decimal_of(total(row.amount for row in rows)),
        exact_amount=total(row.exact_amount or ZERO for row in rows),
    )
