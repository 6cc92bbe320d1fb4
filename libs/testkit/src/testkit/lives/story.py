"""What happens to a contract in a year: a start, other plans, pauses, an end, and usage in time, late and put right.

A life is told in versions of its contract, each known before the invoices of a month are made, and in uses: what was
used, from when on it is known, and until when. Nothing that a version says is of a day that is billed by then. To add
something that may happen, let `_first_version` or `_later` say it, and the oracle what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from testkit.lives.plans import CURRENCIES, SIZES, plan_name

YEAR: Final = 2024
LIVES_DEFAULT: Final = 3
"""So many take a few seconds; with the seed that tests have, everything that may happen does."""
_ZONES: Final = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
_MONTHS: Final = 12
_CHANGES: Final = (4, 8)
"""Months before whose invoices contracts change."""
_ALWAYS: Final = _MONTHS + 1


@dataclass(frozen=True)
class Use:
    """Something that was used. It is known when the invoices of month `told` are made, and void by those of `void`."""

    id: str
    time: datetime
    n: Decimal
    to: str
    who: str
    told: int
    void: int = _ALWAYS


@dataclass(frozen=True)
class Life:
    """A customer with a contract; `versions` are by the month before whose invoices they are applied."""

    customer: str
    currency: str
    versions: Mapping[int, Mapping[str, Any]]
    uses: tuple[Use, ...]

    @property
    def contract(self) -> str:
        """The name of the contract."""
        return f"{self.customer}-1"

    def specs(self, month: int) -> list[Mapping[str, Any]]:
        """The versions of the contract that there are when the invoices of a month are made."""
        return [spec for known, spec in sorted(self.versions.items()) if known <= month]

    def known(self, month: int) -> list[Use]:
        """What is known to be used by then."""
        return [use for use in self.uses if use.told <= month < use.void]


def lives(count: int, seed: int) -> list[Life]:
    """Make as many lives; the first ones are the same whatever `count`."""
    return [_life(number, Random(f"{seed} {number}")) for number in range(count)]  # noqa: S311 - a seed is the point


def _happens(chance: Random, percent: int) -> bool:
    return chance.randrange(100) < percent


def _life(number: int, chance: Random) -> Life:
    currency = CURRENCIES[number % len(CURRENCIES)]
    customer = f"l-{number:03d}"
    size = SIZES[number % 2] if _happens(chance, 80) else SIZES[2]
    first = _first_version(customer, plan_name(currency, size), chance)
    versions, spec = {0: first}, first
    for month in _CHANGES:
        spec = _later(spec, currency, month, chance)
        if spec != versions[max(versions)]:
            versions[month] = spec
    return Life(customer, currency, versions, tuple(_uses(customer, chance)))


def _first_version(customer: str, plan: str, chance: Random) -> dict[str, Any]:
    start = date(YEAR, 1, 1) + timedelta(days=chance.choice([0, 0, 9, 24, 45, 70]))
    anchor = chance.choice([1, 1, 15, 31])
    spec: dict[str, Any] = {
        "customer": customer,
        "plan": plan,
        "start": start.isoformat(),
        "anchorDay": anchor,
        "timeZone": chance.choice(_ZONES),
    }
    discounts = [
        {"name": "Welcome", "percent": "12.5", "items": ["Calls"], "periods": 3},
        {"name": "Thanks", "amount": "10", "from": f"{YEAR}-04-20"},
        {"name": "Partner", "percent": "7", "until": f"{YEAR}-09-01"},
    ]
    if chosen := [one for one in discounts if _happens(chance, 35)]:
        spec["discounts"] = chosen
    overrides = [
        {"item": "Calls", "multiplier": "0.85", "until": f"{YEAR}-07-01"},
        {"item": "Calls", "price": {"perUnit": "0.07", "minimum": "1.005"}, "from": f"{YEAR}-06-03"},
    ]
    if chosen := [one for one in overrides if _happens(chance, 30)]:
        spec["overrides"] = chosen
    if anchor == 1 and _happens(chance, 50):
        spec["commitments"] = [_commitment(chance)]
    return spec


def _commitment(chance: Random) -> dict[str, Any]:
    windows = [
        {"from": f"{YEAR}-04-01", "until": f"{YEAR}-07-01", "amount": "150"},
        {"from": f"{YEAR}-07-01", "until": f"{YEAR + 1}-01-01", "amount": "400"},
    ]
    return {
        "name": "Spend",
        "schedule": windows,
        "covers": chance.choice(["contract", {"items": ["Calls"]}]),
        "overage": chance.choice(["1", "1.5"]),
        "shortfall": chance.choice(["bill", "forfeit"]),
        "onEarlyEnd": chance.choice(["due", "prorate", "waive"]),
    }


def _later(spec: Mapping[str, Any], currency: str, month: int, chance: Random) -> dict[str, Any]:
    """Return the next version: another plan, a pause, or an end, of days that no invoice is made of yet."""
    found = {key: value for key, value in spec.items() if key not in {"effectiveFrom", "midPeriod", "reason"}}
    # A period that a month names may begin on its last day and end with the next month.
    opened = date(YEAR, month, 1) + timedelta(days=31)
    if _happens(chance, 60):
        size = chance.choice([size for size in SIZES if plan_name(currency, size) != spec["plan"]])
        day = opened + timedelta(days=chance.randrange(45))
        found |= {"plan": plan_name(currency, size), "effectiveFrom": day.isoformat(), "reason": "agreed by phone"}
        if _happens(chance, 70):
            found["midPeriod"] = True
    if _happens(chance, 40):
        begins = opened + timedelta(days=chance.randrange(40))
        until = begins + timedelta(days=chance.choice([1, 6, 40]))
        found["pauses"] = [*spec.get("pauses", []), {"from": begins.isoformat(), "until": until.isoformat()}]
    if month == _CHANGES[-1] and _happens(chance, 30):
        # Late enough for a period to begin by another plan.
        found["end"] = (opened + timedelta(days=76 + chance.randrange(30))).isoformat()
    return found


def _uses(customer: str, chance: Random) -> list[Use]:
    found = []
    for number in range(chance.choice([10, 60, 90])):
        time = datetime(YEAR, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(366 * 24 * 3600))
        if _happens(chance, 10):
            # The first or the last instant of a day somewhere.
            time = time.replace(hour=chance.choice([0, 4, 5, 11]), minute=0, second=0)
        n = Decimal(chance.randrange(1, 4000)) / chance.choice([1, 10, 100])
        to, who = chance.choice(["AT", "DE", ""]), chance.choice("abcdef")
        use = Use(f"{customer}-{number}", time, n, to, who, told=0)
        if _happens(chance, 15):
            use = replace(use, told=min(time.month + chance.randrange(1, 4), _MONTHS))
        if _happens(chance, 10) and time.month < _MONTHS:
            use = replace(use, void=min(max(time.month, use.told) + chance.randrange(1, 3), _MONTHS))
        found.append(use if use.void > use.told else replace(use, void=_ALWAYS))
    return found
