"""What the months of a contract cost, a second time: docs/pricing.md in fractions, from that page alone.

`Year` is told, month by month, which versions of the contract there are and what is known to be used; it keeps what
was billed in advance, as whoever bills does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from testkit.oracle.contracts import (
    Months,
    Run,
    Spec,
    dated,
    midnight,
    periods,
    plan_on,
    printed,
    rules,
    runs,
    segments,
    share,
    shared,
)
from testkit.oracle.exact import round_half_away
from testkit.oracle.parts import cost_of_groups
from testkit.oracle.prices import cost_of

Amounts = dict[str, Fraction]
_TAKEN = "Billed in advance: "


class Used(Protocol):
    """What was used at a time: how much, to where, and by whom."""

    @property
    def time(self) -> datetime:
        """When it was used."""
        ...

    @property
    def n(self) -> Decimal:
        """How much."""
        ...

    @property
    def to(self) -> str:
        """The property by which it may be priced."""
        ...

    @property
    def who(self) -> str:
        """Who used it."""
        ...


@dataclass
class Year:
    """A contract with the plans that it may have; `places` is the number of decimals of its currency."""

    plans: Mapping[str, Spec]
    places: int
    ahead: dict[str, Amounts] = field(default_factory=dict)
    """What was billed in advance, by the label of the period that it is of."""

    def charges(self, versions: Sequence[Spec], uses: Sequence[Used], period: Months) -> Amounts:
        """Return all charges of a period but for commitments: its own, then what was billed ahead, and what is."""
        found = self.own(versions, uses, period)
        for name, amount in self.ahead.get(period.label, {}).items():
            found[_TAKEN + name] = -amount
        return found | self.following(versions, period)

    def following(self, versions: Sequence[Spec], period: Months) -> Amounts:
        """Return the fees that a period bills of the one that follows it."""
        after = next((one for one in periods(versions[-1], "9999-12") if one.first >= period.after), None)
        if after is None:
            return {}
        fees = [run for run in runs(versions, self.plans, after) if run.item.get("billing") == "advance"]
        return {dated(fee.item["name"], fee.first, fee.after): self._cost(fee, versions, (), after) for fee in fees}

    def own(self, versions: Sequence[Spec], uses: Sequence[Used], period: Months) -> Amounts:
        """Return what a period costs, whenever it is billed, without commitments."""
        found = self._items(versions, uses, period)
        amounts, _ = self._beside(found, versions, period)
        return {run.name: cost for run, cost in found} | amounts

    def spent(self, versions: Sequence[Spec], uses: Sequence[Used], period: Months, items: Sequence[str]) -> Fraction:
        """Return what is left of some items in print, after bounds and discounts; none named: of all charges."""
        found = self._items(versions, uses, period)
        _, rests = self._beside(found, versions, period)
        names = [run.name for run, _ in found if run.item["name"] in items] if items else list(rests)
        return sum((rests[name] for name in names), Fraction(0))

    def is_cut(self, versions: Sequence[Spec], period: Months) -> bool:
        """Whether a plan change cuts a period."""
        return len(segments(versions, period)) > 1

    def _items(self, versions: Sequence[Spec], uses: Sequence[Used], period: Months) -> list[tuple[Run, Fraction]]:
        return [(run, self._cost(run, versions, uses, period)) for run in runs(versions, self.plans, period)]

    def _beside(
        self, items: Sequence[tuple[Run, Fraction]], versions: Sequence[Spec], period: Months
    ) -> tuple[Amounts, Amounts]:
        """Return the charges of bounds and discounts, and what is left of everything in print."""
        spec, plan = versions[-1], self.plans[plan_on(versions, period, _last(period))]
        rests = printed({run.name: cost for run, cost in items}, self.places)
        names = {run.name: str(run.item["name"]) for run, _ in items}
        found: Amounts = {}
        if "maximum" in plan:
            bound = plan["maximum"]
            held = [name for name in rests if names[name] in bound.get("of", names.values())]
            over = max(sum((rests[name] for name in held), Fraction(0)) - Fraction(bound["amount"]), Fraction(0))
            found["Plan maximum"] = -over
            self._take(over, held, rests)
        if "minimum" in plan:
            lacks = max(self._minimum(plan["minimum"], spec, period) - sum(rests.values(), Fraction(0)), Fraction(0))
            found["Plan minimum"] = rests["Plan minimum"] = lacks
        discounts = [one for one in spec.get("discounts", ()) if rules(one, spec, period)]
        for one in sorted(discounts, key=lambda one: "items" not in one):
            of = [name for name in rests if names.get(name) in one["items"]] if "items" in one else list(rests)
            base = sum((rests[name] for name in of), Fraction(0))
            exact = base * Fraction(one["percent"]) / 100 if "percent" in one else min(Fraction(one["amount"]), base)
            found[f"Discount: {one['name']}"] = -exact
            self._take(round_half_away(exact, self.places), of, rests)
        return found, rests

    def _minimum(self, bound: Spec, spec: Spec, period: Months) -> Fraction:
        part = share(spec, period, period.first, period.after)
        if bound.get("proration") == "day":
            return round_half_away(Fraction(bound["amount"]) * part, self.places)
        return Fraction(bound["amount"]) if part else Fraction(0)

    def _take(self, amount: Fraction, names: Sequence[str], rests: Amounts) -> None:
        for name, part in shared(amount, {name: rests[name] for name in names}, self.places).items():
            rests[name] -= part

    def _cost(self, run: Run, versions: Sequence[Spec], uses: Sequence[Used], period: Months) -> Fraction:
        item, spec = run.item, versions[-1]
        times = Fraction(item.get("times", "1"))
        if "fixed" in item:
            part = share(spec, period, run.first, run.after)
            whole = Fraction(item["fixed"]["amount"]) * times
            if item.get("proration") == "day":
                return whole * part
            return whole if part or "once" in item else Fraction(0)
        begins, ends = midnight(run.first, spec), midnight(run.after, spec)
        return _usage_cost(item, [use for use in uses if begins <= use.time < ends], times)


def _last(period: Months) -> date:
    return date.fromordinal(period.after.toordinal() - 1)


def _usage_cost(item: Spec, uses: Sequence[Used], times: Fraction) -> Fraction:
    price = item["price"]
    bare = {key: value for key, value in price.items() if key not in {"minimum", "maximum"}}
    if "perKey" in price:
        cost = cost_of_groups([({"to": use.to}, Fraction(use.n)) for use in uses], bare)
    else:
        cost = cost_of(_quantity(item["meter"], uses), bare).amount
    cost *= times
    if "maximum" in price:
        cost = min(cost, Fraction(price["maximum"]))
    return max(cost, Fraction(price.get("minimum", "0")))


def _quantity(meter: str, uses: Sequence[Used]) -> Fraction:
    if meter == "l-people":
        return Fraction(len({use.who for use in uses}))
    values = [Fraction(use.n) for use in uses]
    return max(values, default=Fraction(0)) if meter == "l-peak" else sum(values, Fraction(0))


@dataclass(frozen=True)
class Promise:
    """A window of a commitment: the labels of its periods, and what is charged for it in all."""

    labels: tuple[str, ...]
    amount: Fraction


def promises(year: Year, versions: Sequence[Spec], uses: Sequence[Used], until: str) -> list[Promise]:
    """Return what the commitments of a contract come to in each window that has ended by the period of a label."""
    spec, found = versions[-1], []
    ends = spec.get("end", "9999-12-31")
    for one in spec.get("commitments", ()):
        items = [] if one["covers"] == "contract" else one["covers"]["items"]
        for window in one["schedule"]:
            first, after = date.fromisoformat(window["from"]), date.fromisoformat(window["until"])
            inside = [each for each in periods(spec, until) if first <= each.first < after]
            if not inside or inside[-1].after.isoformat() != min(window["until"], ends):
                continue
            progress = sum((year.spent(versions, uses, each, items) for each in inside), Fraction(0))
            promised, due = Fraction(window["amount"]), True
            if inside[-1].after < after and one["onEarlyEnd"] == "prorate":
                days = Fraction((inside[-1].after - first).days, (after - first).days)
                promised = round_half_away(promised * days, year.places)
            elif inside[-1].after < after and one["onEarlyEnd"] == "waive":
                due = False
            beyond = (Fraction(one["overage"]) - 1) * max(progress - promised, Fraction(0))
            lacks = max(promised - progress, Fraction(0)) if due and one["shortfall"] == "bill" else Fraction(0)
            labels = tuple(each.label for each in inside)
            found.append(Promise(labels, round_half_away(beyond, year.places) + lacks))
    return found
