"""Prices by values of properties, a second time: docs/pricing.md in fractions, from that page alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from testkit.oracle.prices import converted, cost_of, discounted

Usage = Sequence[tuple[Mapping[str, str], Fraction]]
_AROUND = frozenset({"matrix", "perKey", "ladder", "included", "maximum", "minimum", "convert"})


def cost_of_groups(usage: Usage, price: Mapping[str, Any], discounts: Sequence[Mapping[str, str]] = ()) -> Fraction:
    """Price usage by groups (property -> value, quantity) by the `price` of a catalog file, less discounts in units."""
    amount = sum(costs_of_parts(usage, price, discounts).values(), Fraction(0))
    if "maximum" in price:
        amount = min(amount, Fraction(price["maximum"]))
    return max(amount, Fraction(price.get("minimum", "0")))


def costs_of_parts(
    usage: Usage, price: Mapping[str, Any], discounts: Sequence[Mapping[str, str]] = ()
) -> dict[str, Fraction]:
    """Return what each part costs, before the bounds; flat fees of a common ladder are a part of their own."""
    models, quantities = _parts(usage, price)
    left = {
        part: converted(max(quantity, Fraction(0)), price.get("convert", {})) for part, quantity in quantities.items()
    }
    whole = sum(left.values(), Fraction(0))
    for part, quantity in left.items():
        own = Fraction(models[part].get("included", "0"))
        if "matrix" in price and "included" in price:
            share = Fraction(price["included"])
            left[part] = quantity * (whole - share) / whole if whole > share else Fraction(0)
        else:
            left[part] = max(quantity - (own or Fraction(price.get("included", "0"))), Fraction(0))
    whole = sum(left.values(), Fraction(0))
    left = {part: quantity * discounted(whole, discounts) / (whole or 1) for part, quantity in left.items()}
    if price.get("ladder") == "total":
        return _together(models, left)
    return {part: _alone(models[part], quantity) for part, quantity in left.items()}


def part_of(group: Mapping[str, str], price: Mapping[str, Any]) -> str:
    """Return in which part usage falls: the number of a row, "otherwise", or the values of the key."""
    if "perKey" in price:
        return "|".join(group.get(key, "") for key in price["perKey"])
    rows = price["matrix"]["rows"]
    matching = [place for place, row in enumerate(rows) if _matches(group, row["when"])]
    if not matching:
        return "otherwise"
    alike = [place for place in matching if _prefixed(rows[place]) == _prefixed(rows[matching[0]])]
    if not _prefixed(rows[matching[0]]):
        return str(matching[0])
    return str(max(alike, key=lambda place: (_reach(group, rows[place]["when"]), -place)))


def _parts(usage: Usage, price: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], dict[str, Fraction]]:
    models: dict[str, Mapping[str, Any]] = {}
    quantities: dict[str, Fraction] = {}
    for group, quantity in usage:
        part = part_of(group, price)
        quantities[part] = quantities.get(part, Fraction(0)) + quantity
        if "perKey" in price:
            models[part] = {key: value for key, value in price.items() if key not in _AROUND}
        else:
            matrix = price["matrix"]
            models[part] = matrix["otherwise"] if part == "otherwise" else matrix["rows"][int(part)]
    return models, quantities


def _alone(model: Mapping[str, Any], quantity: Fraction) -> Fraction:
    return cost_of(quantity, {key: value for key, value in model.items() if key not in {"when", "included"}}).amount


def _together(models: Mapping[str, Mapping[str, Any]], left: Mapping[str, Fraction]) -> dict[str, Fraction]:
    whole = sum(left.values(), Fraction(0))
    if not whole:
        return dict.fromkeys(left, Fraction(0))
    kind = "volume" if all("volume" in model for model in models.values()) else "graduated"
    first = next(iter(models.values()))[kind]["tiers"]
    found = dict.fromkeys(left, Fraction(0))
    fees, below = Fraction(0), Fraction(0)
    for place, tier in enumerate(first):
        end = whole if tier.get("upTo") is None else min(whole, Fraction(tier["upTo"]))
        is_last = tier.get("upTo") is None or whole <= Fraction(tier["upTo"])
        part = (whole if is_last else Fraction(0)) if kind == "volume" else end - below
        if part > 0:
            fees += Fraction(tier.get("flat", "0"))
            for name, quantity in left.items():
                found[name] += part * quantity / whole * Fraction(models[name][kind]["tiers"][place]["unit"])
        if is_last:
            break
        below = end
    return {**found, "fees": fees}


def _matches(group: Mapping[str, str], when: Mapping[str, Any]) -> bool:
    for key, wanted in when.items():
        value = group.get(key, "")
        if isinstance(wanted, Mapping):
            if not any(value.startswith(prefix) for prefix in _list(wanted["prefix"])):
                return False
        elif value not in _list(wanted):
            return False
    return True


def _prefixed(row: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(key for key, wanted in row["when"].items() if isinstance(wanted, Mapping))


def _reach(group: Mapping[str, str], when: Mapping[str, Any]) -> int:
    lengths = 0
    for key, wanted in when.items():
        if isinstance(wanted, Mapping):
            value = group.get(key, "")
            lengths += max(len(prefix) for prefix in _list(wanted["prefix"]) if value.startswith(prefix))
    return lengths


def _list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
